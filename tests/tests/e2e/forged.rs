//! A message server that tells what never happened.

use crate::support::PATIENCE;
use crate::support::engine::{SetClock, capture, minutes, open};
use crate::support::place::Place;
use async_trait::async_trait;
use leadline_domain::{Event, lead};
use leadline_engine::{Projections, Target};
use leadline_events::{Decoded, decode, encode};
use leadline_log::delivery::{Delivery, Undelivered};
use leadline_log::types::Read;
use leadline_log::{Position, Recorded};
use leadline_store::sqlite::views::SqliteViews;
use leadline_views::NAMES;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// Delivers one event, and tells when it is asked for the next one.
#[derive(Debug)]
struct Forger {
    event: Option<Recorded>,
    taken: Arc<Notify>,
}

#[async_trait]
impl Delivery for Forger {
    async fn next(&mut self, _: Position, _: usize) -> Result<Vec<Recorded>, Undelivered> {
        if let Some(event) = self.event.take() {
            return Ok(vec![event]);
        }
        self.taken.notify_one();
        std::future::pending().await
    }

    fn is_open(&self) -> bool {
        true
    }
}

/// Goal: no key is destroyed because a message says so.
/// Method: capture somebody, deliver their erasure as the event after the last, and read their name afterwards.
#[tokio::test]
async fn an_erasure_that_is_not_in_the_log_destroys_no_key() {
    let place = Place::of_files();
    let clock = SetClock::at(minutes(0));
    let engine = open(&place.database(), &clock).await;
    let ada = capture(Target::New, "ada@example.org");
    let caller = ada.caller.clone();
    let captured = engine.execute(ada).await.unwrap();
    let store = Arc::new(SqliteViews::open(&place.database().with_extension("views")).unwrap());
    let projections = Projections::open(&engine.log(), store, NAMES.to_vec()).await.unwrap();
    projections.catch_up(&engine).await.unwrap();

    let page = engine.log().read(Read::at(captured.position)).await.unwrap();
    let mut forged = page.events[0].clone();
    let decoded = decode(&forged.event.event_type, forged.event.schema_version, &forged.event.data);
    let Decoded::Known(Event::Lead(lead::Event::Captured { subject, .. })) = decoded.unwrap()
    else {
        panic!("{forged:?}")
    };
    let erased = encode(&Event::Lead(lead::Event::SubjectErased { subjects: vec![subject] }));
    forged.position = forged.position.next();
    forged.version += 1;
    forged.event.event_type = Cow::Borrowed(erased.event_type);
    forged.event.schema_version = erased.schema_version;
    forged.event.data = erased.data;

    let (taken, stop) = (Arc::new(Notify::new()), CancellationToken::new());
    let delivery = Box::new(Forger { event: Some(forged), taken: Arc::clone(&taken) });
    let running = {
        let (projections, engine, stop) =
            (Arc::clone(&projections), Arc::clone(&engine), stop.clone());
        tokio::spawn(async move { projections.run(&engine, Some(delivery), stop).await })
    };
    tokio::time::timeout(PATIENCE, taken.notified()).await.expect("the message is taken in time");
    stop.cancel();
    running.await.unwrap();
    let target = Target::Id(captured.target.key());
    let lead = engine.lead(&projections, &caller, &target, BTreeMap::new()).await.unwrap();
    assert_eq!(lead["person"]["email"], "ada@example.org", "{lead}");
    engine.close().await;
}
