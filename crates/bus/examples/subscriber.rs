//! A subscriber with a table of its own: how many events of each type one partition has had, each counted once.
//!
//! ```sh
//! cargo run -p leadline-bus --example subscriber -- nats://127.0.0.1:4222 http://127.0.0.1:8080 "$KEY" counts.db 7
//! ```
//!
//! It may be killed at any moment, and its table may be deleted: the position is kept in the same transaction as the
//! counts, and what JetStream no longer has is read from leadline's API.

use async_nats::HeaderMap;
use async_nats::jetstream::consumer::AckPolicy;
use async_nats::jetstream::consumer::pull::{Config, Stream};
use bytes::Bytes;
use futures::{FutureExt, StreamExt};
use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use leadline_bus::wire::partition;
use rusqlite::{Connection, Transaction, params};
use serde::Deserialize;
use std::time::Duration;
use uuid::Uuid;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Most events of one transaction.
const BATCH: usize = 500;
/// How long the server waits for an acknowledgement before it sends a message again.
const ACK_WAIT: Duration = Duration::from_secs(30);

#[tokio::main]
async fn main() -> Result<(), Error> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [nats, api, key, file, partition] = arguments.as_slice() else {
        return Err("usage: subscriber NATS_URL API_URL API_KEY TABLE PARTITION".into());
    };
    let mut table = Table::open(file, partition.parse()?)?;
    let api = Api { url: format!("{api}/v1/events"), key: key.clone() };
    let mut messages = consume(nats, table.partition).await?;
    // What came before the stream begins, or while this table was not there.
    table.refill(&api).await?;
    while let Some(first) = messages.next().await {
        let mut batch = vec![first?];
        while batch.len() < BATCH
            && let Some(Some(next)) = messages.next().now_or_never()
        {
            batch.push(next?);
        }
        let mut events = Vec::with_capacity(batch.len());
        for message in &batch {
            events.push(Event::of(message.headers.as_ref().ok_or("a message without headers")?)?);
        }
        if !table.apply(&events)? {
            table.refill(&api).await?;
        }
        // Only now: what is not acknowledged comes again, and is passed over. One acknowledgement is for all before.
        if let Some(last) = batch.last() {
            last.ack().await?;
        }
    }
    Err("the stream of messages has ended".into())
}

/// A durable consumer: the server remembers how far it is, so that little comes again.
async fn consume(nats: &str, partition: usize) -> Result<Stream, Error> {
    let client = async_nats::ConnectOptions::new().retry_on_initial_connect().connect(nats).await?;
    let stream = async_nats::jetstream::new(client).get_stream("LEADLINE_EVENTS").await?;
    let name = format!("example-{partition}");
    let config = Config {
        durable_name: Some(name.clone()),
        filter_subject: format!("leadline.events.{partition}.>"),
        ack_policy: AckPolicy::All,
        ack_wait: ACK_WAIT,
        ..Config::default()
    };
    let consumer = stream.get_or_create_consumer(&name, config).await?;
    Ok(consumer.stream().max_messages_per_batch(BATCH).messages().await?)
}

/// What the counts need of an event.
struct Event {
    epoch: u64,
    id: Uuid,
    position: u64,
    /// The position before it in its partition.
    previous: u64,
    kind: String,
}

impl Event {
    fn of(headers: &HeaderMap) -> Result<Self, Error> {
        let text = |name: &str| {
            let value = headers.get(name).map(|value| value.as_str().to_owned());
            value.ok_or_else(|| format!("a message without the header {name}"))
        };
        Ok(Self {
            epoch: text("Leadline-Epoch")?.parse()?,
            id: text("ce-id")?.parse()?,
            position: text("ce-sequence")?.parse()?,
            previous: text("Leadline-Prev")?.parse()?,
            kind: text("ce-type")?,
        })
    }
}

/// The counts, and what they reflect.
struct Table {
    database: Connection,
    partition: usize,
    place: Place,
}

/// The last event that was counted: its position, and its id to tell it from that of another past.
#[derive(Clone, Copy)]
struct Place {
    position: u64,
    event: Uuid,
}

impl Table {
    fn open(file: &str, partition: usize) -> Result<Self, Error> {
        let database = Connection::open(file)?;
        database.execute_batch(
            "CREATE TABLE IF NOT EXISTS counts (type TEXT PRIMARY KEY, events INTEGER NOT NULL);
             CREATE TABLE IF NOT EXISTS progress
                 (partition INTEGER PRIMARY KEY, epoch INTEGER, position INTEGER NOT NULL, event BLOB NOT NULL);",
        )?;
        let begin =
            "INSERT INTO progress VALUES (?1, NULL, 0, zeroblob(16)) ON CONFLICT DO NOTHING";
        database.execute(begin, [partition])?;
        let known = "SELECT position, event FROM progress WHERE partition = ?1";
        let place = database.query_row(known, [partition], |row| {
            Ok(Place { position: row.get(0)?, event: Uuid::from_bytes(row.get(1)?) })
        })?;
        Ok(Self { database, partition, place })
    }

    /// Counts the events that follow on each other from here, passes over those that were counted, and stops at the
    /// first one that leaves something out. Whether there was none.
    fn apply(&mut self, events: &[Event]) -> Result<bool, Error> {
        let (mut place, mut whole) = (self.place, true);
        let transaction = self.database.transaction()?;
        for event in events {
            check_epoch(&transaction, self.partition, event.epoch)?;
            if event.position <= place.position {
                continue;
            }
            whole = event.previous == place.position;
            if !whole {
                break;
            }
            count(&transaction, &event.kind)?;
            place = Place { position: event.position, event: event.id };
        }
        commit(transaction, self.partition, place)?;
        self.place = place;
        Ok(whole)
    }

    /// Reads the log from here to its head, and counts what is of this partition.
    async fn refill(&mut self, api: &Api) -> Result<(), Error> {
        self.check(api).await?;
        let mut after = self.place.position;
        loop {
            let page = api.page(after).await?;
            let mut place = self.place;
            let transaction = self.database.transaction()?;
            for event in &page.events {
                if partition(event.root) == self.partition {
                    count(&transaction, &event.kind)?;
                    place = Place { position: event.position, event: event.id };
                }
            }
            commit(transaction, self.partition, place)?;
            self.place = place;
            if page.next >= page.head {
                return Ok(());
            }
            after = page.next;
        }
    }

    /// Whether the log still has the event that was counted last. One that was restored from a backup may end before it,
    /// or have another one there.
    async fn check(&self, api: &Api) -> Result<(), Error> {
        let Place { position, event } = self.place;
        if position == 0 {
            return Ok(());
        }
        let page = api.page(position - 1).await?;
        let there = page.events.first().filter(|there| there.position == position);
        if there.is_some_and(|there| there.id == event) {
            return Ok(());
        }
        let head = page.head;
        Err(format!(
            "the log has another past: it ends at {head} and does not have the event counted last, at position {position}; \
             once its operator has begun a new epoch, begin with an empty table"
        )
        .into())
    }
}

fn count(transaction: &Transaction<'_>, kind: &str) -> Result<(), Error> {
    let count = "INSERT INTO counts VALUES (?1, 1) ON CONFLICT DO UPDATE SET events = events + 1";
    transaction.prepare_cached(count)?.execute([kind])?;
    Ok(())
}

/// A restored log may have another past: then the counts are not its counts.
fn check_epoch(transaction: &Transaction<'_>, partition: usize, epoch: u64) -> Result<(), Error> {
    let first = "UPDATE progress SET epoch = ?2 WHERE partition = ?1 AND coalesce(epoch, ?2) = ?2";
    if transaction.prepare_cached(first)?.execute(params![partition, epoch])? == 0 {
        return Err(
            "the log is of another epoch: it was restored from a backup; begin with an empty table"
                .into(),
        );
    }
    Ok(())
}

/// Counts and position in one transaction: that is what makes each event count once.
fn commit(transaction: Transaction<'_>, partition: usize, place: Place) -> Result<(), Error> {
    let update = "UPDATE progress SET position = ?2, event = ?3 WHERE partition = ?1";
    transaction.execute(update, params![partition, place.position, place.event.into_bytes()])?;
    Ok(transaction.commit()?)
}

/// Leadline's API.
struct Api {
    url: String,
    key: String,
}

#[derive(Deserialize)]
struct Page {
    events: Vec<Listed>,
    next: u64,
    head: u64,
}

/// An event as the API lists it.
#[derive(Deserialize)]
struct Listed {
    position: u64,
    id: Uuid,
    root: Uuid,
    #[serde(rename = "type")]
    kind: String,
}

impl Api {
    /// The log after a position.
    async fn page(&self, after: u64) -> Result<Page, Error> {
        let request = Request::get(format!("{}?after={after}&limit={BATCH}", self.url))
            .header("Authorization", format!("Bearer {}", self.key))
            .body(Empty::<Bytes>::new())?;
        let response = Client::builder(TokioExecutor::new()).build_http().request(request).await?;
        let status = response.status();
        if !status.is_success() {
            return Err(format!("the API answered {status}").into());
        }
        Ok(serde_json::from_slice(&response.into_body().collect().await?.to_bytes())?)
    }
}
