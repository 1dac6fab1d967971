//! leadline's rules as one decider over all aggregates.

pub(crate) mod draft;
mod names;

use crate::actor::ActorKind;
use crate::config::Catalogue;
use crate::decision::{Context, Decider, Decision, Event, Inputs, Leadline, Mode, Proposed, State};
use crate::id::CampaignId;
use crate::lead::command::{Convert, CreateOrUse, OpportunityChoice};
use crate::{
    Command, Refusal, StreamId, Timestamp, account, campaign, config, contact, lead, opportunity,
    subject,
};
use draft::Draft;

/// How far ahead of the present a command may be dated, for clocks that differ.
pub const CLOCK_SKEW_MAX_MILLIS: i64 = 5 * 60 * 1000;

impl Decider for Leadline {
    type State = State;
    type Command = Command;
    type Event = Event;
    type Refusal = Refusal;

    fn initial(stream: &StreamId) -> State {
        match stream {
            StreamId::Lead(_) => State::Lead(Box::default()),
            StreamId::Account(_) => State::Account(account::State::default()),
            StreamId::Contact(_) => State::Contact(contact::State::default()),
            StreamId::Opportunity(_) => State::Opportunity(Box::default()),
            StreamId::Campaign(_) => State::Campaign(campaign::State::default()),
            StreamId::Config => State::Config(Box::default()),
            StreamId::Subject(_) => State::Subject(subject::State::default()),
            StreamId::Attempt(_) | StreamId::Import(_) => State::Unread,
        }
    }

    fn reads(command: &Command) -> Vec<StreamId> {
        let mut reads = vec![command.target()];
        for other in std::iter::once(StreamId::Config).chain(others(command)) {
            if !reads.contains(&other) {
                reads.push(other);
            }
        }
        reads
    }

    fn settle(stream: &StreamId, inputs: &Inputs<'_>, context: &Context) -> Vec<Proposed> {
        match (stream, inputs.streams.get(stream).map(AsRef::as_ref)) {
            (StreamId::Lead(id), Some(State::Lead(state))) => {
                lead::settle::settle(*id, state, context)
            }
            _ => Vec::new(),
        }
    }

    fn decide(
        inputs: &Inputs<'_>,
        command: &Command,
        context: &Context,
    ) -> Result<Decision, Refusal> {
        let latest = context.now.plus_millis(CLOCK_SKEW_MAX_MILLIS);
        if context.mode == Mode::Live && context.occurred_at > latest {
            return Err(Refusal::OccurredInFuture);
        }
        let mut draft = Draft::new(inputs, context);
        match command {
            Command::Lead(id, command) => lead::decide::decide(&mut draft, *id, command)?,
            Command::Account(id, command) => account::decide(&mut draft, *id, command)?,
            Command::Contact(id, command) => contact::decide(&mut draft, *id, command)?,
            Command::Opportunity(id, command) => {
                opportunity::decide::decide(&mut draft, *id, command)?;
            }
            Command::Campaign(key, command) => campaign::decide(&mut draft, key, command)?,
            Command::Config(command) => config::decide::decide(&mut draft, command)?,
            Command::Subject(command) => subject::decide(&mut draft, command)?,
        }
        if !draft.is_empty()
            && matches!(context.actor.kind, ActorKind::Person | ActorKind::Migration)
            && let Some(person) = context.actor.person()
        {
            draft.name(Catalogue::Person, person)?;
        }
        Ok(draft.finish())
    }

    fn evolve(state: &mut State, event: &Event, at: Timestamp) {
        match (state, event) {
            (State::Lead(state), Event::Lead(event)) => state.evolve(event, at),
            (State::Account(state), Event::Account(event)) => state.evolve(event),
            (State::Contact(state), Event::Contact(event)) => state.evolve(event),
            (State::Opportunity(state), Event::Opportunity(event)) => state.evolve(event, at),
            (State::Campaign(state), Event::Campaign(event)) => state.evolve(event, at),
            (State::Config(state), Event::Config(event)) => state.evolve(event),
            (State::Subject(state), Event::Subject(event)) => state.evolve(event),
            _ => {}
        }
    }
}

impl Leadline {
    /// When a command that names no time of its own takes effect on a stream: at `now`, or together with the last
    /// decision on it, where that was dated by a clock that is a little ahead.
    pub fn undated(state: &State, now: Timestamp) -> Timestamp {
        let decided = match state {
            State::Lead(lead) => lead.captured_at.max(Some(lead.decided_at)),
            State::Opportunity(opportunity) => Some(opportunity.decided_at),
            State::Campaign(campaign) => campaign.decided_at,
            State::Account(_)
            | State::Contact(_)
            | State::Config(_)
            | State::Subject(_)
            | State::Unread => None,
        };
        let latest = now.plus_millis(CLOCK_SKEW_MAX_MILLIS);
        decided.filter(|decided| (now..=latest).contains(decided)).unwrap_or(now)
    }
}

/// The streams beside its target and the configuration that `command` refers to.
fn others(command: &Command) -> Vec<StreamId> {
    let campaign = |key: &Option<String>| {
        let stream = |key: &String| StreamId::Campaign(CampaignId::of(key));
        key.as_ref().map(stream).into_iter().collect()
    };
    match command {
        Command::Lead(_, lead::Command::Capture(capture)) => campaign(&capture.campaign),
        Command::Lead(_, lead::Command::RecordTouch { campaign: key, .. }) => campaign(key),
        Command::Lead(_, lead::Command::LinkCampaign { campaign: key }) => {
            vec![StreamId::Campaign(CampaignId::of(key))]
        }
        Command::Lead(_, lead::Command::Convert(convert)) => used(convert),
        Command::Opportunity(_, opportunity::Command::Open(open)) => {
            let mut streams: Vec<StreamId> = campaign(&open.campaign);
            streams.extend(open.account.map(StreamId::Account));
            streams
        }
        Command::Contact(_, contact::Command::Open { account, .. }) => {
            vec![StreamId::Account(*account)]
        }
        _ => Vec::new(),
    }
}

/// The streams that a conversion uses. Those that it opens have new ids; the append expects them to be empty.
fn used(convert: &Convert) -> Vec<StreamId> {
    let mut streams = Vec::new();
    if let CreateOrUse::Use(account) = convert.account {
        streams.push(StreamId::Account(account));
    }
    if let CreateOrUse::Use(contact) = convert.contact {
        streams.push(StreamId::Contact(contact));
    }
    if let OpportunityChoice::Attach(opportunity) = convert.opportunity {
        streams.push(StreamId::Opportunity(opportunity));
    }
    streams
}
