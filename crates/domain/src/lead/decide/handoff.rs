//! The hand-over from marketing to sales, and its clock.

use super::Case;
use super::phases::Step;
use crate::Refusal;
use crate::Timestamp;
use crate::config::Catalogue;
use crate::decide::draft::{Why, said, text};
use crate::decision::Input;
use crate::lead::event::ClockStep;
use crate::lead::{Event, Milestone, Owner, RejectOutcome};
use crate::policy::{AcceptanceSla, InForce};

/// The percentage at which a clock is breached.
pub(crate) const BREACH_PERCENT: u16 = 100;

/// Hands the lead over to sales, whose clock starts.
pub(super) fn mark_mql(case: &mut Case<'_, '_>) -> Result<(), Refusal> {
    case.open(Step::MarkMql)?;
    let cycle = case.state.mql_cycle.saturating_add(1);
    let why = case.by_process("phase.mark_mql");
    case.propose(Event::MarkedMql { from: case.state.phase, cycle }, why);
    let sla = &case.draft.policies().acceptance;
    if sla.policy.active {
        let started = start_clock(sla, cycle, case.draft.at());
        let why = Why::rule("acceptance.clock_started")
            .with("target_seconds", Input::Number(sla.policy.target_seconds.into()))
            .under(&sla.reference);
        case.propose(started, why);
    }
    Ok(())
}

fn start_clock(sla: &InForce<AcceptanceSla>, cycle: u32, start: Timestamp) -> Event {
    let AcceptanceSla { target_seconds, ref reminders, ref calendar, .. } = *sla.policy;
    let due_at = calendar.due_at(start, target_seconds);
    let reminder = |percent: &u16| {
        let share = u64::from(target_seconds) * u64::from(*percent) / u64::from(BREACH_PERCENT);
        let at = calendar.due_at(start, u32::try_from(share).unwrap_or(target_seconds));
        ClockStep { percent: *percent, at }
    };
    let below = |percent: &&u16| (1..BREACH_PERCENT).contains(*percent);
    let mut steps: Vec<ClockStep> = reminders.iter().filter(below).map(reminder).collect();
    steps.push(ClockStep { percent: BREACH_PERCENT, at: due_at });
    let (milestone, policy) = (Milestone::Acceptance, sla.reference.clone());
    Event::ClockStarted { milestone, cycle, policy, target_seconds, due_at, steps }
}

/// Takes the hand-over back. There is nothing to wait for any more.
pub(super) fn revoke_mql(case: &mut Case<'_, '_>, reason: Option<&String>) -> Result<(), Refusal> {
    case.open(Step::RevokeMql)?;
    let why = case.by_process("phase.revoke_mql");
    case.propose(Event::MqlRevoked { reason: said(reason).map(str::to_owned) }, why);
    if let Some(clock) = case.state.running_clock() {
        let (milestone, cycle) = (clock.milestone, clock.cycle);
        let why = Why::rule("acceptance.clock_cancelled");
        case.propose(Event::ClockCancelled { milestone, cycle }, why);
    }
    Ok(())
}

/// Sales takes responsibility.
pub(super) fn accept_sal(case: &mut Case<'_, '_>) -> Result<(), Refusal> {
    case.open(Step::AcceptSal)?;
    assignee(case)?;
    let former = case.state.owner_person().map(str::to_owned);
    // A supervisor accepts for whoever has the lead; of a lead that is nobody's, the acceptor becomes the owner.
    let owner = if case.draft.context.enforces() {
        former.or_else(|| case.draft.person())
    } else {
        case.draft.person().or(former)
    };
    if let Some(person) = &owner {
        case.draft.name(Catalogue::Person, person)?;
    }
    let why = case.by_process("phase.accept_sal");
    case.propose(Event::AcceptedBySales { owner, from: case.state.owner.clone() }, why);
    meet_clock(case);
    Ok(())
}

/// Sales sends the lead back.
pub(super) fn reject_sal(
    case: &mut Case<'_, '_>,
    reason: Option<&String>,
    outcome: Option<RejectOutcome>,
) -> Result<(), Refusal> {
    case.open(Step::RejectSal)?;
    assignee(case)?;
    let reason = said(reason).ok_or(Refusal::ReasonRequired)?;
    case.draft.reason(reason)?;
    let outcome = outcome.unwrap_or(RejectOutcome::Return);
    let why = case.by_process("phase.reject_sal").with("outcome", text(outcome.name()));
    case.propose(Event::RejectedBySales { reason: reason.to_owned(), outcome }, why);
    meet_clock(case);
    Ok(())
}

/// Refuses an answer to the hand-over by somebody who does not have the lead.
fn assignee(case: &Case<'_, '_>) -> Result<(), Refusal> {
    let context = case.draft.context;
    if !context.enforces() || context.supervises {
        return Ok(());
    }
    match &case.state.owner {
        Some(Owner::Queue(queue)) => Err(Refusal::OwnerIsQueue { queue: queue.clone() }),
        Some(Owner::Person(owner)) if Some(owner.as_str()) != context.actor.person() => {
            Err(Refusal::NotAssignee { owner: owner.clone() })
        }
        _ => Ok(()),
    }
}

/// Stops the running clock, if any: what it waits for was done. In time is a matter of when it was done, not of
/// whether the breach has been noticed by now.
pub(super) fn meet_clock(case: &mut Case<'_, '_>) {
    let Some(clock) = case.state.running_clock() else { return };
    let at = case.draft.at();
    // By the version that it started under, whatever has been put in force since, and from when.
    let pinned = case.draft.config().and_then(|config| config.acceptance(&clock.policy));
    let sla = pinned.unwrap_or(&case.draft.policies().acceptance.policy);
    let met = Event::ClockMet {
        milestone: clock.milestone,
        cycle: clock.cycle,
        in_time: at <= clock.due_at,
        elapsed_seconds: sla.calendar.elapsed_seconds(clock.started_at, at),
    };
    let why = Why::rule("acceptance.clock_met")
        .with("due_at", Input::Time(clock.due_at))
        .under(&clock.policy);
    case.propose(met, why);
}
