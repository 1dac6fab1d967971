//! One command in the committer: resolve, settle, decide, and draft the append that makes it true.

use crate::claims;
use crate::draft::Drafting;
use crate::drawn::Drawn;
use crate::engine::Engine;
use crate::error::Refused;
use crate::model::Rules;
use crate::prepare::{Address, Prepared};
use crate::resolve::{resolve, with_account};
use crate::submission::{Body, Happened, Reply};
use leadline_domain::decision::{ClaimChange, Event, Match};
use leadline_domain::id::AccountId;
use leadline_domain::{
    Command, Context, Decider, Decision, Inputs, Leadline, Refusal, State, StreamId, Timestamp,
    account, config, lead,
};
use leadline_events::{stream_key, stream_of};
use leadline_log::Position;
use leadline_log::committer::{Desk, Draft, Job, Outcome, Step};
use leadline_log::types::CommandRecord;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Weak};
use tokio::sync::oneshot;

/// What a job answers to whoever waits for it.
#[derive(Debug)]
pub(crate) enum Answer {
    /// Handled now.
    Handled(Result<Reply, Box<Refused>>),
    /// Handled before: read its first result back.
    Repeated(CommandRecord),
    /// The command asks for more at once than the log takes; nothing of it is kept.
    TooLarge(String),
    /// The log failed.
    Failed(Arc<leadline_log::Error>),
}

/// A command in the committer.
pub(crate) struct CommandJob {
    prepared: Prepared,
    in_order: bool,
    reply_to: Option<oneshot::Sender<Answer>>,
    drawn: Option<Drawn>,
    /// What a `Settle` answers that finds nothing due.
    idle: Option<Reply>,
    /// Whether its lead was read again because nothing seemed due.
    looked_again: bool,
    /// The limit of the log that the command passes.
    too_large: Option<&'static str>,
    /// The latest present of any command decided so far, in milliseconds.
    latest: Arc<AtomicI64>,
    engine: Weak<Engine>,
}

/// The desk has not loaded something yet.
pub(crate) struct NotLoaded;

pub(crate) type Loaded<T> = Result<T, NotLoaded>;

impl CommandJob {
    pub(crate) const fn new(
        prepared: Prepared,
        reply_to: oneshot::Sender<Answer>,
        in_order: bool,
        latest: Arc<AtomicI64>,
        engine: Weak<Engine>,
    ) -> Self {
        Self {
            prepared,
            in_order,
            reply_to: Some(reply_to),
            drawn: None,
            idle: None,
            looked_again: false,
            too_large: None,
            latest,
            engine,
        }
    }

    /// Lets no present lie before that of a command decided earlier: commands that arrive at once are decided in
    /// another order than they were stamped, and the later one must not be taken for a fact from the past.
    fn catch_up(&mut self) {
        if self.prepared.dated {
            return;
        }
        let stamped = self.prepared.now;
        let latest = self.latest.fetch_max(stamped.millis(), Ordering::Relaxed);
        self.prepared.now = stamped.max(Timestamp::from_millis(latest));
        self.prepared.occurred_at = self.prepared.now;
    }

    fn draft(&mut self, desk: &mut Desk<'_, Rules>) -> Loaded<Step<Rules>> {
        let prepared = &self.prepared;
        let (_, config) = desk.stream(&stream_key(&StreamId::Config)).ok_or(NotLoaded)?;
        let State::Config(settings) = &*config else { return Err(NotLoaded) };
        let context = Context {
            actor: prepared.caller.actor.clone(),
            now: prepared.now,
            occurred_at: prepared.occurred_at,
            mode: prepared.mode,
            command: prepared.command,
            policies: settings.policies_at(prepared.occurred_at),
            supervises: prepared.caller.role.supervises(),
        };
        let command = resolve(prepared, &context, desk)?;
        let matches = self.matches(desk)?;
        let context = match &command {
            Ok(command) => self.dated(context, settings, desk, (command, &matches))?,
            Err(_) => context,
        };
        let mut drafting = Drafting::new(prepared, &context);
        drafting.read(desk, StreamId::Config)?;
        let settles = match &command {
            Ok(command @ Command::Lead(_, lead::Command::Settle)) => Some(command.target()),
            _ => None,
        };
        let outcome = match command {
            Err(refusal) => Err(refusal),
            Ok(command) => {
                drafting.address(command.target());
                self.weigh(&mut drafting, desk, (&command, &matches), &context)?
            }
        };
        let drawn = match outcome {
            Ok(()) if settles.is_some() && drafting.is_empty() => {
                self.idle = drafting.idle();
                return self.look_again(settles, desk);
            }
            Ok(()) => drafting.finish(None),
            Err(refusal) => drafting.finish(Some(&refusal)),
        };
        let (append, states, drawn) = drawn;
        if let Some(limit) = append.passes() {
            self.too_large = Some(limit);
            return Ok(Step::Done);
        }
        self.drawn = Some(drawn);
        Ok(Step::Append(Draft { append, states }))
    }

    /// Nothing is due by what is in memory, which another process may have gone beyond: no append tells. So the stream is
    /// read again, once.
    fn look_again(
        &mut self,
        settles: Option<StreamId>,
        desk: &mut Desk<'_, Rules>,
    ) -> Loaded<Step<Rules>> {
        if let (false, Some(stream)) = (std::mem::replace(&mut self.looked_again, true), settles) {
            let stream = stream_key(&stream);
            if desk.forget(&stream) {
                desk.stream(&stream).ok_or(NotLoaded)?;
            }
        }
        Ok(Step::Done)
    }

    /// The context, in which a command without a time of its own comes no earlier than what has been decided already
    /// on any stream that it reads: by a caller, or a server, whose clock is ahead.
    fn dated(
        &self,
        mut context: Context,
        settings: &config::State,
        desk: &mut Desk<'_, Rules>,
        (command, matches): (&Command, &[Match]),
    ) -> Loaded<Context> {
        if self.prepared.dated {
            return Ok(context);
        }
        let target = command.target();
        let opens = matches!(self.prepared.address, Address::New) && target != StreamId::Config;
        let reads = Leadline::reads(command).into_iter().filter(|read| !opens || *read != target);
        let (now, mut missing) = (context.now, false);
        for stream in reads.chain(matches.iter().filter_map(|found| found.holder)) {
            match desk.stream(&stream_key(&stream)) {
                Some((_, state)) => {
                    context.occurred_at = context.occurred_at.max(Leadline::undated(&state, now));
                }
                None => missing = true,
            }
        }
        context.policies = settings.policies_at(context.occurred_at);
        if missing { Err(NotLoaded) } else { Ok(context) }
    }

    /// Settles the target, then decides; what comes of it is in `drafting`.
    fn weigh(
        &self,
        drafting: &mut Drafting<'_>,
        desk: &mut Desk<'_, Rules>,
        (command, matches): (&Command, &[Match]),
        context: &Context,
    ) -> Loaded<Result<(), Refusal>> {
        let target = command.target();
        let opens = matches!(self.prepared.address, Address::New);
        for stream in Leadline::reads(command) {
            if opens && stream == target && stream != StreamId::Config {
                drafting.fresh(desk, stream);
            } else {
                drafting.read(desk, stream)?;
            }
        }
        for holder in matches.iter().filter_map(|found| found.holder) {
            drafting.read(desk, holder)?;
            Self::settle(drafting, holder, context);
        }
        if let Some(expected) = self.prepared.if_version {
            let current = drafting.version(target);
            if current != expected {
                drafting.stale = Some((expected, current));
                return Ok(Ok(()));
            }
        }
        if self.prepared.erased && matches!(self.prepared.body, Body::Contact(_)) {
            // A contact does not know of its lead's erasure; what is sealed anew could never be erased again.
            return Ok(Err(Refusal::Erased));
        }
        Self::settle(drafting, target, context);
        let account = match self.account(drafting, desk, context)? {
            Ok(account) => account,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let command = with_account(command, account.as_ref().map(|account| account.id));
        let opening = account.as_ref().and_then(|account| account.opening.as_ref());
        let opened = opening.map(|opening| drafting.states_after(&opening.events));
        let streams = opened.as_ref().unwrap_or_else(|| drafting.states());
        let inputs = Inputs { streams, matches };
        let decision = match Leadline::decide(&inputs, &command, context) {
            Ok(decision) => decision,
            Err(refusal) => return Ok(Err(refusal)),
        };
        // Only what is accepted opens an account, and takes a key.
        if let Some(account) = account {
            self.note_account(drafting, desk, account);
        }
        self.note(drafting, desk, decision);
        if let Some(key) = self.prepared.own_key {
            drafting.take(key, target, self.prepared.own_subject);
        }
        Ok(Ok(()))
    }

    fn settle(drafting: &mut Drafting<'_>, stream: StreamId, context: &Context) {
        if matches!(stream, StreamId::Lead(_)) {
            let inputs = Inputs { streams: drafting.states(), matches: &[] };
            for step in Leadline::settle(&stream, &inputs, context) {
                drafting.push(step);
            }
        }
    }

    fn note(&self, drafting: &mut Drafting<'_>, desk: &mut Desk<'_, Rules>, decision: Decision) {
        let captures = matches!(&self.prepared.body, Body::Lead(lead::Command::Capture(_)));
        for step in decision.events {
            if captures && matches!(step.stream, StreamId::Lead(_)) {
                // Somebody known: the reply is about the lead that they already are.
                drafting.address(step.stream);
            }
            if let Event::Lead(lead::Event::Reengaged { subject, .. }) = &step.event {
                drafting.carry(*subject);
            }
            if !drafting.holds(step.stream) {
                drafting.fresh(desk, step.stream);
            }
            drafting.push(step);
        }
        for change in decision.claims {
            match change {
                ClaimChange::Take { key, holder, subject } => {
                    if let Some(claim) = claims::of_match(&key) {
                        drafting.take(claim, holder, subject);
                    }
                }
                ClaimChange::ReleaseSubject(subject) => drafting.release(subject),
            }
        }
    }

    fn matches(&self, desk: &mut Desk<'_, Rules>) -> Loaded<Vec<Match>> {
        let mut found = Vec::with_capacity(self.prepared.matches.len());
        let mut missing = false;
        for key in &self.prepared.matches {
            let Some(claim) = claims::of_match(key) else { continue };
            match desk.claim(&claim) {
                Some(holder) => {
                    if let Some(held) = &holder
                        && self.prepared.mode.enforces()
                        && let Some(engine) = self.engine.upgrade()
                    {
                        engine.learn_subject(claim, held);
                    }
                    let holder = holder.and_then(|held| stream_of(&held.holder));
                    found.push(Match { key: *key, holder });
                }
                None => missing = true,
            }
        }
        if missing { Err(NotLoaded) } else { Ok(found) }
    }

    /// The account that the command names by key: the one that holds it, or one to be opened.
    fn account(
        &self,
        drafting: &mut Drafting<'_>,
        desk: &mut Desk<'_, Rules>,
        context: &Context,
    ) -> Loaded<Result<Option<Account>, Refusal>> {
        let Some(named) = &self.prepared.account else { return Ok(Ok(None)) };
        if let Some(held) = desk.claim(&named.claim).ok_or(NotLoaded)? {
            let Some(StreamId::Account(id)) = stream_of(&held.holder) else {
                return Ok(Ok(None));
            };
            drafting.read(desk, StreamId::Account(id))?;
            return Ok(Ok(Some(Account { id, opening: None })));
        }
        let id = AccountId(context.new_id(ACCOUNT_COUNTER));
        let details = Some(named.details.clone());
        let open = Command::Account(id, account::Command::Open { details, owner: None });
        let inputs = Inputs { streams: drafting.states(), matches: &[] };
        let opening = Leadline::decide(&inputs, &open, context);
        Ok(opening.map(|opening| Some(Account { id, opening: Some(opening) })))
    }

    fn note_account(
        &self,
        drafting: &mut Drafting<'_>,
        desk: &mut Desk<'_, Rules>,
        account: Account,
    ) {
        if let (Some(opening), Some(named)) = (account.opening, &self.prepared.account) {
            self.note(drafting, desk, opening);
            let holder = StreamId::Account(account.id);
            drafting.take(named.claim, holder, Some(named.details.subject));
        }
    }
}

/// An account that a command names by key.
struct Account {
    id: AccountId,
    /// What opens it, where nobody holds the key yet.
    opening: Option<Decision>,
}

/// The counter of the identity of an account that a command opens on the way; those of the decision itself are lower.
const ACCOUNT_COUNTER: u16 = 0x4000;

impl Job<Rules> for CommandJob {
    fn decide(&mut self, desk: &mut Desk<'_, Rules>) -> Step<Rules> {
        self.catch_up();
        self.draft(desk).unwrap_or(Step::Wait)
    }

    fn in_order(&self) -> bool {
        self.in_order
    }

    fn finish(mut self: Box<Self>, outcome: Outcome) {
        let Some(reply_to) = self.reply_to.take() else { return };
        if let Some(engine) = self.engine.upgrade() {
            engine.appends.note(&outcome, engine.now());
        }
        let answer = match outcome {
            Outcome::Committed { first, .. } => match self.drawn.take() {
                Some(drawn) => {
                    if let (true, Some(engine)) = (drawn.refused.is_none(), self.engine.upgrade()) {
                        engine.follow_up(&self.prepared);
                    }
                    Answer::Handled(drawn.reply(first))
                }
                None => Answer::Handled(Ok(nothing())),
            },
            Outcome::Duplicate(record) => Answer::Repeated(record),
            Outcome::Done => match self.too_large {
                Some(limit) => Answer::TooLarge(format!("{limit}; ask for less at once")),
                None => Answer::Handled(Ok(self.idle.take().unwrap_or_else(nothing))),
            },
            Outcome::Failed(error) => Answer::Failed(error),
        };
        // A caller that went away needs no answer; its command is committed all the same.
        drop(reply_to.send(answer));
    }
}

fn nothing() -> Reply {
    Reply {
        position: Position::START,
        target: StreamId::Config,
        version: 0,
        events: Vec::<Happened>::new(),
        repeated: false,
        next_due: None,
    }
}
