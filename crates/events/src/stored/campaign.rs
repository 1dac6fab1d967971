//! The stored events of a campaign.

use super::stored_events;
use leadline_domain::campaign::Event;
use leadline_domain::money::Money;
use leadline_domain::time::Timestamp;

stored_events! {
    fields {
        "campaign.planned" 1 PlannedV1 = Planned {
            key: String, registered: bool;
            title: Option<String>, channel: Option<String>
        }
        "campaign.started" 1 StartedV1 = Started { at: Timestamp; }
        "campaign.cost_recorded" 1 CostRecordedV1 = CostRecorded { amount: Money; }
        "campaign.closed" 1 ClosedV1 = Closed { ; }
    }
    whole {}
    by {}
}
