//! Views that were dropped and folded anew are the same, byte for byte: on the command line, over HTTP, and at two
//! hundred positions of a log.

use crate::support::Seeded;
use crate::support::feed::feed;
use crate::support::place::Place;
use async_trait::async_trait;
use leadline_domain::Timestamp;
use leadline_events::{Decoded, decode, meta, stream_of};
use leadline_log::clock::System;
use leadline_log::types::{Direction, LogIdentity, READ_EVENTS_MAX, Read, Scope};
use leadline_log::{LogBackend, Misfit, Position, Recorded};
use leadline_store::sqlite::lock::Lock;
use leadline_store::sqlite::log::SqliteLog;
use leadline_store::sqlite::views::SqliteViews;
use leadline_views::store::Generation;
use leadline_views::{History, NAMES, Page, Projector, Rebuild, ViewEvent, ViewStore};
use serde_json::json;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use uuid::Uuid;

const POSITIONS: usize = 200;

/// A database with a company's history.
fn company(leads: usize) -> Place {
    let place = Place::of_files();
    let file = place.file("feed.jsonl", feed(7, leads).join("\n"));
    place.import(&file);
    place
}

#[test]
fn every_view_rebuilt_on_the_command_line_has_the_same_checksum() {
    let place = company(400);
    for view in NAMES {
        let before = place.checksum(view);
        place.run(&["rebuild", view]).done();
        assert_eq!(place.checksum(view), before, "{view}");
    }
}

#[test]
fn every_view_rebuilt_by_a_server_has_the_same_checksum_and_answers_meanwhile() {
    let place = company(200);
    let key = place.key("admin");
    let server = place.serve();
    let mut http = server.http(&key);
    for view in NAMES {
        let path = format!("/v1/views/{view}/checksum");
        let before = http.get(&path).done();
        let rebuilt = http.post(&format!("/v1/views/{view}/rebuild"), &json!({})).done();
        assert_eq!((&rebuilt["same"], &rebuilt["view"]), (&json!(true), &json!(view)));
        assert_eq!(http.get(&path).done(), before, "{view}");
    }
}

#[test]
fn views_deleted_from_the_disk_come_back_the_same() {
    let place = company(200);
    let before: Vec<String> = NAMES.iter().map(|view| place.checksum(view)).collect();
    let views = place.folder().join("leadline.db-views");
    std::fs::remove_file(views).unwrap();
    let after: Vec<String> = NAMES.iter().map(|view| place.checksum(view)).collect();
    assert_eq!(after, before);
}

/// A log's events as views read them.
#[derive(Debug)]
struct Events {
    identity: LogIdentity,
    all: Vec<ViewEvent>,
    head: Position,
}

#[async_trait]
impl History for Events {
    async fn root_events(
        &self,
        root: Uuid,
        through: Position,
    ) -> Result<Vec<ViewEvent>, Box<dyn std::error::Error + Send + Sync>> {
        let of_root = |event: &&ViewEvent| event.root == root && event.position <= through;
        Ok(self.all.iter().filter(of_root).cloned().collect())
    }

    async fn misfit(
        &self,
        _: leadline_log::Place,
    ) -> Result<Option<Misfit>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(None)
    }
}

impl Events {
    async fn of(database: &Path) -> Arc<Self> {
        let lock = Arc::new(Lock::acquire(database).unwrap());
        let log = SqliteLog::open(lock, Arc::new(System), &System, false).unwrap();
        let mut events = Self { identity: log.identity(), all: Vec::new(), head: Position::START };
        loop {
            let read = Read {
                scope: Scope::All,
                after: events.head,
                through: None,
                direction: Direction::Forward,
                limit: READ_EVENTS_MAX,
            };
            let page = log.read(read).await.unwrap();
            let Some(last) = page.events.last() else { return Arc::new(events) };
            events.head = last.position;
            events.all.extend(page.events.iter().filter_map(view_event));
        }
    }

    /// The page between two positions.
    fn page(&self, after: Position, through: Position) -> Page {
        let within = |event: &&ViewEvent| event.position > after && event.position <= through;
        let events = self.all.iter().filter(within).cloned().collect();
        Page { after, through, last: Uuid::from_u128(through.0.into()), events }
    }
}

/// The event as views read it; nothing where they know no such event.
fn view_event(recorded: &Recorded) -> Option<ViewEvent> {
    let stored = &recorded.event;
    let decoded = decode(&stored.event_type, stored.schema_version, &stored.data).unwrap();
    let (Decoded::Known(event), Some(stream)) = (decoded, stream_of(&stored.stream)) else {
        return None;
    };
    let actor = meta::actor_of(&stored.meta).unwrap();
    Some(ViewEvent {
        position: recorded.position,
        effective_at: Timestamp::from_millis(stored.effective_at),
        stream,
        version: recorded.version,
        root: stored.root,
        actor: actor.person().map(str::to_owned),
        event_type: stored.event_type.clone(),
        event,
    })
}

fn store(folder: &Path, name: &str) -> Arc<dyn ViewStore> {
    Arc::new(SqliteViews::open(&folder.join(name)).unwrap())
}

#[tokio::test]
async fn at_two_hundred_positions_views_followed_by_pages_of_any_size_equal_views_rebuilt_from_zero()
 {
    let place = company(60);
    let events = Events::of(&place.database()).await;
    let head = events.head.0;
    let mut random = Seeded(41);
    let mut stops = BTreeSet::from([head]);
    while stops.len() < POSITIONS {
        stops.insert(1 + random.below(head));
    }
    let (followed, rebuilt) = (store(place.folder(), "followed"), store(place.folder(), "rebuilt"));
    let history: Arc<dyn History> = Arc::clone(&events) as Arc<dyn History>;
    let mut projector =
        Projector::open_all(Arc::clone(&followed), Arc::clone(&history), events.identity)
            .await
            .unwrap();
    let mut at = 0;
    for stop in stops {
        while at < stop {
            let next = at + 1 + random.below(stop - at);
            projector.apply(&events.page(Position(at), Position(next))).await.unwrap();
            at = next;
        }
        let all = events.page(Position::START, Position(stop));
        for view in NAMES {
            let (store, history) = (Arc::clone(&rebuilt), Arc::clone(&history));
            let mut anew = Rebuild::begin(store, history, events.identity, view).await.unwrap();
            anew.apply(&all).await.unwrap();
            anew.finish().await.unwrap();
            let one = followed.checksum(view, Generation::Live).await.unwrap();
            let other = rebuilt.checksum(view, Generation::Live).await.unwrap();
            assert_eq!(one, other, "{view} at position {stop} of {head}");
        }
    }
}
