//! The publisher: makes the stream of events follow the log.
//!
//! The stream itself is the publisher's checkpoint. Each message is stored only on top of the one before it
//! (`Nats-Expected-Last-Sequence`), so the stream never has a hole or a repeat that a publisher made, whatever times
//! out, comes late or is sent by a second publisher. What a publisher needs besides, the previous position of each
//! partition, follows from the log. So there is nothing to keep, and nothing to lose.

pub(crate) mod resume;

use crate::connection::{Connection, Session};
use crate::error::{Error, cure};
use crate::stream::{self, Settings};
use crate::wire;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::{PublishAckFuture, PublishErrorKind};
use async_nats::jetstream::message::PublishMessage;
use async_nats::jetstream::stream::Stream;
use leadline_log::clock::Clock;
use leadline_log::tailer::{Follower, Tailer};
use leadline_log::{LogBackend, Misfit, Place, Position};
use resume::Resume;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

/// Most messages sent and not yet acknowledged.
pub const ACKS_MAX: usize = 1_024;
/// Most events read from the log at once.
const PAGE_EVENTS: usize = 512;
/// How often a publisher without work looks whether the stream is still where it was left.
const CHECK_EVERY: Duration = Duration::from_secs(2);
/// Shortest pause after something went wrong.
const RETRY_MIN: Duration = Duration::from_millis(100);
/// Longest pause after something went wrong again and again.
const RETRY_MAX: Duration = Duration::from_secs(5);

/// How far the stream of events has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The last position that the server has acknowledged.
    pub position: Position,
    /// What keeps the publisher from going on, where something does.
    pub trouble: Option<String>,
    /// Whether that is a stream that is no copy of this log: then only its operator can help.
    pub astray: bool,
    /// How, in that case.
    pub cure: Option<String>,
    /// How often something kept it from going on, such as a connection that was lost or a stream that was deleted.
    pub interruptions: u64,
    /// What it was the last time.
    pub last_interruption: Option<String>,
}

/// Publishes a log.
#[derive(Debug)]
pub struct Publisher {
    connection: Connection,
    log: Arc<dyn LogBackend>,
    tailer: Tailer,
    clock: Arc<dyn Clock>,
    settings: Settings,
    progress: watch::Sender<Progress>,
}

/// A message that is under way.
#[derive(Debug)]
struct Sent {
    place: Place,
    sequence: u64,
    ack: PublishAckFuture,
}

impl Publisher {
    /// A publisher of `log`, which `tailer` follows.
    pub fn new(
        connection: Connection,
        log: Arc<dyn LogBackend>,
        tailer: Tailer,
        clock: Arc<dyn Clock>,
        settings: Settings,
    ) -> Self {
        let progress = watch::Sender::default();
        Self { connection, log, tailer, clock, settings, progress }
    }

    /// How far it has come, as it changes.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }

    /// Publishes until `stop`. What goes wrong is told in [`Progress`] and tried again.
    pub async fn run(&self, stop: CancellationToken) {
        let mut pause = RETRY_MIN;
        loop {
            let before = self.progress.borrow().position;
            let ended = tokio::select! {
                session = self.connection.connected() => self.session(session, &stop).await,
                () = stop.cancelled() => return,
            };
            let Err(error) = ended else { return };
            self.report(&error);
            pause = if self.progress.borrow().position == before {
                pause.saturating_mul(2).min(RETRY_MAX)
            } else {
                RETRY_MIN
            };
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stop.cancelled() => return,
            }
        }
    }

    fn report(&self, error: &Error) {
        let reason = error.whole();
        let trouble = if matches!(error, Error::Moved) {
            tracing::info!("The stream of events has moved; looking where it is");
            None
        } else {
            tracing::error!(trouble = reason, "Events are not published; trying again");
            Some(reason.clone())
        };
        self.progress.send_modify(|progress| {
            progress.astray = error.misfit().is_some();
            progress.cure = error.misfit().map(cure);
            progress.trouble = trouble.or(progress.trouble.take());
            progress.interruptions = progress.interruptions.saturating_add(1);
            progress.last_interruption = Some(reason);
        });
    }

    /// Publishes from where the stream is, for as long as the connection lasts or until `stop`.
    async fn session(&self, mut session: Session, stop: &CancellationToken) -> Result<(), Error> {
        // A context of its own: acknowledgements that an earlier session gave up hold none of this one's places.
        let context = self.connection.jetstream(ACKS_MAX.saturating_mul(2));
        let stream = stream::ensure(&context, stream::events(&self.settings)).await?;
        let resume = self.resume(&context, &stream).await?;
        let position = resume.place.position;
        let log = self.log.identity().id;
        tracing::info!(log.id = %log, log.position = position.0, "Publishing the log to NATS");
        let acked = watch::Sender::new((resume.place, resume.sequence));
        self.progress.send_modify(|progress| {
            (progress.position, progress.trouble) = (position, None);
            (progress.astray, progress.cure) = (false, None);
        });
        let (sent, under_way) = mpsc::channel(ACKS_MAX);
        let follower = self.tailer.follow(position);
        let publish = async {
            tokio::try_join!(
                self.send(&context, resume, follower, sent, stop),
                self.settle(under_way, &acked)
            )
        };
        tokio::select! {
            published = publish => published.map(drop),
            error = self.check(&stream, acked.subscribe()) => Err(error),
            () = session.over() => {
                let source = "the connection was lost".into();
                Err(Error::Unavailable { attempt: "publish events", source })
            }
        }
    }

    /// Where to go on. A stream of an earlier epoch holds a past that may not be this log's: it is begun anew.
    async fn resume(&self, context: &Context, stream: &Stream) -> Result<Resume, Error> {
        let max_age = self.settings.max_age;
        match resume::find(stream, self.log.as_ref(), self.clock.as_ref(), max_age).await {
            Err(Error::Astray(Misfit::OtherEpoch { expected, found })) if found < expected => {
                tracing::warn!(
                    expected,
                    found,
                    "The stream of events is of an earlier epoch; beginning anew"
                );
                let deleted = context.delete_stream(stream::EVENTS).await;
                deleted.map_err(Error::nats("delete the stream of events"))?;
                Err(Error::Moved)
            }
            found => found,
        }
    }

    /// Sends events in order, as fast as acknowledgements make room, until `stop`.
    async fn send(
        &self,
        context: &Context,
        resume: Resume,
        mut follower: Follower,
        sent: mpsc::Sender<Sent>,
        stop: &CancellationToken,
    ) -> Result<(), Error> {
        let log = self.log.identity();
        let Resume { mut sequence, mut previous, .. } = resume;
        loop {
            let page = tokio::select! {
                page = follower.next_page(PAGE_EVENTS) => page?,
                () = stop.cancelled() => return Ok(()),
            };
            for recorded in page.iter() {
                let before = previous.replace(recorded);
                let message = wire::encode(log, recorded, before)?;
                let publish = PublishMessage::build()
                    .headers(message.headers)
                    .payload(message.payload)
                    .expected_last_sequence(sequence);
                let ack = context
                    .send_publish(message.subject, publish)
                    .await
                    .map_err(Error::nats("publish an event"))?;
                sequence = sequence.saturating_add(1);
                let event = recorded.event.event_id;
                let place = Place { log, position: recorded.position, event };
                let under_way = Sent { place, sequence, ack };
                if sent.send(under_way).await.is_err() {
                    // The other half has ended, and says why.
                    return Ok(());
                }
            }
        }
    }

    /// Takes acknowledgements in order.
    async fn settle(
        &self,
        mut under_way: mpsc::Receiver<Sent>,
        acked: &watch::Sender<(Place, u64)>,
    ) -> Result<(), Error> {
        while let Some(Sent { place, sequence, ack }) = under_way.recv().await {
            let ack = ack.await.map_err(|error| match error.kind() {
                PublishErrorKind::WrongLastSequence => Error::Moved,
                _ => Error::nats("publish an event")(error),
            })?;
            // A duplicate in its place was stored by an earlier attempt or another publisher. One in another place
            // is a memory of the server's, of a message that it no longer has where it belongs.
            if ack.sequence != sequence {
                return Err(Error::Moved);
            }
            acked.send_replace((place, sequence));
            self.progress.send_modify(|progress| progress.position = place.position);
        }
        Ok(())
    }

    /// Returns when the stream is not where the last acknowledgement says, and nothing is under way that would tell; or
    /// when the log is not the one any more that was published.
    async fn check(&self, stream: &Stream, mut acked: watch::Receiver<(Place, u64)>) -> Error {
        let mut every = tokio::time::interval(CHECK_EVERY);
        loop {
            every.tick().await;
            let busy = acked.has_changed().unwrap_or_default();
            let (place, sequence) = *acked.borrow_and_update();
            match place.misfit(&*self.log).await {
                Ok(None) => {}
                Ok(Some(misfit)) => return Error::Astray(misfit),
                Err(error) => return error.into(),
            }
            if busy {
                continue;
            }
            match stream.get_info().await {
                Ok(info) if acked.has_changed().unwrap_or_default() => drop(info),
                Ok(info) if info.state.last_sequence == sequence => {}
                Ok(_) => return Error::Moved,
                Err(error) => return Error::nats("look the stream of events up")(error),
            }
        }
    }
}
