//! The connection to NATS: one for the process, restored by itself for as long as the process lives.

use crate::error::Error;
use async_nats::jetstream::Context;
use async_nats::jetstream::context::ContextBuilder;
use async_nats::{Client, ConnectOptions, Event};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::watch;

/// How long one request to the server may take, and how long an acknowledgement.
pub const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);
/// How long one attempt to connect may take.
pub const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest pause between two attempts to connect.
pub const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Added to the pause with each failed attempt, in milliseconds.
const RECONNECT_PAUSE_STEP_MS: u64 = 50;

/// Whether there is a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Not now; the client keeps trying.
    Disconnected,
    /// Yes, for the so-manieth time: what was asked of an earlier connection may be lost.
    Connected(u64),
}

/// A connection. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connection {
    client: Client,
    state: watch::Receiver<State>,
}

impl Connection {
    /// Opens a connection to one or more servers of one cluster, separated by commas:
    /// `nats://one:4222,nats://two:4222`. They may have a user and a password; `tls://` asks for TLS. A server that is
    /// not there yet is no error: it is tried until it is.
    ///
    /// # Errors
    /// The servers cannot be read.
    pub async fn open(servers: &str) -> Result<Self, Error> {
        let (states, state) = watch::channel(State::Disconnected);
        let reporter = Reporter { states, sessions: AtomicU64::new(0) };
        let options = ConnectOptions::new()
            .name("leadline")
            .retry_on_initial_connect()
            .max_reconnects(None)
            .connection_timeout(CONNECT_TIMEOUT)
            .request_timeout(Some(REQUEST_TIMEOUT))
            .reconnect_delay_callback(reconnect_pause)
            .event_callback(move |event| {
                reporter.note(&event);
                std::future::ready(())
            });
        let servers: Vec<&str> = servers.split(',').map(str::trim).collect();
        let client = options
            .connect(servers.as_slice())
            .await
            .map_err(|error| Error::Unusable { source: error.to_string().into() })?;
        Ok(Self { client, state })
    }

    /// Whether there is a connection, as it changes.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Waits until there is a connection.
    pub(crate) async fn connected(&self) -> Session {
        let mut state = self.state.clone();
        // The sender lives as long as the client, and the client is here.
        let at = state.wait_for(|state| *state != State::Disconnected).await.map(|at| *at);
        Session { at: at.unwrap_or(State::Disconnected), state }
    }

    /// The present session, where there is a connection.
    pub(crate) fn session(&self) -> Option<Session> {
        let state = self.state.clone();
        let at = *state.borrow();
        (at != State::Disconnected).then_some(Session { at, state })
    }

    /// The client.
    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// A context for requests to JetStream, with at most `acks` unacknowledged messages.
    pub(crate) fn jetstream(&self, acks: usize) -> Context {
        ContextBuilder::new()
            .timeout(REQUEST_TIMEOUT)
            .ack_timeout(REQUEST_TIMEOUT)
            .max_ack_inflight(acks)
            .build(self.client.clone())
    }

    /// Whether the server is of this version or a later one: older ones take newer options and silently ignore them.
    pub fn serves(&self, major: i64, minor: i64, patch: i64) -> bool {
        self.client.is_server_compatible(major, minor, patch)
    }
}

/// One uninterrupted time of being connected.
#[derive(Debug)]
pub(crate) struct Session {
    at: State,
    state: watch::Receiver<State>,
}

impl Session {
    /// Waits until it is over.
    pub(crate) async fn over(&mut self) {
        let at = self.at;
        // Where nobody tells any more, the client is gone, and so is the session.
        drop(self.state.wait_for(|state| *state != at).await);
    }
}

/// Passes on what the client tells of its connection.
#[derive(Debug)]
struct Reporter {
    states: watch::Sender<State>,
    sessions: AtomicU64,
}

impl Reporter {
    fn note(&self, event: &Event) {
        match event {
            Event::Connected => {
                tracing::info!("Connected to NATS");
                let earlier = self.sessions.fetch_add(1, Ordering::Relaxed);
                self.states.send_replace(State::Connected(earlier.saturating_add(1)));
            }
            Event::Disconnected | Event::Closed => {
                tracing::warn!("Disconnected from NATS; trying again");
                self.states.send_replace(State::Disconnected);
            }
            Event::ServerError(error) => tracing::warn!(%error, "NATS reports an error"),
            Event::ClientError(error) => {
                tracing::debug!(%error, "The client of NATS reports an error");
            }
            Event::SlowConsumer(_) => {
                tracing::warn!("NATS messages come faster than they are taken");
            }
            Event::LameDuckMode | Event::Draining => tracing::info!(%event, "NATS is closing"),
        }
    }
}

fn reconnect_pause(attempts: usize) -> Duration {
    let steps = u64::try_from(attempts).unwrap_or(u64::MAX);
    Duration::from_millis(steps.saturating_mul(RECONNECT_PAUSE_STEP_MS)).min(RECONNECT_PAUSE_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_between_attempts_grows_to_a_limit() {
        assert_eq!(reconnect_pause(0), Duration::ZERO);
        assert_eq!(reconnect_pause(1), Duration::from_millis(50));
        assert_eq!(reconnect_pause(usize::MAX), RECONNECT_PAUSE_MAX);
    }
}
