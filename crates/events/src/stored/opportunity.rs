//! The stored events of an opportunity.

use super::{Malformed, Stored, stored_events, stored_struct};
use leadline_domain::id::{AccountId, ContactId, LeadId};
use leadline_domain::money::{Money, ProbabilityBp};
use leadline_domain::opportunity::{Event, Opened, Origin, Standing};
use leadline_domain::time::Timestamp;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The lead whose conversion opened it; left out where it was opened directly.
impl Stored for Origin {
    type Form<'a> = Option<Uuid>;

    fn form(&self) -> Option<Uuid> {
        match self {
            Self::Lead(LeadId(lead)) => Some(*lead),
            Self::Direct => None,
        }
    }

    fn read(form: Option<Uuid>) -> Result<Self, Malformed> {
        Ok(form.map_or(Self::Direct, |lead| Self::Lead(LeadId(lead))))
    }
}

stored_struct!(OpenedV1 = Opened {
    stage: String, undated: bool;
    origin: Origin, account: Option<AccountId>, contact: Option<ContactId>, owner: Option<String>,
    #[serde(rename = "probability_bp")] probability: Option<ProbabilityBp>, amount: Option<Money>, close_date: Option<Timestamp>,
    product: Option<String>, campaign: Option<String>, source: Option<String>,
    attributes: BTreeMap<String, String>
});

stored_struct!(StandingV1 = Standing {
    opened_at: Timestamp, opened: Opened;
    stages: Vec<String>
});

stored_events! {
    fields {
        "opportunity.detached" 1 DetachedV1 = Detached { lead: LeadId; }
        "opportunity.attached" 1 AttachedV1 = Attached {
            lead: LeadId;
            standing: Option<Box<Standing>>
        }
        "opportunity.stage_advanced" 1 StageAdvancedV1 = StageAdvanced {
            from: String, to: String;
            #[serde(rename = "probability_bp")] probability: Option<ProbabilityBp>
        }
        "opportunity.stage_regressed" 1 StageRegressedV1 = StageRegressed {
            from: String, to: String;
            #[serde(rename = "probability_bp")] probability: Option<ProbabilityBp>, reason: Option<String>
        }
        "opportunity.amount_changed" 1 AmountChangedV1 = AmountChanged {
            to: Money;
            from: Option<Money>
        }
        "opportunity.close_date_moved" 1 CloseDateMovedV1 = CloseDateMoved {
            to: Timestamp, slips: u32;
            from: Option<Timestamp>
        }
        "opportunity.won" 1 WonV1 = Won { from: String; amount: Option<Money> }
        "opportunity.lost" 1 LostV1 = Lost {
            from: String;
            reason: Option<String>, competitor: Option<String>, amount: Option<Money>
        }
        "opportunity.reopened" 1 ReopenedV1 = Reopened {
            stage: String;
            #[serde(rename = "probability_bp")] probability: Option<ProbabilityBp>
        }
    }
    whole {
        "opportunity.opened" 1 = Opened(Box<Opened>)
    }
    by {}
}
