//! The stored events of a contact.

use super::stored_events;
use leadline_domain::contact::Event;
use leadline_domain::id::{AccountId, LeadId, SubjectId};
use leadline_domain::sealed::{FieldSet, Sealed};

stored_events! {
    fields {
        "contact.opened" 1 OpenedV1 = Opened {
            account: AccountId;
            origin: Option<LeadId>, person: Option<Sealed>, fields: FieldSet,
            subject: Option<SubjectId>
        }
        "contact.changed" 1 ChangedV1 = Changed { person: Sealed; fields: FieldSet }
        "contact.subject_erased" 1 SubjectErasedV1 = SubjectErased { ; subjects: Vec<SubjectId> }
    }
    whole {}
    by {}
}
