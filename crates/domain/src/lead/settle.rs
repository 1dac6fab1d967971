//! What falls due on a lead by itself: reminders and breaches, each effective at its own time.

use super::decide::BREACH_PERCENT;
use super::event::ClockStep;
use super::{Event, State};
use crate::StreamId;
use crate::decision::{Context, Event as AnyEvent, Explanation, Input, Mode, Proposed};
use crate::id::LeadId;

/// The steps of the running clock whose instant has passed at `context.now`, in order of time: what is done at the
/// very deadline is done in time (views.md S2 of the plan: breached only after it). In history that is imported
/// only the breach: reminders for the past remind nobody.
pub(crate) fn settle(id: LeadId, state: &State, context: &Context) -> Vec<Proposed> {
    let Some(clock) = state.running_clock() else { return Vec::new() };
    let due = |step: &&ClockStep| {
        step.at < context.now && (context.mode == Mode::Live || step.percent >= BREACH_PERCENT)
    };
    let fire = |step: &ClockStep| {
        let (milestone, cycle, percent) = (clock.milestone, clock.cycle, step.percent);
        let (rule, event) = if percent >= BREACH_PERCENT {
            let charged_to = state.owner.clone();
            ("acceptance.breached", Event::Breached { milestone, cycle, charged_to })
        } else {
            ("acceptance.reminder_due", Event::ReminderDue { milestone, cycle, percent })
        };
        let inputs = vec![
            ("percent", Input::Number(percent.into())),
            ("started_at", Input::Time(clock.started_at)),
        ];
        Proposed {
            stream: StreamId::Lead(id),
            event: AnyEvent::Lead(event),
            effective_at: step.at,
            policies: vec![clock.policy.clone()],
            explanation: Explanation { rule, inputs },
        }
    };
    clock.steps.iter().filter(due).map(fire).collect()
}
