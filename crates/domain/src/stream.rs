//! The streams that decisions read and write.

use crate::id::{
    AccountId, CampaignId, CommandId, ContactId, ImportId, LeadId, OpportunityId, SubjectId,
};
use uuid::Uuid;

/// A stream: one aggregate's events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StreamId {
    /// A lead.
    Lead(LeadId),
    /// An account.
    Account(AccountId),
    /// A contact.
    Contact(ContactId),
    /// An opportunity.
    Opportunity(OpportunityId),
    /// A campaign.
    Campaign(CampaignId),
    /// Policies, catalogues and people: the one stream on which every decision is conditioned.
    Config,
    /// A person's data-subject record.
    Subject(SubjectId),
    /// What a command was refused, or that it changed nothing: one stream per such command.
    Attempt(CommandId),
    /// One import.
    Import(ImportId),
}

impl StreamId {
    /// The category's name: the part before the dash.
    pub const fn category(&self) -> &'static str {
        match self {
            Self::Lead(_) => "lead",
            Self::Account(_) => "account",
            Self::Contact(_) => "contact",
            Self::Opportunity(_) => "opportunity",
            Self::Campaign(_) => "campaign",
            Self::Config => "config",
            Self::Subject(_) => "subject",
            Self::Attempt(_) => "attempt",
            Self::Import(_) => "import",
        }
    }

    /// The identity within the category; nil for the one `config` stream.
    pub const fn key(&self) -> Uuid {
        match self {
            Self::Lead(LeadId(id))
            | Self::Account(AccountId(id))
            | Self::Contact(ContactId(id))
            | Self::Opportunity(OpportunityId(id))
            | Self::Campaign(CampaignId(id))
            | Self::Subject(SubjectId(id))
            | Self::Attempt(CommandId(id))
            | Self::Import(ImportId(id)) => *id,
            Self::Config => Uuid::nil(),
        }
    }

    /// The stream of this category and identity; `None` for a category that the domain does not know.
    pub fn of(category: &str, key: Uuid) -> Option<Self> {
        Some(match category {
            "lead" => Self::Lead(LeadId(key)),
            "account" => Self::Account(AccountId(key)),
            "contact" => Self::Contact(ContactId(key)),
            "opportunity" => Self::Opportunity(OpportunityId(key)),
            "campaign" => Self::Campaign(CampaignId(key)),
            "config" => Self::Config,
            "subject" => Self::Subject(SubjectId(key)),
            "attempt" => Self::Attempt(CommandId(key)),
            "import" => Self::Import(ImportId(key)),
            _ => return None,
        })
    }
}

impl std::fmt::Display for StreamId {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Config => formatter.write_str("config"),
            other => write!(formatter, "{}-{}", other.category(), other.key()),
        }
    }
}
