//! Jobs for the committer that carry the proof of what they were decided on.

use super::{command, event, holder, stream};
use crate::committer::{Desk, Draft, FoldError, Job, Model, Outcome, Step};
use crate::types::{Append, ClaimChange, ClaimHolder, ClaimKey, Recorded, StreamKey};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A stream's state is a digest of its whole history, and every event carries the digest that it was decided on.
pub(super) struct Digest;

impl Model for Digest {
    type State = u64;

    fn initial(&self, _: &StreamKey) -> u64 {
        1
    }

    fn fold(&self, state: &mut u64, recorded: &Recorded) -> Result<(), FoldError> {
        *state = digest(*state, &recorded.event.event_id);
        Ok(())
    }

    fn lets_go(&self, _: &Recorded) -> bool {
        true
    }
}

pub(super) fn digest(state: u64, id: &uuid::Uuid) -> u64 {
    state.wrapping_mul(0x0100_0000_01b3) ^ (id.as_u128() as u64)
}

/// Writes one event to each stream, after reading others and claims.
pub(super) struct Work {
    pub(super) number: u64,
    pub(super) writes: Vec<StreamKey>,
    pub(super) reads: Vec<StreamKey>,
    /// Taken where nobody holds it; otherwise its holder is read.
    pub(super) take: Option<ClaimKey>,
    pub(super) erase: Option<uuid::Uuid>,
    pub(super) bytes: usize,
    pub(super) in_order: bool,
    pub(super) reply: oneshot::Sender<Outcome>,
}

pub(super) fn work(number: u64, writes: &[u64]) -> (Work, oneshot::Receiver<Outcome>) {
    let (reply, answer) = oneshot::channel();
    let writes = writes.iter().map(|number| stream(*number)).collect();
    let (reads, take, erase, bytes) = (Vec::new(), None, None, 0);
    (Work { number, writes, reads, take, erase, bytes, in_order: false, reply }, answer)
}

impl Job<Digest> for Work {
    fn decide(&mut self, desk: &mut Desk<'_, Digest>) -> Step<Digest> {
        let mut reads = self.reads.clone();
        let mut claims = Vec::new();
        match self.take.map(|key| (key, desk.claim(&key))) {
            None => {}
            Some((_, None)) => return Step::Wait,
            Some((key, Some(None))) => {
                let taker = ClaimHolder { holder: self.writes[0], ..holder(self.number) };
                claims.push(ClaimChange::Take(key, taker));
            }
            Some((_, Some(Some(other)))) => reads.push(other.holder),
        }
        claims.extend(self.erase.map(ClaimChange::ReleaseSubject));
        reads.retain(|read| !self.writes.contains(read));
        let all = self.writes.iter().chain(&reads);
        let known: Vec<_> = all.map(|stream| (*stream, desk.stream(stream))).collect();
        let mut expect = Vec::new();
        let (mut events, mut states) = (Vec::new(), Vec::new());
        for (index, (stream, known)) in known.into_iter().enumerate() {
            let Some((version, state)) = known else { return Step::Wait };
            expect.push((stream, version));
            if index < self.writes.len() {
                let mut data = state.to_be_bytes().to_vec();
                data.resize(8 + self.bytes, 0);
                let mut event = event(stream, data);
                event.event_id = uuid::Uuid::from_u128(u128::from(self.number) << 8);
                states.push((stream, Arc::new(digest(*state, &event.event_id))));
                events.push(event);
            }
        }
        let command_id = command(self.number);
        let append =
            Append { command_id, payload_hash: [0; 16], expect, claims, events, group: None };
        Step::Append(Draft { append, states })
    }

    fn in_order(&self) -> bool {
        self.in_order
    }

    fn finish(self: Box<Self>, outcome: Outcome) {
        // An error means that nobody waits for the answer any more.
        drop(self.reply.send(outcome));
    }
}

/// A job that says whether somebody holds a claim when it is decided.
pub(super) struct Look {
    pub(super) number: u64,
    pub(super) key: ClaimKey,
    pub(super) reply: oneshot::Sender<Outcome>,
}

impl Job<Digest> for Look {
    fn decide(&mut self, desk: &mut Desk<'_, Digest>) -> Step<Digest> {
        let Some(found) = desk.claim(&self.key) else { return Step::Wait };
        let stream = stream(self.number);
        let (version, state) = desk.fresh(&stream);
        let event = event(stream, vec![u8::from(found.is_some())]);
        let states = vec![(stream, Arc::new(digest(*state, &event.event_id)))];
        let append = Append {
            command_id: command(self.number),
            payload_hash: [0; 16],
            expect: vec![(stream, version)],
            claims: Vec::new(),
            events: vec![event],
            group: None,
        };
        Step::Append(Draft { append, states })
    }

    fn in_order(&self) -> bool {
        true
    }

    fn finish(self: Box<Self>, outcome: Outcome) {
        // An error means that nobody waits for the answer any more.
        drop(self.reply.send(outcome));
    }
}
