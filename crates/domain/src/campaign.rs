//! The campaign: what marketing does to be found, and what it costs.

use crate::money::Money;
use crate::time::Timestamp;

/// What happens to a campaign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// It was planned (decision), or registered at first sight by a capture or import.
    Planned {
        /// Its key: a business name, unique.
        key: String,
        /// Title for people.
        title: Option<String>,
        /// Channel through which it runs.
        channel: Option<String>,
        /// It was not planned here; something merely named it.
        registered: bool,
    },
    /// It began (decision).
    Started {
        /// When.
        at: Timestamp,
    },
    /// It cost something (fact).
    CostRecorded {
        /// How much.
        amount: Money,
    },
    /// It ended (decision). Costs may still arrive.
    Closed,
}

/// What can be asked of a campaign. Its key is the command's target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Plan it.
    Plan {
        /// Title for people.
        title: Option<String>,
        /// Channel.
        channel: Option<String>,
    },
    /// Begin.
    Start,
    /// Record a cost.
    RecordCost {
        /// How much; positive.
        amount: Money,
    },
    /// End.
    Close,
}

impl Command {
    /// The command's name, as feeds and the API spell it.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Plan { .. } => "PlanCampaign",
            Self::Start => "StartCampaign",
            Self::RecordCost { .. } => "RecordCost",
            Self::Close => "CloseCampaign",
        }
    }
}

/// Where a campaign stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Nobody has named it yet.
    #[default]
    Unknown,
    /// Named by a capture, touch or import, never planned.
    Registered,
    /// Planned.
    Planned,
    /// Running.
    Started,
    /// Ended.
    Closed,
}

/// What is known of a campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Where it stands.
    pub stage: Stage,
    /// Channel.
    pub channel: Option<String>,
}
