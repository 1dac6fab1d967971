//! The lead: from first interest to converted or unqualified.

pub mod command;
pub mod decide;
pub mod event;
pub mod settle;
pub mod state;

pub use command::Command;
pub use event::Event;
pub use state::State;

/// Where a lead stands. Phases are fixed; a company's own status labels map to them by its status process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Captured, nobody has been in touch.
    New,
    /// Somebody is in touch.
    Working,
    /// Not in a buying cycle now; kept warm.
    Nurturing,
    /// Marketing-qualified: waits for sales to accept or reject.
    Mql,
    /// Sales-accepted.
    Sal,
    /// Sales confirmed need and means.
    Qualified,
    /// Became account, contact and perhaps opportunity.
    Converted,
    /// No business to be had, for the time being.
    Unqualified,
}

impl Phase {
    /// Every phase, in the order of the funnel.
    pub const ALL: [Self; 8] = [
        Self::New,
        Self::Working,
        Self::Nurturing,
        Self::Mql,
        Self::Sal,
        Self::Qualified,
        Self::Converted,
        Self::Unqualified,
    ];

    /// The phase's name in policies, views and replies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Working => "working",
            Self::Nurturing => "nurturing",
            Self::Mql => "mql",
            Self::Sal => "sal",
            Self::Qualified => "qualified",
            Self::Converted => "converted",
            Self::Unqualified => "unqualified",
        }
    }

    /// The phase of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

/// Who has a lead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Owner {
    /// One person.
    Person(String),
    /// One queue, from which its members pull.
    Queue(String),
}

/// What a task of this lead is called: the queue it waits in.
pub type TaskQueue = String;

/// Which service-level clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Milestone {
    /// From MQL until sales accepts or rejects.
    Acceptance,
}

impl Milestone {
    /// The milestone's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Acceptance => "acceptance",
        }
    }

    /// The milestone of this name.
    pub fn named(name: &str) -> Option<Self> {
        (name == Self::Acceptance.name()).then_some(Self::Acceptance)
    }
}

/// What a rejection of an MQL leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RejectOutcome {
    /// Back to marketing, as New.
    Return,
    /// To Nurturing.
    Nurture,
    /// To Unqualified.
    Disqualify,
}

impl RejectOutcome {
    /// The outcome's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Return => "return",
            Self::Nurture => "nurture",
            Self::Disqualify => "disqualify",
        }
    }

    /// The outcome of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Return, Self::Nurture, Self::Disqualify].into_iter().find(|one| one.name() == name)
    }

    /// The phase that follows.
    pub const fn phase(self) -> Phase {
        match self {
            Self::Return => Phase::New,
            Self::Nurture => Phase::Nurturing,
            Self::Disqualify => Phase::Unqualified,
        }
    }
}
