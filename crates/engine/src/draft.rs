//! The append that a decision becomes: conditions, events with their envelopes, and the reply to come.

use crate::drawn::Drawn;
use crate::error::Refused;
use crate::job::NotLoaded;
use crate::model::Rules;
use crate::prepare::Prepared;
use crate::submission::Reply;
use bytes::Bytes;
use leadline_domain::actor::{Actor, ActorKind};
use leadline_domain::decision::{Class, Explanation, Mode};
use leadline_domain::decision::{Event, Proposed};
use leadline_domain::id::{CommandId, SubjectId, derive};
use leadline_domain::opportunity::Origin;
use leadline_domain::policy::PolicyRef;
use leadline_domain::{Context, Decider, Leadline, Refusal, State, StreamId, lead};
use leadline_events::record::Attempt;
use leadline_events::{Encoded, Meta, Record, Trigger, encode, stream_key};
use leadline_log::committer::Desk;
use leadline_log::types::ClaimHolder;
use leadline_log::{Append, ClaimChange, ClaimKey, NewEvent, Position, StreamKey};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// The counter of the first event's identity.
const EVENT_COUNTER: u16 = 0x8000;

/// The counter of the id under which a refusal is noted that a repetition is not bound to.
const PASSING_COUNTER: u16 = 0x4002;

type States = Vec<(StreamKey, Arc<State>)>;

/// An append in the making.
pub(crate) struct Drafting<'a> {
    prepared: &'a Prepared,
    context: &'a Context,
    /// What the append is known by: the command's own id, and whoever repeats the command is told what it led to.
    command: CommandId,
    target: Option<StreamId>,
    states: BTreeMap<StreamId, Arc<State>>,
    /// The version of every stream read or written, before the append.
    versions: BTreeMap<StreamId, u64>,
    /// Each event with the lineage that it belongs to.
    events: Vec<(Uuid, Proposed)>,
    claims: Vec<ClaimChange>,
    /// Whose data the events carry.
    subject: Option<SubjectId>,
    /// The version that the caller believed, and the actual one.
    pub(crate) stale: Option<(u64, u64)>,
}

impl<'a> Drafting<'a> {
    pub(crate) fn new(prepared: &'a Prepared, context: &'a Context) -> Self {
        Self {
            prepared,
            context,
            command: prepared.command,
            target: None,
            states: BTreeMap::new(),
            versions: BTreeMap::new(),
            events: Vec::new(),
            claims: Vec::new(),
            subject: prepared.sealed.as_ref().map(|sealed| sealed.subject),
            stale: None,
        }
    }

    pub(crate) fn address(&mut self, target: StreamId) {
        self.target = Some(target);
    }

    pub(crate) const fn states(&self) -> &BTreeMap<StreamId, Arc<State>> {
        &self.states
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The reply where nothing happens and nothing needs to be confirmed: only when the next step falls due.
    pub(crate) fn idle(&self) -> Option<Reply> {
        let target = self.target?;
        Some(Reply {
            position: Position::START,
            target,
            version: self.version(target),
            events: Vec::new(),
            repeated: false,
            next_due: next_due(self.states.get(&target), self.prepared.mode),
        })
    }

    pub(crate) fn holds(&self, stream: StreamId) -> bool {
        self.versions.contains_key(&stream)
    }

    /// The version of a stream that was read, before the append.
    pub(crate) fn version(&self, stream: StreamId) -> u64 {
        self.versions.get(&stream).copied().unwrap_or(0)
    }

    /// Reads a stream, which from here on is a condition of the append.
    pub(crate) fn read(
        &mut self,
        desk: &mut Desk<'_, Rules>,
        stream: StreamId,
    ) -> Result<(), NotLoaded> {
        if !self.holds(stream) {
            let (version, state) = desk.stream(&stream_key(&stream)).ok_or(NotLoaded)?;
            self.versions.insert(stream, version);
            self.states.insert(stream, state);
        }
        Ok(())
    }

    /// Takes a stream whose id this command minted to be empty; the append proves it.
    pub(crate) fn fresh(&mut self, desk: &mut Desk<'_, Rules>, stream: StreamId) {
        if !self.holds(stream) {
            desk.fresh(&stream_key(&stream));
            self.versions.insert(stream, 0);
            self.states.insert(stream, Arc::new(Leadline::initial(&stream)));
        }
    }

    /// Adds an event, and folds it into what the next decision sees.
    pub(crate) fn push(&mut self, step: Proposed) {
        fold(&mut self.states, &step);
        self.events.push((self.root(step.stream), step));
    }

    /// The states as they will be once `steps` are made too.
    pub(crate) fn states_after(&self, steps: &[Proposed]) -> BTreeMap<StreamId, Arc<State>> {
        let mut states = self.states.clone();
        for step in steps {
            fold(&mut states, step);
        }
        states
    }

    /// Whose data the events carry, where that is not the subject minted for the command.
    pub(crate) const fn carry(&mut self, subject: SubjectId) {
        self.subject = Some(subject);
    }

    pub(crate) fn take(&mut self, key: ClaimKey, holder: StreamId, subject: Option<SubjectId>) {
        let holder =
            ClaimHolder { holder: stream_key(&holder), subject: subject.map(|subject| subject.0) };
        self.claims.push(ClaimChange::Take(key, holder));
    }

    pub(crate) fn release(&mut self, subject: SubjectId) {
        self.claims.push(ClaimChange::ReleaseSubject(subject.0));
    }

    /// The append. Where nothing happens, or the command is refused, an `attempt` event on a stream of its own
    /// carries the conditions, so that a stale cache can never refuse wrongly.
    pub(crate) fn finish(mut self, refusal: Option<&Refusal>) -> (Append, States, Drawn) {
        let target = *self.target.get_or_insert(StreamId::Attempt(self.prepared.command));
        let refused = self.refused(refusal, target);
        if refused.as_ref().is_some_and(|refused| !refused.is_final()) {
            self.command = CommandId(self.context.new_id(PASSING_COUNTER));
        }
        let mut written: Vec<NewEvent> = Vec::with_capacity(self.events.len() + 1);
        let mut happened = Vec::with_capacity(self.events.len() + 1);
        let mut heights = self.versions.clone();
        for (index, (root, step)) in std::mem::take(&mut self.events).into_iter().enumerate() {
            let encoded = encode(&step.event);
            let version = next(&mut heights, step.stream);
            happened.push((step.stream, version, Cow::Borrowed(encoded.event_type)));
            written.push(NewEvent {
                stream: stream_key(&step.stream),
                event_type: Cow::Borrowed(encoded.event_type),
                schema_version: encoded.schema_version,
                event_id: self.event_id(index),
                root,
                effective_at: step.effective_at.millis(),
                meta: self.meta(&step, index == 0),
                data: encoded.data,
            });
        }
        if refused.is_some() || written.is_empty() {
            let stream = StreamId::Attempt(self.command);
            let encoded = self.attempt(target, refused.as_deref());
            self.versions.insert(stream, 0);
            self.states.insert(stream, Arc::new(Leadline::initial(&stream)));
            next(&mut heights, stream);
            happened.push((stream, 1, Cow::Borrowed(encoded.event_type)));
            written.push(NewEvent {
                stream: stream_key(&stream),
                event_type: Cow::Borrowed(encoded.event_type),
                schema_version: encoded.schema_version,
                event_id: self.event_id(written.len()),
                root: self.root(target),
                effective_at: self.context.occurred_at.millis(),
                meta: self.attempt_meta(written.is_empty()),
                data: encoded.data,
            });
        }
        let states = written_states(&self.states, &self.versions, &heights);
        let drawn = Drawn {
            target,
            version: heights.get(&target).copied().unwrap_or(0),
            next_due: next_due(self.states.get(&target), self.prepared.mode),
            events: happened,
            refused,
        };
        let append = Append {
            command_id: *self.command.0.as_bytes(),
            payload_hash: self.prepared.payload_hash,
            expect: self
                .versions
                .iter()
                .map(|(stream, version)| (stream_key(stream), *version))
                .collect(),
            claims: self.claims,
            events: written,
            group: None,
        };
        (append, states, drawn)
    }

    fn event_id(&self, index: usize) -> Uuid {
        let index = u16::try_from(index).unwrap_or(u16::MAX);
        derive(self.command, self.prepared.now, EVENT_COUNTER.wrapping_add(index))
    }

    /// The immutable id of the lineage that a stream belongs to.
    fn root(&self, stream: StreamId) -> Uuid {
        match (stream, self.states.get(&stream).map(|state| &**state)) {
            (_, Some(State::Opportunity(opportunity))) => match opportunity.origin {
                Some(Origin::Lead(lead)) => lead.0,
                Some(Origin::Direct) | None => stream.key(),
            },
            (_, Some(State::Account(account))) => {
                account.origin.map_or(stream.key(), |lead| lead.0)
            }
            (_, Some(State::Contact(contact))) => {
                contact.origin.map_or(stream.key(), |lead| lead.0)
            }
            (StreamId::Subject(_), _) => self.target.map_or(stream.key(), |target| target.key()),
            _ => stream.key(),
        }
    }

    fn refused(&self, refusal: Option<&Refusal>, target: StreamId) -> Option<Box<Refused>> {
        let current_version = Some(self.version(target));
        if let Some((expected, current)) = self.stale {
            return Some(Box::new(Refused {
                code: crate::error::STALE_VERSION.to_owned(),
                category: leadline_domain::refusal::Category::Conflict,
                detail: format!(
                    "the target is at version {current}, not {expected}; read it again and decide afresh"
                ),
                allowed: Vec::new(),
                missing: Vec::new(),
                current_version,
                retryable: false,
                position: None,
            }));
        }
        refusal.map(|refusal| {
            Box::new(Refused {
                code: refusal.code().to_owned(),
                category: refusal.category(),
                detail: refusal.detail(),
                allowed: refusal.allowed(),
                missing: refusal.missing().into_iter().map(str::to_owned).collect(),
                current_version,
                retryable: refusal.retryable(),
                position: None,
            })
        })
    }

    fn attempt(&self, target: StreamId, refused: Option<&Refused>) -> Encoded {
        let command = self.prepared.body.name().to_owned();
        match refused {
            None => Record::NoChange { command, target, version: self.version(target) }.encode(),
            Some(refused) => Record::Refused(Attempt {
                command,
                target,
                code: refused.code.clone(),
                category: refused.category,
                detail: refused.detail.clone(),
                allowed: refused.allowed.clone(),
                missing: refused.missing.clone(),
                current_version: refused.current_version,
                retryable: refused.retryable,
            })
            .encode(),
        }
    }

    fn attempt_meta(&self, first: bool) -> Bytes {
        let explanation = Explanation { rule: "attempt", inputs: Vec::new() };
        self.envelope(&self.context.actor, Class::Fact, &[], &explanation, first)
    }

    fn meta(&self, step: &Proposed, first: bool) -> Bytes {
        // What falls due by itself is leadline's doing, whoever happened to come by.
        let timed = matches!(
            &step.event,
            Event::Lead(lead::Event::ReminderDue { .. } | lead::Event::Breached { .. })
        );
        let system = Actor { kind: ActorKind::System, id: "timer".to_owned(), on_behalf_of: None };
        let actor = if timed { &system } else { &self.context.actor };
        self.envelope(actor, step.event.class(), &step.policies, &step.explanation, first)
    }

    fn envelope(
        &self,
        actor: &Actor,
        class: Class,
        policies: &[PolicyRef],
        explanation: &Explanation,
        first: bool,
    ) -> Bytes {
        let prepared = self.prepared;
        let command = prepared.body.name();
        Meta {
            class,
            actor,
            command_id: self.command,
            command,
            correlation: prepared.command.0,
            causation: None,
            trace_id: prepared.trace_id.as_deref(),
            policies,
            explanation,
            subject: self.subject,
            trigger: first.then(|| Trigger {
                command,
                payload: &prepared.payload,
                target: self.target.unwrap_or(StreamId::Attempt(prepared.command)),
                actor: self.context.actor.kind,
                mode: prepared.mode,
                now: prepared.now,
                occurred_at: self.context.occurred_at,
                config_version: self.version(StreamId::Config),
            }),
        }
        .encode()
    }
}

fn fold(states: &mut BTreeMap<StreamId, Arc<State>>, step: &Proposed) {
    let state =
        states.entry(step.stream).or_insert_with(|| Arc::new(Leadline::initial(&step.stream)));
    Leadline::evolve(Arc::make_mut(state), &step.event, step.effective_at);
}

fn next(heights: &mut BTreeMap<StreamId, u64>, stream: StreamId) -> u64 {
    let height = heights.entry(stream).or_insert(0);
    *height = height.saturating_add(1);
    *height
}

fn written_states(
    states: &BTreeMap<StreamId, Arc<State>>,
    before: &BTreeMap<StreamId, u64>,
    after: &BTreeMap<StreamId, u64>,
) -> States {
    states
        .iter()
        .filter(|(stream, _)| before.get(stream) != after.get(stream))
        .map(|(stream, state)| (stream_key(stream), Arc::clone(state)))
        .collect()
}

/// When the target's next step falls due. Nobody is reminded of the past: there, only the breach counts.
fn next_due(state: Option<&Arc<State>>, mode: Mode) -> Option<leadline_domain::Timestamp> {
    match (state.map(|state| &**state), mode) {
        (Some(State::Lead(lead)), Mode::Live) => lead.next_due(),
        (Some(State::Lead(lead)), Mode::Migration { .. }) => lead.breach_due(),
        _ => None,
    }
}
