//! What can be asked of a lead, and what it leads to.

mod attach;
mod capture;
mod convert;
mod facts;
mod handoff;
mod phases;
mod work;

use super::{Command, Event, State};
use crate::decide::draft::{Draft, Why};
use crate::decision;
use crate::id::LeadId;
use crate::{Refusal, StreamId};

pub(crate) use facts::not_negative;
pub(crate) use handoff::BREACH_PERCENT;
pub use phases::open_steps;

/// Decides one command on the lead `id`.
pub(crate) fn decide(draft: &mut Draft<'_>, id: LeadId, command: &Command) -> Result<(), Refusal> {
    if let Command::Capture(capture) = command {
        return capture::capture(draft, id, capture);
    }
    let state = draft.lead(id).ok_or(Refusal::LeadUnknown)?;
    if !matches!(command, Command::RecordTouch { .. }) {
        not_before_capture(draft, state)?;
    }
    let case = &mut Case { draft, id, state };
    match command {
        Command::Capture(_) | Command::Settle => Ok(()),
        Command::UpdateDetails { person, fields, amount } => {
            facts::update_details(case, person.as_ref(), *fields, *amount)
        }
        Command::SetSource { source } => facts::set_source(case, source),
        Command::LinkCampaign { campaign } => facts::link_campaign(case, campaign),
        Command::RecordTouch { channel, campaign, source } => {
            facts::record_touch(case, channel.as_ref(), campaign.as_ref(), source.as_ref())
        }
        Command::AddNote { note } => facts::add_note(case, note.as_ref()),
        Command::RecordConversion { amount } => facts::record_conversion(case, *amount),
        Command::Assign { to, reason } => work::assign(case, to, reason.as_ref()),
        Command::LogContactAttempt { .. } | Command::LogResponse { .. } => {
            work::log_contact(case, command);
            Ok(())
        }
        Command::EnqueueWork { queue }
        | Command::ClaimWork { queue }
        | Command::CompleteWork { queue }
        | Command::CancelWork { queue } => work::task(case, queue, command),
        Command::MarkMql => handoff::mark_mql(case),
        Command::RevokeMql { reason } => handoff::revoke_mql(case, reason.as_ref()),
        Command::AcceptSal => handoff::accept_sal(case),
        Command::RejectSal { reason, outcome } => {
            handoff::reject_sal(case, reason.as_ref(), *outcome)
        }
        Command::Qualify => phases::qualify(case),
        Command::Disqualify { reason } => phases::disqualify(case, reason.as_ref()),
        Command::Recycle { reason } => phases::recycle(case, reason.as_ref()),
        Command::Reopen { to, reason } => phases::reopen(case, *to, reason.as_ref()),
        Command::Convert(convert) => convert::convert(case, convert),
    }
}

/// One command on a lead that has been captured.
struct Case<'d, 'a> {
    draft: &'d mut Draft<'a>,
    id: LeadId,
    state: &'a State,
}

impl Case<'_, '_> {
    const fn stream(&self) -> StreamId {
        StreamId::Lead(self.id)
    }

    fn fact(&mut self, event: Event) {
        self.draft.fact(self.stream(), decision::Event::Lead(event));
    }

    fn propose(&mut self, event: Event, why: Why) {
        self.draft.propose(self.stream(), decision::Event::Lead(event), why);
    }

    /// Refuses a decision dated before the lead's last one.
    fn monotone(&self) -> Result<(), Refusal> {
        self.draft.not_before(self.state.decided_at)
    }

    /// Refuses to touch personal data that is no more.
    const fn not_erased(&self) -> Result<(), Refusal> {
        if self.state.erased { Err(Refusal::Erased) } else { Ok(()) }
    }
}

/// Refuses what is dated before the lead's capture.
fn not_before_capture(draft: &Draft<'_>, state: &State) -> Result<(), Refusal> {
    match state.captured_at {
        Some(captured_at) if draft.at() < captured_at => {
            Err(Refusal::OccurredBeforeCapture { captured_at })
        }
        _ => Ok(()),
    }
}
