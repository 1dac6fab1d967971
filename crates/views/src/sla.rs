//! Service levels: acceptance clocks, lags between milestones, and waits in queues.

mod report;

pub(crate) use report::document;
pub use report::{PARAMETERS, TABLES};

use crate::conversion::moves;
use crate::event::ViewEvent;
use crate::fold::{Changed, View};
use crate::journey::Journey;
use leadline_domain::lead::{self, Owner};
use leadline_domain::{Event, StreamId};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The view's name.
pub const NAME: &str = "sla";

/// One running of an acceptance clock.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    lead: Uuid,
    cycle: u32,
    started_at: i64,
    due_at: i64,
    /// `running`, `met`, `late` or `cancelled`.
    state: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    elapsed_seconds: Option<i64>,
    /// Who answers: whoever a breach was charged to, else who has the lead, or had it when the clock stopped.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    owner: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    charged: bool,
}

/// One wait in a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Wait {
    queue: String,
    since: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    claimed_at: Option<i64>,
    /// Begun anew or cancelled before anybody claimed it.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    given_up: bool,
}

/// What is known of one lineage.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct State {
    journey: Journey,
    clocks: Vec<Clock>,
    waits: Vec<Wait>,
}

/// A row.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Row<'a> {
    /// The milestones.
    Journey(&'a Journey),
    /// A clock.
    Clock(&'a Clock),
    /// A wait.
    Wait(&'a Wait),
}

const CLOCKS: i64 = 1 << 20;
const WAITS: i64 = 1 << 40;

/// The view as a fold.
#[derive(Clone, Copy, Debug)]
pub struct Sla;

impl View for Sla {
    const NAME: &'static str = NAME;
    const FINGERPRINT: u32 = 2;
    type State = State;
    type Row<'a> = Row<'a>;

    fn key(event: &ViewEvent) -> Option<Uuid> {
        use lead::Event as E;
        match &event.event {
            Event::Lead(
                E::TaskEnqueued { .. }
                | E::TaskClaimed { .. }
                | E::TaskCancelled { .. }
                | E::ClockStarted { .. }
                | E::ClockMet { .. }
                | E::ClockCancelled { .. }
                | E::Breached { .. },
            ) => Some(event.root),
            _ => moves(event),
        }
    }

    fn apply(state: &mut State, event: &ViewEvent) -> Changed {
        state.journey.apply(event);
        if let (Event::Lead(lead), StreamId::Lead(id)) = (&event.event, event.stream) {
            state.apply_clock(lead, id.0, event.at());
            state.apply_wait(lead, event.at());
        }
        Changed::All
    }

    fn rows(state: &State) -> Vec<(i64, Row<'_>)> {
        let journey = state.journey.captured_at.map(|_| (0, Row::Journey(&state.journey)));
        let clocks = (CLOCKS..).zip(state.clocks.iter().map(Row::Clock));
        let waits = (WAITS..).zip(state.waits.iter().map(Row::Wait));
        journey.into_iter().chain(clocks).chain(waits).collect()
    }
}

impl State {
    fn holder(&self) -> Option<String> {
        self.journey.owner.clone().or_else(|| self.journey.queue.clone())
    }

    fn apply_clock(&mut self, event: &lead::Event, lead: Uuid, at: i64) {
        use lead::Event as E;
        let holder = self.holder();
        let running = self.clocks.iter_mut().rev().find(|clock| clock.state == "running");
        match (event, running) {
            (E::ClockStarted { cycle, due_at, .. }, _) => self.clocks.push(Clock {
                lead,
                cycle: *cycle,
                started_at: at,
                due_at: due_at.millis(),
                state: "running".to_owned(),
                elapsed_seconds: None,
                owner: holder,
                charged: false,
            }),
            (E::Breached { charged_to, .. }, Some(clock)) => {
                clock.charged = true;
                clock.owner = charged_to.as_ref().map(|owner| match owner {
                    Owner::Person(name) | Owner::Queue(name) => name.clone(),
                });
            }
            (E::ClockMet { in_time, elapsed_seconds, .. }, Some(clock)) => {
                (if *in_time { "met" } else { "late" }).clone_into(&mut clock.state);
                clock.elapsed_seconds = Some(*elapsed_seconds);
                if !clock.charged {
                    clock.owner = holder;
                }
            }
            (E::ClockCancelled { .. }, Some(clock)) => "cancelled".clone_into(&mut clock.state),
            (E::Assigned { .. }, Some(clock)) if !clock.charged => clock.owner = holder,
            _ => {}
        }
    }

    fn apply_wait(&mut self, event: &lead::Event, at: i64) {
        use lead::Event as E;
        let (E::TaskEnqueued { queue } | E::TaskClaimed { queue, .. } | E::TaskCancelled { queue }) =
            event
        else {
            return;
        };
        let last = self.waits.iter_mut().rev().find(|wait| wait.queue == *queue);
        let open = last.filter(|wait| wait.claimed_at.is_none() && !wait.given_up);
        match (event, open) {
            (E::TaskClaimed { .. }, Some(wait)) => wait.claimed_at = Some(at),
            (E::TaskCancelled { .. } | E::TaskEnqueued { .. }, Some(wait)) => wait.given_up = true,
            _ => {}
        }
        if matches!(event, E::TaskEnqueued { .. }) {
            let (queue, claimed_at) = (queue.clone(), None);
            self.waits.push(Wait { queue, since: at, claimed_at, given_up: false });
        }
    }
}
