//! Ownership, contact with the prospect, and tasks.

use super::Case;
use crate::Refusal;
use crate::config::Catalogue;
use crate::decide::draft::{Why, said, text};
use crate::lead::{Command, Event, Owner, Phase};

/// Gives the lead to a person or queue.
pub(super) fn assign(
    case: &mut Case<'_, '_>,
    to: &Owner,
    reason: Option<&String>,
) -> Result<(), Refusal> {
    if case.state.owner.as_ref() == Some(to) {
        return Err(Refusal::SameOwner);
    }
    case.monotone()?;
    let (kind, name) = match to {
        Owner::Person(person) => (Catalogue::Person, person),
        Owner::Queue(queue) => (Catalogue::Queue, queue),
    };
    case.draft.name(kind, name)?;
    let why = Why::rule("owner.assigned").with("to", text(name.as_str()));
    let (from, reason) = (case.state.owner.clone(), said(reason).map(str::to_owned));
    case.propose(Event::Assigned { to: to.clone(), from, reason }, why);
    Ok(())
}

/// Records an attempt to reach the prospect, or an answer. The first one takes New to Working, unless it is told
/// late, after a decision that came after it.
pub(super) fn log_contact(case: &mut Case<'_, '_>, command: &Command) {
    let from = case.state.phase;
    let begins_work = from == Phase::New && case.draft.at() >= case.state.decided_at;
    let to = if begins_work { Phase::Working } else { from };
    let event = match command {
        Command::LogContactAttempt { channel, outcome } => {
            Event::ContactAttempted { channel: channel.clone(), outcome: outcome.clone(), from, to }
        }
        Command::LogResponse { channel, outcome } => Event::ResponseLogged {
            channel: channel.clone(),
            outcome: outcome.clone(),
            first: !case.state.responded,
            from,
            to,
        },
        _ => return,
    };
    if begins_work {
        let why = case.by_process("phase.first_contact");
        case.propose(event, why);
    } else {
        case.fact(event);
    }
}

/// Records what happened to a task. History tells its tasks out of order and whatever the lead's phase, so only
/// the cancelling of a task that is not open is refused.
pub(super) fn task(case: &mut Case<'_, '_>, queue: &str, command: &Command) -> Result<(), Refusal> {
    case.draft.name(Catalogue::Queue, queue)?;
    let by = case.draft.person();
    let queue = queue.to_owned();
    let event = match command {
        Command::EnqueueWork { .. } => Event::TaskEnqueued { queue },
        Command::ClaimWork { .. } => Event::TaskClaimed { queue, by },
        Command::CompleteWork { .. } => Event::TaskCompleted { queue, by },
        Command::CancelWork { .. } if case.state.tasks.iter().any(|task| task.queue == queue) => {
            Event::TaskCancelled { queue }
        }
        _ => return Err(Refusal::TaskUnknown { queue }),
    };
    case.fact(event);
    Ok(())
}
