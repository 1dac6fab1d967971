//! Who may send which command and see what. Denied unless named here.

use crate::submission::Body;
use leadline_domain::{account, contact, lead, opportunity};

/// What a caller may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Everything.
    Admin,
    /// Captures, qualifies, runs campaigns, reads names.
    Marketing,
    /// Accepts, works, converts, sells, reads names.
    Sales,
    /// Captures, and nothing else.
    Integration,
    /// Reads everything but names; changes nothing.
    Auditor,
}

impl Role {
    /// Every role.
    pub const ALL: [Self; 5] =
        [Self::Admin, Self::Marketing, Self::Sales, Self::Integration, Self::Auditor];

    /// The role's name in keys and replies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Marketing => "marketing",
            Self::Sales => "sales",
            Self::Integration => "integration",
            Self::Auditor => "auditor",
        }
    }

    /// The role of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Whether the role may read views, histories and events.
    pub const fn reads(self) -> bool {
        !matches!(self, Self::Integration)
    }

    /// Whether the role is shown personal data.
    pub const fn reads_names(self) -> bool {
        matches!(self, Self::Admin | Self::Marketing | Self::Sales)
    }

    /// Whether the role may act on what belongs to somebody else.
    pub const fn supervises(self) -> bool {
        matches!(self, Self::Admin)
    }

    /// Whether the role may send a command of this content.
    pub const fn may_send(self, body: &Body) -> bool {
        match self {
            Self::Admin => true,
            Self::Auditor => false,
            Self::Integration => matches!(
                body,
                Body::Lead(lead::Command::Capture(_) | lead::Command::RecordTouch { .. })
            ),
            Self::Marketing => marketing_may(body),
            Self::Sales => sales_may(body),
        }
    }
}

const fn works_leads(command: &lead::Command) -> bool {
    use lead::Command as Lead;
    matches!(
        command,
        Lead::Capture(_)
            | Lead::UpdateDetails { .. }
            | Lead::SetSource { .. }
            | Lead::LinkCampaign { .. }
            | Lead::RecordTouch { .. }
            | Lead::Assign { .. }
            | Lead::LogContactAttempt { .. }
            | Lead::LogResponse { .. }
            | Lead::Disqualify { .. }
            | Lead::Recycle { .. }
            | Lead::Reopen { .. }
            | Lead::EnqueueWork { .. }
            | Lead::ClaimWork { .. }
            | Lead::CompleteWork { .. }
            | Lead::CancelWork { .. }
            | Lead::AddNote { .. }
            | Lead::RecordConversion { .. }
    )
}

const fn marketing_may(body: &Body) -> bool {
    match body {
        Body::Lead(command) => {
            works_leads(command)
                || matches!(command, lead::Command::MarkMql | lead::Command::RevokeMql { .. })
        }
        Body::Campaign(_) => true,
        Body::Account(_)
        | Body::Contact(_)
        | Body::Opportunity(_)
        | Body::Config(_)
        | Body::EraseSubject(_) => false,
    }
}

const fn sales_may(body: &Body) -> bool {
    match body {
        Body::Lead(command) => {
            works_leads(command)
                || matches!(
                    command,
                    lead::Command::AcceptSal
                        | lead::Command::RejectSal { .. }
                        | lead::Command::Qualify
                        | lead::Command::Convert(_)
                )
        }
        Body::Account(account::Command::Open { .. } | account::Command::Rename { .. })
        | Body::Contact(contact::Command::Open { .. } | contact::Command::Update { .. })
        | Body::Opportunity(
            opportunity::Command::Open(_)
            | opportunity::Command::AdvanceStage { .. }
            | opportunity::Command::ChangeAmount { .. }
            | opportunity::Command::ChangeCloseDate { .. }
            | opportunity::Command::CloseWon { .. }
            | opportunity::Command::CloseLost { .. }
            | opportunity::Command::Reopen,
        ) => true,
        Body::Campaign(_) | Body::Config(_) | Body::EraseSubject(_) => false,
    }
}
