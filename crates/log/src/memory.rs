//! The reference model of the log: obviously right, kept in memory, never optimised.

use crate::backend::{Error, LogBackend};
use crate::clock::{Clock, IdGen};
use crate::types::{
    Append, Bounce, ClaimChange, ClaimHolder, ClaimKey, CommandRecord, Direction, LogIdentity,
    Page, Position, READ_EVENTS_MAX, Read, Recorded, Scope, StreamKey, Verdict,
};
use async_trait::async_trait;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A log in memory. What it does is what every other backend must do.
#[derive(Debug)]
pub struct MemoryLog {
    identity: LogIdentity,
    clock: Arc<dyn Clock>,
    tables: Mutex<Tables>,
}

#[derive(Clone, Debug, Default)]
struct Tables {
    events: Vec<Recorded>,
    versions: BTreeMap<StreamKey, u64>,
    commands: BTreeMap<[u8; 16], CommandRecord>,
    claims: BTreeMap<ClaimKey, ClaimHolder>,
    /// The stamp of the batch that is being appended.
    recorded_at: i64,
}

impl MemoryLog {
    /// An empty log with an identity of its own.
    pub fn new(clock: Arc<dyn Clock>, ids: &dyn IdGen) -> Self {
        let identity = LogIdentity { id: ids.next(), epoch: 1 };
        Self { identity, clock, tables: Mutex::default() }
    }

    /// Takes over what another log holds, for comparing the two.
    pub(crate) fn restore(
        &self,
        events: Vec<Recorded>,
        commands: Vec<([u8; 16], CommandRecord)>,
        claims: Vec<(ClaimKey, ClaimHolder)>,
    ) {
        let versions = events.iter().map(|event| (event.event.stream, event.version)).collect();
        let (commands, claims) = (commands.into_iter().collect(), claims.into_iter().collect());
        *self.tables() = Tables { events, versions, commands, claims, recorded_at: i64::MIN };
    }

    fn tables(&self) -> MutexGuard<'_, Tables> {
        self.tables.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    fn head(&self) -> Position {
        self.events.last().map_or(Position::START, |event| event.position)
    }

    fn append(&mut self, append: &Append, broken: &mut BTreeSet<u32>) -> Verdict {
        let verdict = self.judge(append, broken);
        if let (Some(group), false) = (append.group, matches!(verdict, Verdict::Committed { .. })) {
            broken.insert(group);
        }
        verdict
    }

    fn judge(&mut self, append: &Append, broken: &BTreeSet<u32>) -> Verdict {
        if let Some(record) = self.commands.get(&append.command_id) {
            return Verdict::Duplicate(*record);
        }
        if append.group.is_some_and(|group| broken.contains(&group)) {
            return Verdict::Bounced(Arc::new(Bounce { followed: true, ..Bounce::default() }));
        }
        let streams = self.differing(&append.expect);
        let (claims, taken) = self.changed(&append.claims);
        if !streams.is_empty() || !taken.is_empty() {
            return Verdict::Bounced(Arc::new(Bounce { streams, claims: taken, followed: false }));
        }
        self.claims = claims;
        let first = self.head().next();
        for event in &append.events {
            let version = self.versions.entry(event.stream).or_default();
            *version += 1;
            let (version, position) = (*version, self.head().next());
            let recorded_at = self.recorded_at;
            self.events.push(Recorded { position, version, recorded_at, event: event.clone() });
        }
        let last = self.head();
        let record = CommandRecord { payload_hash: append.payload_hash, first, last };
        self.commands.insert(append.command_id, record);
        Verdict::Committed { first, last, recorded_at: self.recorded_at }
    }

    fn differing(&self, expect: &[(StreamKey, u64)]) -> Vec<(StreamKey, u64)> {
        let current = |stream| self.versions.get(stream).copied().unwrap_or_default();
        expect
            .iter()
            .filter(|(stream, version)| current(stream) != *version)
            .map(|(stream, _)| (*stream, current(stream)))
            .collect()
    }

    /// The claims after these changes, and those that could not be taken.
    fn changed(
        &self,
        changes: &[ClaimChange],
    ) -> (BTreeMap<ClaimKey, ClaimHolder>, Vec<(ClaimKey, ClaimHolder)>) {
        let (mut claims, mut taken) = (self.claims.clone(), Vec::new());
        for change in changes {
            match change {
                ClaimChange::Take(key, holder) => match claims.get(key) {
                    Some(other) => taken.push((*key, *other)),
                    None => drop(claims.insert(*key, *holder)),
                },
                ClaimChange::Release(key) => drop(claims.remove(key)),
                ClaimChange::ReleaseSubject(subject) => {
                    claims.retain(|_, holder| holder.subject != Some(*subject));
                }
            }
        }
        (claims, taken)
    }
}

#[async_trait]
impl LogBackend for MemoryLog {
    fn identity(&self) -> LogIdentity {
        self.identity
    }

    async fn append(&self, batch: Arc<[Append]>) -> Result<Vec<Verdict>, Error> {
        for append in batch.iter() {
            append.check().map_err(|rule| Error::Unacceptable { reason: rule.to_owned() })?;
        }
        let mut tables = self.tables();
        let last = tables.events.last().map_or(i64::MIN, |event| event.recorded_at);
        tables.recorded_at = last.max(self.clock.now_millis());
        let mut broken = BTreeSet::new();
        Ok(batch.iter().map(|append| tables.append(append, &mut broken)).collect())
    }

    async fn read(&self, read: Read) -> Result<Page, Error> {
        let tables = self.tables();
        let matches = |event: &&Recorded| {
            let inside = match read.scope {
                Scope::All => true,
                Scope::Stream(stream) => event.event.stream == stream,
                Scope::Root(root) => event.event.root == root,
            };
            inside
                && event.position > read.after
                && read.through.is_none_or(|through| event.position <= through)
        };
        let limit = read.limit.min(READ_EVENTS_MAX);
        let found = tables.events.iter().filter(matches);
        let events = match read.direction {
            Direction::Forward => found.take(limit).cloned().collect(),
            Direction::Backward => found.rev().take(limit).cloned().collect(),
        };
        Ok(Page { events, head: tables.head() })
    }

    async fn streams(&self, streams: &[StreamKey]) -> Result<Vec<Vec<Recorded>>, Error> {
        let tables = self.tables();
        let of = |stream: &StreamKey| {
            tables.events.iter().filter(|event| event.event.stream == *stream).cloned().collect()
        };
        Ok(streams.iter().map(of).collect())
    }

    async fn claims(&self, keys: &[ClaimKey]) -> Result<Vec<Option<ClaimHolder>>, Error> {
        let tables = self.tables();
        Ok(keys.iter().map(|key| tables.claims.get(key).copied()).collect())
    }

    async fn commands(&self, ids: &[[u8; 16]]) -> Result<Vec<Option<CommandRecord>>, Error> {
        let tables = self.tables();
        Ok(ids.iter().map(|id| tables.commands.get(id).copied()).collect())
    }

    async fn head(&self) -> Result<Position, Error> {
        Ok(self.tables().head())
    }
}
