//! One batch of appends inside one transaction.
//!
//! Most conditions are decided by the versions that the writer remembers; the rest by the unique indexes. Only where
//! an index objects to an event is the batch undone and judged again with every version looked up first.

use crate::names::Names;
use leadline_log::types::{
    Append, Bounce, ClaimChange, ClaimHolder, ClaimKey, CommandRecord, Position, StreamKey, Verdict,
};
use rusqlite::{Connection, OptionalExtension, Row, Statement};
use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use uuid::Uuid;

/// Streams whose version is remembered.
const VERSIONS_MAX: usize = 400_000;

/// Why a batch was not stored.
pub(super) enum Undone {
    /// A stream that was taken for empty is not: judge again with care.
    Surprise,
    /// The database failed.
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Undone {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

/// What the writer knows without asking the database.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) head: u64,
    pub(super) recorded_at: i64,
    versions: HashMap<StreamKey, u64>,
}

impl Memory {
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let last = "SELECT position, recorded_at FROM event ORDER BY position DESC LIMIT 1";
        let last = connection
            .query_row(last, (), |row| Ok((row.get::<_, i64>(0)?, row.get(1)?)))
            .optional()?;
        let (head, recorded_at) = last.unwrap_or((0, i64::MIN));
        Ok(Self { head: head.cast_unsigned(), recorded_at, versions: HashMap::new() })
    }

    /// Forgets what was remembered on the strength of a transaction that is undone.
    pub(super) fn forget(&mut self, streams: &[StreamKey]) {
        for stream in streams {
            self.versions.remove(stream);
        }
    }
}

/// The prepared statements of the writer.
pub(super) struct Statements<'c> {
    pub(super) begin: Statement<'c>,
    pub(super) commit: Statement<'c>,
    pub(super) rollback: Statement<'c>,
    add_command: Statement<'c>,
    drop_command: Statement<'c>,
    command: Statement<'c>,
    add_event: Statement<'c>,
    version: Statement<'c>,
    claim: Statement<'c>,
    take: Statement<'c>,
    release: Statement<'c>,
    release_subject: Statement<'c>,
}

impl<'c> Statements<'c> {
    pub(super) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            begin: connection.prepare("BEGIN IMMEDIATE")?,
            commit: connection.prepare("COMMIT")?,
            rollback: connection.prepare("ROLLBACK")?,
            add_command: connection.prepare(
                "INSERT INTO command (id, payload_hash, first, last) VALUES (?1, ?2, ?3, ?4)
                 ON CONFLICT DO NOTHING",
            )?,
            drop_command: connection.prepare("DELETE FROM command WHERE id = ?1")?,
            command: connection.prepare(super::reader::COMMAND)?,
            add_event: connection.prepare(
                "INSERT INTO event (position, category, id, version, type, schema_version, event_id,
                 root, effective_at, recorded_at, meta, data)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?,
            version: connection.prepare(
                "SELECT version FROM event WHERE id = ?1 AND category = ?2
                 ORDER BY version DESC LIMIT 1",
            )?,
            claim: connection.prepare(super::reader::CLAIM)?,
            take: connection.prepare(
                "INSERT INTO claim (space, key, category, holder, subject)
                 VALUES (?1, ?2, ?3, ?4, ?5)",
            )?,
            release: connection.prepare("DELETE FROM claim WHERE space = ?1 AND key = ?2")?,
            release_subject: connection.prepare("DELETE FROM claim WHERE subject = ?1")?,
        })
    }
}

/// The batch that is being judged. What it learns is kept only once it is committed.
pub(super) struct Batch<'w, 'c> {
    pub(super) statements: &'w mut Statements<'c>,
    pub(super) names: &'w Names,
    pub(super) memory: &'w mut Memory,
    /// Look every version up before an event is written.
    pub(super) careful: bool,
    pub(super) head: u64,
    pub(super) recorded_at: i64,
    /// Streams whose remembered version is not committed.
    pub(super) touched: Vec<StreamKey>,
}

impl Batch<'_, '_> {
    /// Judges and stores each append in order.
    pub(super) fn run(&mut self, appends: &[Append]) -> Result<Vec<Verdict>, Undone> {
        if self.memory.versions.len() > VERSIONS_MAX {
            self.memory.versions.clear();
        }
        let mut broken = HashSet::new();
        let mut verdicts = Vec::with_capacity(appends.len());
        for append in appends {
            let verdict = self.judge(append, &broken)?;
            if let (Some(group), false) =
                (append.group, matches!(verdict, Verdict::Committed { .. }))
            {
                broken.insert(group);
            }
            verdicts.push(verdict);
        }
        Ok(verdicts)
    }

    fn judge(&mut self, append: &Append, broken: &HashSet<u32>) -> Result<Verdict, Undone> {
        if append.group.is_some_and(|group| broken.contains(&group)) {
            if let Some(record) = self.command(append)? {
                return Ok(Verdict::Duplicate(record));
            }
            return Ok(Verdict::Bounced(Arc::new(Bounce { followed: true, ..Bounce::default() })));
        }
        let first = self.head + 1;
        let last = self.head + append.events.len() as u64;
        let added = self.statements.add_command.execute((
            append.command_id,
            append.payload_hash,
            first.cast_signed(),
            last.cast_signed(),
        ))?;
        if added == 0 {
            let record = self.command(append)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
            return Ok(Verdict::Duplicate(record));
        }
        let streams = self.differing(append)?;
        let claims = self.held(append)?;
        if !streams.is_empty() || !claims.is_empty() {
            self.statements.drop_command.execute([append.command_id])?;
            return Ok(Verdict::Bounced(Arc::new(Bounce { streams, claims, followed: false })));
        }
        self.change_claims(append)?;
        self.write(append)?;
        let (first, last) = (Position(first), Position(last));
        Ok(Verdict::Committed { first, last, recorded_at: self.recorded_at })
    }

    fn command(&mut self, append: &Append) -> rusqlite::Result<Option<CommandRecord>> {
        let found = self.statements.command.query_row([append.command_id], super::reader::command);
        found.optional()
    }

    /// The expected streams that have another version.
    fn differing(&mut self, append: &Append) -> Result<Vec<(StreamKey, u64)>, Undone> {
        let mut differing = Vec::new();
        for (stream, expected) in &append.expect {
            let version = match self.memory.versions.get(stream) {
                Some(version) => *version,
                // The unique index finds out when the first event is written.
                None if *expected == 0 && !self.careful && append.writes(stream) => 0,
                None => self.look_up(stream)?,
            };
            if version != *expected {
                differing.push((*stream, version));
            }
        }
        Ok(differing)
    }

    fn look_up(&mut self, stream: &StreamKey) -> rusqlite::Result<u64> {
        let Some(category) = self.names.code(stream.category.as_str()) else { return Ok(0) };
        let found = self
            .statements
            .version
            .query_row((stream.id.as_bytes(), category), |row| row.get::<_, i64>(0))
            .optional()?;
        let version = found.unwrap_or_default().cast_unsigned();
        self.memory.versions.insert(*stream, version);
        Ok(version)
    }

    /// The claims that the append would take and that somebody holds, its own earlier changes included.
    fn held(&mut self, append: &Append) -> Result<Vec<(ClaimKey, ClaimHolder)>, Undone> {
        let mut held = Vec::new();
        let mut changed: Vec<(ClaimKey, Option<ClaimHolder>)> = Vec::new();
        let mut released: Vec<Uuid> = Vec::new();
        for change in &append.claims {
            match change {
                ClaimChange::Release(key) => changed.push((*key, None)),
                ClaimChange::ReleaseSubject(subject) => {
                    released.push(*subject);
                    for (_, holder) in &mut changed {
                        *holder = holder.filter(|holder| holder.subject != Some(*subject));
                    }
                }
                ClaimChange::Take(key, holder) => {
                    let known = changed.iter().rev().find(|(other, _)| other == key);
                    let current = match known {
                        Some((_, current)) => *current,
                        None => self.claim(key)?.filter(|holder| {
                            holder.subject.is_none_or(|subject| !released.contains(&subject))
                        }),
                    };
                    match current {
                        Some(other) => held.push((*key, other)),
                        None => changed.push((*key, Some(*holder))),
                    }
                }
            }
        }
        Ok(held)
    }

    fn claim(&mut self, key: &ClaimKey) -> rusqlite::Result<Option<ClaimHolder>> {
        let names = self.names;
        let holder = |row: &Row<'_>| super::reader::holder(row, names);
        self.statements.claim.query_row((key.space, key.key), holder).optional()
    }

    fn change_claims(&mut self, append: &Append) -> Result<(), Undone> {
        for change in &append.claims {
            match change {
                ClaimChange::Take(key, holder) => {
                    self.statements.take.execute((
                        key.space,
                        key.key,
                        self.code(holder.holder.category.as_str())?,
                        holder.holder.id.as_bytes(),
                        holder.subject.as_ref().map(Uuid::as_bytes),
                    ))?;
                }
                ClaimChange::Release(key) => {
                    self.statements.release.execute((key.space, key.key))?;
                }
                ClaimChange::ReleaseSubject(subject) => {
                    self.statements.release_subject.execute([subject.as_bytes()])?;
                }
            }
        }
        Ok(())
    }

    fn code(&self, name: &str) -> rusqlite::Result<i64> {
        self.names.code(name).ok_or(rusqlite::Error::QueryReturnedNoRows)
    }

    fn write(&mut self, append: &Append) -> Result<(), Undone> {
        for event in &append.events {
            let stream = event.stream;
            let version = self.memory.versions.get(&stream).copied().unwrap_or_default() + 1;
            self.memory.versions.insert(stream, version);
            self.touched.push(stream);
            self.head += 1;
            let root = (event.root != stream.id).then(|| event.root.as_bytes());
            let stored = self.statements.add_event.execute((
                self.head.cast_signed(),
                self.code(stream.category.as_str())?,
                stream.id.as_bytes(),
                version.cast_signed(),
                self.code(&event.event_type)?,
                event.schema_version,
                event.event_id.as_bytes(),
                root,
                event.effective_at,
                self.recorded_at,
                &*event.meta,
                &*event.data,
            ));
            match stored {
                Ok(_) => {}
                Err(error) if !self.careful && is_constraint(&error) => {
                    return Err(Undone::Surprise);
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// Whether a unique index or another constraint objected.
pub(super) fn is_constraint(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(rusqlite::ErrorCode::ConstraintViolation)
}
