//! The stored events of an account.

use super::stored_events;
use leadline_domain::account::Event;
use leadline_domain::id::{LeadId, SubjectId};
use leadline_domain::sealed::Sealed;

stored_events! {
    fields {
        "account.opened" 1 OpenedV1 = Opened {
            ;
            origin: Option<LeadId>, details: Option<Sealed>, subject: Option<SubjectId>,
            owner: Option<String>
        }
        "account.renamed" 1 RenamedV1 = Renamed { details: Sealed; }
    }
    whole {}
    by {}
}
