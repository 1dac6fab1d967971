//! How the committer folds recorded events into the states that decisions read.

use crate::subjects::erases;
use leadline_domain::{Decider, Leadline, State};
use leadline_events::{Decoded, decode, stream_of};
use leadline_log::committer::Model;
use leadline_log::{Recorded, StreamKey};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The states of leadline's streams.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules;

impl Model for Rules {
    type State = State;

    fn initial(&self, stream: &StreamKey) -> State {
        stream_of(stream).map_or(State::Unread, |stream| Leadline::initial(&stream))
    }

    fn fold(&self, state: &mut State, recorded: &Recorded) -> Result<(), Failure> {
        let event = &recorded.event;
        match decode(&event.event_type, event.schema_version, &event.data)? {
            Decoded::Known(known) => {
                let at = leadline_domain::Timestamp::from_millis(event.effective_at);
                Leadline::evolve(state, &known, at);
            }
            Decoded::Record(_) => {}
            // Written by a newer leadline: kept, and no part of what this one decides on.
            Decoded::Unknown => metrics::counter!("leadline_unknown_events_total").increment(1),
        }
        Ok(())
    }

    fn lets_go(&self, recorded: &Recorded) -> bool {
        erases(&recorded.event)
    }
}
