//! The way to NATS: who publishes, who receives, and what is told of it.

use crate::captures::Captures;
use crate::cli::ServeRole;
use crate::failure::Failure;
use crate::node::{CURRENCY, Node};
use leadline_bus::connection::{Connection, State};
use leadline_bus::head::Heads;
use leadline_bus::inbox::{self, Inbox};
use leadline_bus::publisher::{Progress, Publisher};
use leadline_bus::{Subscription, published, stream};
use leadline_http::DeliveryReport;
use leadline_log::Position;
use leadline_log::clock::System;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// How often a process looks how far the stream of events has come.
const LOOK: Duration = Duration::from_millis(400);
/// After how long without an event the stream of events is taken for stalled, where the log has gone on.
const STALLED: Duration = Duration::from_secs(1);

/// How far the stream of events has come.
#[derive(Clone, Copy, Debug, Default)]
struct Stream {
    /// The last position in it; nothing where it is not known.
    position: Option<Position>,
    /// Whether the log has gone on without it: nobody publishes.
    stalled: bool,
}

/// What readiness and metrics tell of the publisher.
fn publisher(progress: &Progress) -> serde_json::Value {
    let stopped = f64::from(u8::from(progress.trouble.is_some()));
    metrics::gauge!("leadline_publisher_stopped").set(stopped);
    metrics::counter!("leadline_publisher_interruptions_total").absolute(progress.interruptions);
    json!({
        "position": progress.position.0,
        "trouble": progress.trouble,
        "cure": progress.cure,
        "interruptions": progress.interruptions,
        "last_interruption": progress.last_interruption,
    })
}

/// The way to NATS.
#[derive(Debug)]
pub(crate) struct Delivery {
    connection: Connection,
    /// How far this process has published.
    published: watch::Sender<Option<Progress>>,
    /// How far the stream of events has come, whoever publishes.
    stream: watch::Sender<Stream>,
    /// What keeps this process from taking captures in.
    captures: watch::Sender<Option<inbox::Trouble>>,
}

impl Delivery {
    /// Connects; a server that is not there yet is tried until it is.
    pub(crate) async fn open(servers: &str) -> Result<Self, Failure> {
        let connection = Connection::open(servers)
            .await
            .map_err(|error| Failure::of("connect to", &"NATS", error))?;
        Ok(Self {
            connection,
            published: watch::Sender::new(None),
            stream: watch::Sender::default(),
            captures: watch::Sender::default(),
        })
    }

    /// What readiness tells of it.
    pub(crate) fn report(&self) -> DeliveryReport {
        let (state, published) = (self.connection.state(), self.published.subscribe());
        let (stream, captures) = (self.stream.subscribe(), self.captures.subscribe());
        Arc::new(move || {
            let connected = *state.borrow() != State::Disconnected;
            metrics::gauge!("leadline_nats_connected").set(if connected { 1.0 } else { 0.0 });
            let told = published.borrow().as_ref().map(publisher);
            let astray = published.borrow().as_ref().is_some_and(|progress| progress.astray);
            let Stream { position, stalled } = *stream.borrow();
            metrics::gauge!("leadline_publishing_stalled").set(f64::from(u8::from(stalled)));
            let position = position.map(|position| position.0);
            let captures = captures.borrow().clone();
            let foreign = captures.as_ref().is_some_and(|trouble| trouble.cure.is_some());
            json!({
                "ready": !astray && !foreign,
                "connected": connected,
                "published": position,
                "stalled": stalled,
                "publisher": told,
                "captures": captures
                    .map(|trouble| json!({"trouble": trouble.reason, "cure": trouble.cure})),
            })
        })
    }

    /// Events by way of NATS, for the projector.
    pub(crate) fn subscription(&self, node: &Node) -> Box<dyn leadline_log::delivery::Delivery> {
        Box::new(Subscription::new(self.connection.clone(), node.engine.log()))
    }

    /// Waits until this process has published everything up to `position`.
    ///
    /// # Errors
    /// The stream of events is no copy of this log, so that nothing will be published.
    pub(crate) async fn published(&self, position: Position) -> Result<(), Failure> {
        let mut published = self.published.subscribe();
        let told = published.wait_for(|progress| {
            progress.as_ref().is_some_and(|told| told.astray || told.position >= position)
        });
        // The sender is here.
        let Ok(told) = told.await else { return Ok(()) };
        let Some(Progress { astray: true, trouble, cure, .. }) = &*told else { return Ok(()) };
        let (trouble, cure) =
            (trouble.as_deref().unwrap_or_default(), cure.as_deref().unwrap_or_default());
        Err(Failure::plain(format!("could not publish the log: {trouble}; {cure}")))
    }

    /// Does what these roles have to do with NATS.
    pub(crate) fn work(&self, roles: &[ServeRole], node: &Node, tasks: &TaskTracker) {
        self.exchange_heads(node, tasks);
        self.watch_stream(node, tasks);
        if roles.contains(&ServeRole::Api) {
            let captures = Captures { engine: Arc::clone(&node.engine), currency: CURRENCY };
            let settings = inbox::Settings::default();
            let log = node.engine.log().identity();
            let inbox = Inbox::new(self.connection.clone(), log, settings, Arc::new(captures))
                .telling(self.captures.clone());
            let stop = node.stop.clone();
            tasks.spawn(async move { inbox.run(stop).await });
        }
        if roles.contains(&ServeRole::Publish) {
            let publisher = Publisher::new(
                self.connection.clone(),
                node.engine.log(),
                node.engine.tailer(),
                Arc::new(System),
                stream::Settings::events(),
            );
            let (mut progress, told) = (publisher.progress(), self.published.clone());
            let stop = node.stop.clone();
            tasks.spawn(async move {
                loop {
                    told.send_replace(Some(progress.borrow_and_update().clone()));
                    tokio::select! {
                        () = stop.cancelled() => return,
                        moved = progress.changed() => if moved.is_err() { return },
                    }
                }
            });
            let stop = node.stop.clone();
            tasks.spawn(async move { publisher.run(stop).await });
        }
    }

    /// Looks again and again whether the stream of events follows the log.
    fn watch_stream(&self, node: &Node, tasks: &TaskTracker) {
        let log = node.engine.log().identity();
        let (connection, told) = (self.connection.clone(), self.stream.clone());
        let (head, stop) = (node.engine.head(), node.stop.clone());
        let watching = async move {
            let mut moved = Instant::now();
            loop {
                let published = published(&connection, log).await;
                // A stream that does not tell how far it is may be where it ought to be.
                let goes_on = published.as_ref().is_ok_and(|position| {
                    *position != told.borrow().position
                        || position.is_none_or(|position| position >= *head.borrow())
                });
                if goes_on {
                    moved = Instant::now();
                }
                let position = published.ok().flatten();
                told.send_replace(Stream { position, stalled: moved.elapsed() >= STALLED });
                tokio::time::sleep(LOOK).await;
            }
        };
        tasks.spawn(async move { stop.run_until_cancelled(watching).await });
    }

    /// Tells other processes how far this one has brought the log, and listens how far they have.
    fn exchange_heads(&self, node: &Node, tasks: &TaskTracker) {
        let engine = Arc::clone(&node.engine);
        let heads = Heads::new(self.connection.clone(), engine.log(), engine.head());
        let mut heard = heads.heard();
        let heads = Arc::new(heads);
        let (announcing, stop) = (Arc::clone(&heads), node.stop.clone());
        tasks.spawn(async move { announcing.announce(&stop).await });
        let stop = node.stop.clone();
        tasks.spawn(async move {
            if let Err(error) = heads.listen(&stop).await {
                tracing::warn!(%error, "Heads are not heard; the log is looked at instead");
            }
        });
        let stop = node.stop.clone();
        let passing_on = async move {
            while heard.changed().await.is_ok() {
                let position = *heard.borrow_and_update();
                engine.announce(position);
            }
        };
        tasks.spawn(async move { stop.run_until_cancelled(passing_on).await });
    }
}
