//! The stored events of a data subject.

use super::stored_events;
use leadline_domain::id::{ContactId, LeadId};
use leadline_domain::subject::Event;

stored_events! {
    fields {
        "subject.erased" 1 ErasedV1 = Erased {
            claims_released: u32;
            lead: Option<LeadId>, contact: Option<ContactId>
        }
    }
    whole {}
    by {}
}
