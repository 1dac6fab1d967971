//! Views on any database: what is committed is what is answered, page by page, after a restart and after a rebuild.

#[path = "anew.rs"]
mod anew;
#[path = "astray.rs"]
mod astray;
#[path = "../../../views/tests/support/events.rs"]
#[expect(dead_code, reason = "written for several test files")]
mod events;

use super::Place;

use async_trait::async_trait;
use events::{
    accepted, advanced, captured, claimed, clock, converted, enqueued, id, lead, mql, opened,
    opportunity, stopped, touch, won,
};
use leadline_domain::{Event, Timestamp, lead as lead_events};
use leadline_log::types::LogIdentity;
use leadline_log::{Misfit, Position};
use leadline_store::sqlite::views::SqliteViews;
use leadline_views::fold::Folder;
use leadline_views::store::{Generation, Select};
use leadline_views::{
    AsOf, Axis, Changed, History, NAMES, Page, Projector, Rebuild, Request, View, ViewEvent,
    ViewStore, projector, query,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::task::Poll;
use uuid::Uuid;

const LOG: LogIdentity = LogIdentity { id: Uuid::from_u128(1), epoch: 1 };

/// A log in memory.
#[derive(Debug)]
struct Log(Vec<ViewEvent>);

#[async_trait]
impl History for Log {
    async fn root_events(
        &self,
        root: Uuid,
        through: Position,
    ) -> Result<Vec<ViewEvent>, Box<dyn std::error::Error + Send + Sync>> {
        let of_root = self.0.iter().filter(|one| one.root == root && one.position <= through);
        Ok(of_root.cloned().collect())
    }

    async fn misfit(
        &self,
        place: leadline_log::Place,
    ) -> Result<Option<Misfit>, Box<dyn std::error::Error + Send + Sync>> {
        let (position, head) = (place.position, Position(self.0.len() as u64));
        let same = place.event == event_at(position);
        Ok(match position {
            _ if position > head => Some(Misfit::Beyond { position, head }),
            _ => (!same).then_some(Misfit::OtherPast { position }),
        })
    }
}

/// The id of the event at a position.
const fn event_at(position: Position) -> Uuid {
    Uuid::from_u128(position.0 as u128)
}

impl Log {
    fn of(mut events: Vec<ViewEvent>) -> Arc<Self> {
        let mut versions = BTreeMap::<_, u64>::new();
        for (position, event) in (1..).zip(&mut events) {
            let version = versions.entry(event.stream).or_default();
            *version += 1;
            (event.position, event.version) = (Position(position), *version);
        }
        Arc::new(Self(events))
    }

    fn page(&self, after: usize, through: usize) -> Page {
        Page {
            after: Position(after as u64),
            through: Position(through as u64),
            last: event_at(Position(through as u64)),
            events: self.0[after..through].to_vec(),
        }
    }
}

/// Two leads: one won and one late to be known of, with a touch that arrives last and happened first.
fn life() -> Arc<Log> {
    Log::of(vec![
        lead(1, 1_000, captured(Some("web"), Some(50_000))),
        lead(1, 1_000, touch(1, "ads")),
        lead(1, 2_000, mql()),
        lead(1, 2_000, clock(90_000)),
        lead(2, 2_500, captured(None, None)),
        lead(1, 3_000, accepted("anna")),
        lead(1, 3_000, stopped(true, 1)),
        lead(1, 3_000, enqueued("calls")),
        opportunity(1, 4_000, opened(1, "first", 50_000, 2_000)),
        lead(1, 4_500, claimed("calls")),
        opportunity(1, 5_000, advanced("second", 6_000)),
        opportunity(1, 9_000, won(48_000)),
        lead(2, 9_500, converted(100)),
        lead(1, 500, touch(9, "mail")),
    ])
}

async fn follow(store: &Arc<dyn ViewStore>, log: &Arc<Log>, step: usize) {
    let mut projector = Projector::open_all(Arc::clone(store), log.clone(), LOG).await.unwrap();
    let mut done = usize::try_from(projector.position().unwrap().0).unwrap();
    while done < log.0.len() {
        let until = log.0.len().min(done + step);
        projector.apply(&log.page(done, until)).await.unwrap();
        done = until;
    }
    assert_eq!(projector.position(), Some(Position(done as u64)));
}

async fn ask(store: &Arc<dyn ViewStore>, view: &str, as_of: AsOf, pairs: &[(&str, &str)]) -> Value {
    let parameters = pairs.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    let instant = match as_of {
        AsOf::Time(at) => at,
        AsOf::Now | AsOf::Position(_) => Timestamp::from_millis(100_000),
    };
    let request = Request { view: view.into(), as_of, axis: Axis::True, instant, parameters };
    query(&**store, &request).await.unwrap()
}

const fn at(milliseconds: i64) -> AsOf {
    AsOf::Time(Timestamp::from_millis(milliseconds))
}

#[tokio::test]
async fn pages_of_any_size_and_rebuilds_have_one_checksum() {
    let log = life();
    let (one, all) = (Place::new().await, Place::new().await);
    let (slow, quick) = (one.store().await, all.store().await);
    follow(&slow, &log, 1).await;
    follow(&quick, &log, 100).await;
    for view in NAMES {
        let expected = quick.checksum(view, Generation::Live).await.unwrap();
        assert_eq!(slow.checksum(view, Generation::Live).await.unwrap(), expected, "{view}");
        assert!(expected.versions > 0, "{view}");
        let mut rebuild = Rebuild::begin(Arc::clone(&slow), log.clone(), LOG, view).await.unwrap();
        rebuild.apply(&log.page(0, 3)).await.unwrap();
        rebuild.apply(&log.page(3, log.0.len())).await.unwrap();
        let result = rebuild.finish().await.unwrap();
        assert_eq!((result.position.0, result.same), (log.0.len() as u64, Some(true)), "{view}");
        assert_eq!(slow.checksum(view, Generation::Live).await.unwrap(), expected, "{view}");
        slow.roll_back(view).await.unwrap();
        assert_eq!(slow.checksum(view, Generation::Live).await.unwrap(), expected, "{view}");
        slow.drop_view(view).await.unwrap();
        assert!(!slow.checkpoints().await.unwrap().contains_key(view), "{view}");
    }
}

/// The same events make the same rows in every database, byte for byte.
#[tokio::test]
async fn checksums_are_those_of_sqlite() {
    let log = life();
    let (place, folder) = (Place::new().await, tempfile::tempdir().unwrap());
    let store = place.store().await;
    let file = SqliteViews::open(&folder.path().join("other.db")).unwrap();
    let file: Arc<dyn ViewStore> = Arc::new(file);
    follow(&store, &log, 2).await;
    follow(&file, &log, 5).await;
    for view in NAMES {
        let expected = file.checksum(view, Generation::Live).await.unwrap();
        assert_eq!(store.checksum(view, Generation::Live).await.unwrap(), expected, "{view}");
    }
}

#[tokio::test]
async fn a_restart_goes_on_where_the_last_commit_was() {
    let log = life();
    let folder = Place::new().await;
    for until in 1..=log.0.len() {
        let so_far = Arc::new(Log(log.0[..until].to_vec()));
        follow(&folder.store().await, &so_far, 1).await;
    }
    let other = Place::new().await;
    let whole = other.store().await;
    follow(&whole, &log, 100).await;
    for view in NAMES {
        let expected = whole.checksum(view, Generation::Live).await.unwrap();
        let stored = folder.store().await.checksum(view, Generation::Live).await.unwrap();
        assert_eq!(stored, expected, "{view}");
    }
}

/// Polls a future a few times, each time it has something to do, and drops it.
async fn drop_after(future: impl Future, polls: u32) {
    let mut future = std::pin::pin!(future);
    for _ in 0..polls {
        let poll =
            std::future::poll_fn(|context| Poll::Ready(future.as_mut().poll(context).is_ready()));
        if poll.await {
            return;
        }
        tokio::task::yield_now().await;
    }
}

/// A caller that goes away drops the future of a page half-way, at whatever it waits for: the folds are ahead of what
/// is stored, or the store ahead of the projector. Neither may be folded on.
#[tokio::test]
async fn a_page_that_is_dropped_half_way_is_folded_once() {
    let log = life();
    let (one, other) = (Place::new().await, Place::new().await);
    let (dropped, whole) = (one.store().await, other.store().await);
    let mut projector = Projector::open_all(Arc::clone(&dropped), log.clone(), LOG).await.unwrap();
    let mut done = 0;
    while done < log.0.len() {
        let page = log.page(done, log.0.len().min(done + 3));
        for polls in 1..6 {
            drop_after(projector.apply(&page), polls).await;
        }
        // What was dropped may have been stored all the same: the projector finds out.
        drop(projector.apply(&page).await);
        done = usize::try_from(projector.position().unwrap().0).unwrap();
    }
    follow(&whole, &log, 100).await;
    for view in NAMES {
        let expected = whole.checksum(view, Generation::Live).await.unwrap();
        assert_eq!(dropped.checksum(view, Generation::Live).await.unwrap(), expected, "{view}");
    }
}

#[tokio::test]
async fn a_second_projector_changes_nothing_and_a_gap_is_an_error() {
    let log = life();
    let folder = Place::new().await;
    let store = folder.store().await;
    let open = || Projector::open_all(Arc::clone(&store), log.clone(), LOG);
    let (mut first, mut second) = (open().await.unwrap(), open().await.unwrap());
    first.apply(&log.page(0, 5)).await.unwrap();
    let before = store.checksum("lead", Generation::Live).await.unwrap();
    second.apply(&log.page(0, 4)).await.unwrap();
    assert_eq!(second.position(), Some(Position(5)));
    assert_eq!(store.checksum("lead", Generation::Live).await.unwrap(), before);
    second.apply(&log.page(4, log.0.len())).await.unwrap();
    assert!(first.apply(&log.page(9, 12)).await.is_err());
}

#[tokio::test]
async fn a_late_fact_changes_what_happened_and_not_what_was_known() {
    let log = life();
    let folder = Place::new().await;
    let store = folder.store().await;
    follow(&store, &log, 100).await;
    let one = [("root", "00000000-0000-0000-0000-000000000001")];
    let now = ask(&store, "lead", AsOf::Now, &one).await;
    assert_eq!(now["rows"][0]["first_touch_channel"], "mail");
    assert_eq!(now["rows"][0]["touches"], 2);
    let known = ask(&store, "lead", AsOf::Position(Position(13)), &one).await;
    assert_eq!(known["rows"][0]["first_touch_channel"], "ads");
    let happened = ask(&store, "lead", at(1_500), &one).await;
    assert_eq!(happened["rows"][0]["first_touch_channel"], "mail");
    assert_eq!(happened["rows"][0]["phase"], "new");
    assert_eq!(ask(&store, "lead", at(400), &[]).await["totals"]["leads"], 0);
    let history = ask(&store, "timeline", AsOf::Now, &one).await;
    assert_eq!(history["rows"][0]["position"], 14);
    assert_eq!(history["totals"]["events"], 12);
}

#[tokio::test]
async fn every_view_answers_from_what_was_folded() {
    let log = life();
    let folder = Place::new().await;
    let store = folder.store().await;
    follow(&store, &log, 3).await;
    let pipeline = ask(&store, "pipeline", at(6_000), &[]).await;
    assert_eq!(pipeline["rows"][0]["group"], "second");
    assert_eq!(pipeline["totals"]["weighted_minor"], 30_000);
    let pipeline = ask(&store, "pipeline", AsOf::Now, &[("by", "attribute:region")]).await;
    assert_eq!(pipeline["rows"][0]["won_minor"], 48_000);
    assert_eq!(pipeline["totals"]["win_rate_bps"], 10_000);
    let sla = ask(&store, "sla", AsOf::Now, &[]).await;
    assert_eq!(sla["totals"]["attainment_bps"], 10_000);
    assert_eq!(sla["queues"][0]["wait_ms_p50"], 1_500);
    let open = ask(&store, "sla", at(2_600), &[]).await;
    assert_eq!(
        (&open["totals"]["running"], &open["totals"]["mql_awaiting_sal"]),
        (&1.into(), &1.into())
    );
    let credit = ask(&store, "attribution", AsOf::Now, &[("model", "first")]).await;
    assert_eq!(credit["totals"]["conversions"], 2);
    assert_eq!(credit["totals"]["unattributed_minor"], 100);
    assert_eq!(credit["rows"][1]["group"], "mail");
    assert_eq!(credit["rows"][1]["credit_revenue_minor"], 48_000);
    assert_eq!(credit["rows"][1]["credit_conversions_exact"], "1/1");
    let sources = ask(&store, "conversion", AsOf::Now, &[]).await;
    assert_eq!(sources["rows"][0]["group"], "(blank)");
    assert_eq!(sources["rows"][1]["seconds_to_won_p50"], 8);
    let funnel = ask(&store, "funnel", AsOf::Now, &[]).await;
    assert_eq!(funnel["totals"]["captured"], 2);
    assert_eq!(funnel["cohorts"][0]["period"], "1970-01");
    assert_eq!(funnel["stages"][1]["won"], 1);
    for document in [pipeline, sla, credit, sources, funnel] {
        every_column_is_there(&document);
    }
}

fn every_column_is_there(document: &Value) {
    let question = query::question(document["view"].as_str().unwrap()).unwrap();
    for table in question.tables {
        let rows = document[table.name].as_array().unwrap();
        let there = |name: &str| rows.iter().all(|row| row.get(name).is_some());
        let missing = table.columns.iter().find(|column| !there(column.name));
        assert_eq!(missing, None, "{} {}", question.view, table.name);
    }
}

/// A view that cannot write its rows once a lead is MQL.
#[derive(Debug)]
struct Fragile;

impl View for Fragile {
    const NAME: &'static str = "fragile";
    const FINGERPRINT: u32 = 1;
    type State = u32;
    type Row<'a> = BTreeMap<Option<u32>, u32>;

    fn key(event: &ViewEvent) -> Option<Uuid> {
        Some(event.root)
    }

    fn apply(state: &mut u32, event: &ViewEvent) -> Changed {
        *state +=
            u32::from(matches!(event.event, Event::Lead(lead_events::Event::MarkedMql { .. })));
        Changed::All
    }

    fn rows(state: &u32) -> Vec<(i64, Self::Row<'_>)> {
        // JSON has no keys that are null.
        vec![(0, (0..*state).map(|number| (None, number)).collect())]
    }
}

#[tokio::test]
async fn a_view_that_cannot_go_on_stops_with_its_position_and_the_others_go_on() {
    let log = life();
    let folder = Place::new().await;
    let store = folder.store().await;
    let mut folds = projector::folds(&["lead"]).unwrap();
    folds.push(Box::new(Folder::<Fragile>::default()));
    let mut projector = Projector::open(Arc::clone(&store), log.clone(), LOG, folds).await.unwrap();
    projector.apply(&log.page(0, 2)).await.unwrap();
    projector.apply(&log.page(2, 6)).await.unwrap();
    let seen: Vec<_> = projector
        .status()
        .map(|(view, position, status)| (view, position.0, status.to_string()))
        .collect();
    let cause = "the view `fragile` cannot fold position 3: writing its rows";
    assert_eq!(seen[0], ("lead", 6, "following".to_owned()));
    assert_eq!(seen[1], ("fragile", 2, cause.to_owned()));
    projector.retry("fragile").await.unwrap();
    assert_eq!(projector.position(), Some(Position(2)));
}

#[tokio::test]
async fn what_cannot_be_asked_is_said_by_name() {
    let folder = Place::new().await;
    let store = folder.store().await;
    let ask = |view: &str, name: &str| {
        let parameters = BTreeMap::from([(name.to_owned(), "x".to_owned())]);
        let (as_of, axis, instant) = (AsOf::Now, Axis::True, Timestamp::from_millis(0));
        Request { view: view.into(), as_of, axis, instant, parameters }
    };
    for (view, name, expected) in [
        ("leads", "phase", "there is no view `leads`; there are lead, timeline"),
        ("sla", "model", "the view `sla` has no parameter `model`; it has owner, at_risk"),
        ("timeline", "root", "the parameter `root` must be the id of a lead"),
        ("pipeline", "by", "the view `pipeline` has not been built yet"),
    ] {
        let error = query(&*store, &ask(view, name)).await.unwrap_err().to_string();
        assert!(error.starts_with(expected), "{error}");
    }
    assert!(store.rows("no'name", AsOf::Now, Select::Key(id(1))).await.is_err());
}
