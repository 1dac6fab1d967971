//! The inbox: nothing goes before it is durable, and what fails does not come for ever.

use crate::server::Server;
use crate::world::patiently;
use async_nats::HeaderMap;
use async_nats::jetstream::Context;
use async_trait::async_trait;
use leadline_bus::Connection;
use leadline_bus::inbox::{ATTEMPTS_MAX, CloudEvent, Handled, Handler, Inbox, Settings};
use leadline_bus::stream::{self, CAPTURE};
use leadline_log::types::LogIdentity;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

/// The log that captures go to.
const LOG: LogIdentity = LogIdentity { id: Uuid::from_u128(1), epoch: 1 };

/// Does with a message what its type says, and remembers how often it came.
#[derive(Debug, Default)]
struct Script(Mutex<BTreeMap<String, u32>>);

#[async_trait]
impl Handler for Script {
    async fn handle(&self, event: CloudEvent) -> Handled {
        let attempt = {
            let mut attempts = self.0.lock().unwrap();
            let attempts = attempts.entry(event.id.clone()).or_default();
            *attempts += 1;
            *attempts
        };
        match event.event_type.as_str() {
            "hang" if attempt == 1 => std::future::pending().await,
            "later" if attempt <= 2 => Handled::Later,
            "late poison" if attempt <= 6 => Handled::Later,
            "poison" | "late poison" => Handled::Failed("no such form".to_owned()),
            _ => Handled::Durable,
        }
    }
}

async fn inbox(server: &Server, script: &Arc<Script>) -> (Inbox, CancellationToken) {
    inbox_of(LOG, server, script).await
}

async fn inbox_of(
    log: LogIdentity,
    server: &Server,
    script: &Arc<Script>,
) -> (Inbox, CancellationToken) {
    let connection = Connection::open(&server.url()).await.unwrap();
    let handler = Arc::clone(script) as Arc<dyn Handler>;
    let stream = stream::Settings { max_bytes: 1 << 24, ..stream::Settings::capture() };
    let settings = Settings { stream, answer_wait: Duration::from_secs(1) };
    (Inbox::new(connection, log, settings, handler), CancellationToken::new())
}

async fn send(context: &Context, id: &str, event_type: &str) {
    let mut headers = HeaderMap::new();
    for (name, value) in
        [("ce-specversion", "1.0"), ("ce-source", "/forms"), ("ce-id", id), ("ce-type", event_type)]
    {
        headers.insert(name, value);
    }
    let sent = context.publish_with_headers("leadline.capture.web", headers, "{}".into()).await;
    sent.unwrap().await.unwrap();
}

/// Waits until so many messages are left in the stream; there is none before there is a stream.
async fn left(context: &Context, messages: u64) {
    let left = async {
        loop {
            if let Ok(stream) = context.get_stream(CAPTURE).await
                && stream.cached_info().state.messages == messages
            {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    patiently(left).await;
}

#[tokio::test]
async fn a_message_stays_until_it_is_durable_and_poison_is_given_up() {
    let server = Server::start().await;
    let (script, meddler) = (Arc::new(Script::default()), server.meddler().await);
    let (inbox, stop) = inbox(&server, &script).await;
    let token = stop.clone();
    let running = tokio::spawn(async move { inbox.run(token).await });
    left(&meddler, 0).await;
    send(&meddler, "plain", "lead").await;
    send(&meddler, "busy", "later").await;
    send(&meddler, "bad", "poison").await;
    send(&meddler, "busy, then bad", "late poison").await;
    let nothing = meddler.publish("leadline.capture.web", "x".into()).await.unwrap();
    nothing.await.unwrap();
    left(&meddler, 0).await;
    let expected =
        [("bad", ATTEMPTS_MAX), ("busy", 3), ("busy, then bad", 6 + ATTEMPTS_MAX), ("plain", 1)];
    let attempts = script.0.lock().unwrap().clone();
    assert_eq!(attempts, expected.map(|(id, count)| (id.to_owned(), count)).into());
    stop.cancel();
    patiently(running).await.unwrap();
}

#[tokio::test]
async fn what_was_not_answered_waits_for_the_next_process() {
    let mut server = Server::start().await;
    let script = Arc::new(Script::default());
    let meddler = server.meddler().await;
    let (first, _) = inbox(&server, &script).await;
    let running = tokio::spawn(async move { first.run(CancellationToken::new()).await });
    left(&meddler, 0).await;
    send(&meddler, "half", "hang").await;
    send(&meddler, "done", "lead").await;
    left(&meddler, 1).await;
    running.abort();
    server.kill();
    server.restart().await;
    send(&meddler, "more", "lead").await;
    let (second, stop) = inbox(&server, &script).await;
    let token = stop.clone();
    let running = tokio::spawn(async move { second.run(token).await });
    left(&server.meddler().await, 0).await;
    let attempts = script.0.lock().unwrap().clone();
    // A server that is killed may forget the latest answers, so `done` may have come again.
    assert_eq!((attempts.get("half"), attempts.get("more")), (Some(&2), Some(&1)));
    stop.cancel();
    patiently(running).await.unwrap();
}

#[tokio::test]
async fn captures_for_another_log_are_left_alone() {
    let server = Server::start().await;
    let (script, meddler) = (Arc::new(Script::default()), server.meddler().await);
    // As an earlier version made it: without a word of whose it is.
    let config = async_nats::jetstream::stream::Config {
        name: CAPTURE.to_owned(),
        subjects: vec!["leadline.capture.>".to_owned()],
        retention: async_nats::jetstream::stream::RetentionPolicy::WorkQueue,
        ..Default::default()
    };
    meddler.create_stream(config).await.unwrap();
    send(&meddler, "early", "lead").await;
    let (first, stop) = inbox(&server, &script).await;
    let token = stop.clone();
    let running = tokio::spawn(async move { first.run(token).await });
    left(&meddler, 0).await;
    stop.cancel();
    patiently(running).await.unwrap();
    let info = meddler.get_stream(CAPTURE).await.unwrap().cached_info().clone();
    assert!(info.config.description.unwrap().ends_with(&LOG.id.to_string()));
    send(&meddler, "ours", "lead").await;
    let other = LogIdentity { id: Uuid::from_u128(2), epoch: 1 };
    let (second, stop) = inbox_of(other, &server, &script).await;
    let trouble = watch::Sender::default();
    let (second, mut told) = (second.telling(trouble.clone()), trouble.subscribe());
    let token = stop.clone();
    let running = tokio::spawn(async move { second.run(token).await });
    let told = patiently(told.wait_for(Option::is_some)).await.unwrap().clone().unwrap();
    assert!(told.reason.contains(&format!("it is of the log {}", LOG.id)), "{told:?}");
    assert!(told.cure.unwrap().contains("give this log an account of its own"));
    left(&meddler, 1).await;
    assert_eq!(script.0.lock().unwrap().get("ours"), None);
    stop.cancel();
    patiently(running).await.unwrap();
}
