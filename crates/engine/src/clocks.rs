//! The clocks that run: a fold of the log, one entry per lead.

use leadline_domain::actor::ActorKind;
use leadline_domain::id::LeadId;
use leadline_domain::lead::event::ClockStep;
use leadline_domain::{Event, StreamId, Timestamp, lead};
use leadline_events::{Decoded, decode, meta, stream_of};
use leadline_log::Recorded;
use std::collections::{BTreeMap, BTreeSet};

/// The events that start a clock, move it on or stop it.
const CLOCK_EVENTS: [&str; 5] = [
    "lead.sla_clock_started",
    "lead.sla_reminder_due",
    "lead.sla_clock_met",
    "lead.sla_clock_cancelled",
    "lead.sla_breached",
];

/// A clock that runs.
#[derive(Debug)]
struct Clock {
    /// The steps that have not fired, in order of time.
    steps: Vec<ClockStep>,
    breach: Timestamp,
    /// When it is to be looked at; `None` while nobody watches it: imported leads get no timers before their first
    /// live command.
    next: Option<Timestamp>,
}

/// The clocks that run.
#[derive(Debug, Default)]
pub struct Clocks {
    leads: BTreeMap<LeadId, Clock>,
    /// Those that are watched, by when they are to be looked at.
    order: BTreeSet<(Timestamp, LeadId)>,
}

impl Clocks {
    /// Folds an event.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn see(&mut self, recorded: &Recorded) -> Result<(), leadline_events::Error> {
        let event = &recorded.event;
        let Some(StreamId::Lead(lead)) = stream_of(&event.stream) else { return Ok(()) };
        if CLOCK_EVENTS.contains(&&*event.event_type) {
            let decoded = decode(&event.event_type, event.schema_version, &event.data)?;
            let Decoded::Known(Event::Lead(event)) = decoded else { return Ok(()) };
            return self.turn(lead, event, &recorded.event.meta);
        }
        if self.leads.get(&lead).is_some_and(|clock| clock.next.is_none()) && is_live(&event.meta)?
        {
            self.watch(lead);
        }
        Ok(())
    }

    fn turn(
        &mut self,
        lead: LeadId,
        event: lead::Event,
        meta: &[u8],
    ) -> Result<(), leadline_events::Error> {
        match event {
            lead::Event::ClockStarted { steps, due_at, .. } => {
                self.forget(lead);
                self.leads.insert(lead, Clock { steps, breach: due_at, next: None });
                if is_live(meta)? {
                    self.watch(lead);
                }
            }
            lead::Event::ReminderDue { percent, .. } => {
                if let Some(clock) = self.leads.get_mut(&lead) {
                    clock.steps.retain(|step| step.percent > percent);
                    self.watch(lead);
                }
            }
            _ => self.forget(lead),
        }
        Ok(())
    }

    fn watch(&mut self, lead: LeadId) {
        if let Some(clock) = self.leads.get(&lead) {
            let next = clock.steps.first().map_or(clock.breach, |step| step.at);
            self.postpone(lead, next);
        }
    }

    fn forget(&mut self, lead: LeadId) {
        if let Some(Clock { next: Some(next), .. }) = self.leads.remove(&lead) {
            self.order.remove(&(next, lead));
        }
    }

    /// Has the lead looked at then, unless an event says otherwise.
    pub fn postpone(&mut self, lead: LeadId, until: Timestamp) {
        let Some(clock) = self.leads.get_mut(&lead) else { return };
        if let Some(next) = clock.next.replace(until) {
            self.order.remove(&(next, lead));
        }
        self.order.insert((until, lead));
    }

    /// When the first lead is to be looked at.
    pub fn next(&self) -> Option<Timestamp> {
        self.order.first().map(|(next, _)| *next)
    }

    /// The leads that are to be looked at by `now`, at most `limit`. A deadline is missed after its last instant, not
    /// in it.
    pub fn due(&self, now: Timestamp, limit: usize) -> Vec<LeadId> {
        let due = self.order.iter().take_while(|(next, _)| *next < now);
        due.map(|(_, lead)| *lead).take(limit).collect()
    }

    /// How many run, watched or not.
    pub fn len(&self) -> usize {
        self.leads.len()
    }

    /// Whether none runs.
    pub fn is_empty(&self) -> bool {
        self.leads.is_empty()
    }

    /// When each of them is breached.
    pub fn breaches(&self) -> impl Iterator<Item = (Timestamp, LeadId)> {
        self.leads.iter().map(|(lead, clock)| (clock.breach, *lead))
    }
}

fn is_live(meta: &[u8]) -> Result<bool, leadline_events::Error> {
    Ok(meta::actor_of(meta)?.kind != ActorKind::Migration)
}

#[cfg(test)]
mod tests;
