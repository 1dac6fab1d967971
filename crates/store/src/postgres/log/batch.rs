//! A batch as the lists that `leadline.append` takes.

use super::reader::code;
use crate::names::Names;
use crate::postgres::{Query, signed};
use leadline_log::types::{Append, ClaimChange, ClaimKey, NewEvent, StreamKey};
use sqlx_core::query::query;
use sqlx_postgres::PgBindIterExt;
use std::collections::{HashMap, HashSet};
use uuid::Uuid;

/// Streams whose version is remembered.
const VERSIONS_MAX: usize = 400_000;

const APPEND: &str = "
    SELECT verdict, append, item, first, last, stamp, payload, category, holder, subject
    FROM leadline.append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20,
        $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31)";

/// Versions that streams are known to have had. They never go back, so a stream has this version or a higher one.
#[derive(Debug, Default)]
pub(super) struct Versions(HashMap<StreamKey, u64>);

impl Versions {
    /// Forgets everything: another server may answer from now on.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn learn(&mut self, stream: StreamKey, version: u64) {
        if self.0.len() >= VERSIONS_MAX {
            self.0.clear();
        }
        let known = self.0.entry(stream).or_default();
        *known = version.max(*known);
    }

    /// Learns what a committed append has left behind.
    pub(super) fn committed(&mut self, append: &Append) {
        for (stream, version) in &append.expect {
            let written = append.events.iter().filter(|event| event.stream == *stream).count();
            self.learn(*stream, version + written as u64);
        }
    }
}

/// What to look up before a batch is taken for good, or why it cannot be.
struct Trust {
    trust: bool,
    look: Vec<(StreamKey, u64)>,
}

/// Whether a batch can be inserted as it is. The unique indexes refuse an event whose version is taken, a command that
/// is known and a claim that is held; so what is left to look up are streams that are only read, and versions that may
/// be too high.
fn trust(batch: &[Append], versions: &Versions) -> Trust {
    let written: HashSet<StreamKey> =
        batch.iter().flat_map(|append| append.events.iter().map(|event| event.stream)).collect();
    let mut running: HashMap<StreamKey, u64> = HashMap::new();
    let (mut trust, mut look) = (true, Vec::new());
    for append in batch {
        for (stream, expected) in &append.expect {
            if let Some(version) = running.get(stream) {
                trust &= version == expected;
                continue;
            }
            let known = versions.0.get(stream).copied().unwrap_or(0);
            trust &= known <= *expected;
            if !written.contains(stream) || known < *expected {
                look.push((*stream, *expected));
            }
            running.insert(*stream, *expected);
        }
        for event in &append.events {
            *running.entry(event.stream).or_default() += 1;
        }
        trust &= append.claims.iter().all(|change| matches!(change, ClaimChange::Take(..)));
    }
    Trust { trust, look }
}

/// The version of each event of an append, if every expectation holds.
pub(super) fn event_versions(append: &Append) -> impl Iterator<Item = i64> {
    let mut running: Vec<(StreamKey, u64)> = append.expect.clone();
    append.events.iter().map(move |event| {
        let found = running.iter_mut().find(|(stream, _)| *stream == event.stream);
        found.map_or(0, |(_, version)| {
            *version += 1;
            signed(*version)
        })
    })
}

/// A claim's change as the database takes it.
pub(super) fn change(change: &ClaimChange) -> (i32, Option<&ClaimKey>) {
    match change {
        ClaimChange::Take(key, _) => (1, Some(key)),
        ClaimChange::Release(key) => (2, Some(key)),
        ClaimChange::ReleaseSubject(_) => (3, None),
    }
}

/// Counts up what each append has of something.
fn ends(batch: &[Append], count: impl Fn(&Append) -> usize) -> impl Iterator<Item = i32> {
    batch.iter().scan(0_usize, move |end, append| {
        *end += count(append);
        Some(i32::try_from(*end).unwrap_or(i32::MAX))
    })
}

/// The one statement that appends a batch.
pub(super) fn statement(
    batch: &[Append],
    names: &Names,
    versions: &Versions,
    held: bool,
    clock: Option<i64>,
) -> Query {
    let Trust { trust, look } = trust(batch, versions);
    let category = |stream: &StreamKey| code(names, stream.category.as_str());
    let expected = || batch.iter().flat_map(|append| append.expect.iter());
    let changes = || batch.iter().flat_map(|append| append.claims.iter());
    let events = || batch.iter().flat_map(|append| append.events.iter());
    let take = |change: &ClaimChange| match change {
        ClaimChange::Take(_, holder) => Some(*holder),
        ClaimChange::Release(_) | ClaimChange::ReleaseSubject(_) => None,
    };
    let subject = |change: &ClaimChange| match change {
        ClaimChange::Take(_, holder) => holder.subject,
        ClaimChange::Release(_) => None,
        ClaimChange::ReleaseSubject(subject) => Some(*subject),
    };
    let key = |one: &ClaimChange| change(one).1.map(|key| Uuid::from_bytes(key.key));
    let root = |event: &NewEvent| (event.root != event.stream.id).then_some(event.root);
    query(APPEND)
        .bind(trust)
        .bind(held)
        .bind(clock)
        .bind(look.iter().map(|(stream, _)| stream.id).bind_iter())
        .bind(look.iter().map(|(stream, _)| category(stream)).bind_iter())
        .bind(look.iter().map(|(_, version)| signed(*version)).bind_iter())
        .bind(batch.iter().map(|append| Uuid::from_bytes(append.command_id)).bind_iter())
        .bind(batch.iter().map(|append| Uuid::from_bytes(append.payload_hash)).bind_iter())
        .bind(batch.iter().map(|append| group(append.group)).bind_iter())
        .bind(ends(batch, |append| append.expect.len()).bind_iter())
        .bind(ends(batch, |append| append.claims.len()).bind_iter())
        .bind(ends(batch, |append| append.events.len()).bind_iter())
        .bind(expected().map(|(stream, _)| stream.id).bind_iter())
        .bind(expected().map(|(stream, _)| category(stream)).bind_iter())
        .bind(expected().map(|(_, version)| signed(*version)).bind_iter())
        .bind(changes().map(|one| change(one).0).bind_iter())
        .bind(changes().map(|one| change(one).1.map_or(0, |key| i32::from(key.space))).bind_iter())
        .bind(changes().map(key).bind_iter())
        .bind(changes().map(|one| take(one).map(|holder| holder.holder.id)).bind_iter())
        .bind(
            changes().map(|one| take(one).map_or(0, |holder| category(&holder.holder))).bind_iter(),
        )
        .bind(changes().map(subject).bind_iter())
        .bind(events().map(|event| event.event_id).bind_iter())
        .bind(events().map(|event| event.stream.id).bind_iter())
        .bind(events().map(|event| category(&event.stream)).bind_iter())
        .bind(batch.iter().flat_map(event_versions).bind_iter())
        .bind(events().map(|event| code(names, &event.event_type)).bind_iter())
        .bind(events().map(|event| i32::from(event.schema_version)).bind_iter())
        .bind(events().map(root).bind_iter())
        .bind(events().map(|event| event.effective_at).bind_iter())
        .bind(events().map(|event| &*event.meta).bind_iter())
        .bind(events().map(|event| &*event.data).bind_iter())
}

/// A group as the database counts; -1 is none.
fn group(group: Option<u32>) -> i32 {
    group.map_or(-1, |group| i32::try_from(group).unwrap_or(i32::MAX))
}
