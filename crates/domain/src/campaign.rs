//! The campaign: what marketing does to be found, and what it costs.

use crate::config::Catalogue;
use crate::decide::draft::{Draft, Why};
use crate::decision::{Class, Event as AnyEvent};
use crate::id::CampaignId;
use crate::money::Money;
use crate::time::Timestamp;
use crate::{Refusal, StreamId};

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

impl Event {
    /// Where the event comes from.
    pub const fn class(&self) -> Class {
        match self {
            Self::Planned { registered: true, .. } | Self::CostRecorded { .. } => Class::Fact,
            Self::Planned { .. } | Self::Started { .. } | Self::Closed => Class::Decision,
        }
    }
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

impl Stage {
    /// The stage's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Registered => "registered",
            Self::Planned => "planned",
            Self::Started => "started",
            Self::Closed => "closed",
        }
    }
}

/// What is known of a campaign.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct State {
    /// Where it stands.
    pub stage: Stage,
    /// Channel.
    pub channel: Option<String>,
    /// When the last decision took effect: none may be dated earlier.
    pub decided_at: Option<Timestamp>,
}

impl State {
    /// Folds `event`, effective `at`. Total.
    pub fn evolve(&mut self, event: &Event, at: Timestamp) {
        if event.class() == Class::Decision {
            self.decided_at = self.decided_at.max(Some(at));
        }
        match event {
            Event::Planned { channel, registered, .. } => {
                self.stage = if *registered { Stage::Registered } else { Stage::Planned };
                self.channel.clone_from(channel);
            }
            Event::Started { .. } => self.stage = Stage::Started,
            Event::Closed => self.stage = Stage::Closed,
            Event::CostRecorded { .. } => {}
        }
    }
}

/// Decides one command on the campaign of this key.
pub(crate) fn decide(draft: &mut Draft<'_>, key: &str, command: &Command) -> Result<(), Refusal> {
    let state = draft.campaign(key);
    let unknown = || Refusal::CampaignUnknown { campaign: key.to_owned() };
    let not_open = Refusal::CampaignNotOpen { stage: state.stage.name() };
    let (event, why) = match (command, state.stage) {
        (Command::Plan { title, channel }, Stage::Unknown | Stage::Registered) => {
            let (title, channel) = (title.clone(), channel.clone());
            let event = Event::Planned { key: key.to_owned(), title, channel, registered: false };
            (event, Why::rule("campaign.planned"))
        }
        (Command::Plan { .. }, _) => return Err(Refusal::AlreadyExists { what: "campaign" }),
        (_, Stage::Unknown) => return Err(unknown()),
        (Command::Start, Stage::Registered | Stage::Planned) => {
            (Event::Started { at: draft.at() }, Why::rule("campaign.started"))
        }
        (Command::Close, Stage::Registered | Stage::Started) => {
            (Event::Closed, Why::rule("campaign.closed"))
        }
        (Command::Start | Command::Close, _) => return Err(not_open),
        (Command::RecordCost { amount }, _) if amount.minor <= 0 => {
            return Err(Refusal::AmountNegative);
        }
        (Command::RecordCost { amount }, _) => {
            (Event::CostRecorded { amount: *amount }, Why::rule(""))
        }
    };
    if event.class() == Class::Decision
        && let Some(last) = state.decided_at
    {
        draft.not_before(last)?;
    }
    if let Event::Planned { channel: Some(channel), .. } = &event {
        draft.name(Catalogue::Channel, channel)?;
    }
    draft.propose(StreamId::Campaign(CampaignId::of(key)), AnyEvent::Campaign(event), why);
    Ok(())
}
