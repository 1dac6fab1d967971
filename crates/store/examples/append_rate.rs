//! How many commands per second the committer appends to a log on this machine.
//!
//! `append_rate [directory | postgres://…] [commands]`: to an SQLite file in a folder, or to an empty database. Each command appends 1.75 events of about 300 bytes on average, one in four
//! takes a claim. Deciding costs next to nothing, so these are ceilings.

#![expect(clippy::print_stdout, reason = "prints its findings")]

use bytes::Bytes;
use leadline_log::clock::{IdGen, System};
use leadline_log::committer::{
    Committer, Desk, Draft, FoldError, Handle, Job, Model, Options, Outcome, Step,
};
use leadline_log::types::{Category, ClaimHolder};
use leadline_log::{Append, ClaimChange, ClaimKey, LogBackend, NewEvent, Recorded, StreamKey};
use leadline_store::postgres::log::PostgresLog;
use leadline_store::postgres::{Database, Opening};
use leadline_store::sqlite::lock::Lock;
use leadline_store::sqlite::log::SqliteLog;
use std::error::Error;
use std::io::{Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use uuid::Uuid;

struct Count;

impl Model for Count {
    type State = u64;

    fn initial(&self, _: &StreamKey) -> u64 {
        0
    }

    fn fold(&self, state: &mut u64, _: &Recorded) -> Result<(), FoldError> {
        *state += 1;
        Ok(())
    }

    fn lets_go(&self, _: &Recorded) -> bool {
        false
    }
}

/// One of a life's four commands.
struct Step4 {
    command: Uuid,
    lead: StreamKey,
    config: StreamKey,
    step: usize,
    reply: oneshot::Sender<Outcome>,
}

impl Job<Count> for Step4 {
    fn decide(&mut self, desk: &mut Desk<'_, Count>) -> Step<Count> {
        let key = ClaimKey { space: 1, key: *self.lead.id.as_bytes() };
        let claimed = if self.step == 0 { desk.claim(&key) } else { Some(None) };
        let lead =
            if self.step == 0 { Some(desk.fresh(&self.lead)) } else { desk.stream(&self.lead) };
        let (Some(config), Some((version, state)), Some(_)) =
            (desk.stream(&self.config), lead, claimed)
        else {
            return Step::Wait;
        };
        let events = if self.step == 3 { 1 } else { 2 };
        let event = |_| NewEvent {
            stream: self.lead,
            event_type: "lead.changed".into(),
            schema_version: 1,
            event_id: self.command,
            root: self.lead.id,
            effective_at: 0,
            meta: Bytes::from_static(&[b'm'; 120]),
            data: Bytes::from_static(&[b'd'; 180]),
        };
        let holder = ClaimHolder { holder: self.lead, subject: Some(self.lead.id) };
        let claims = if self.step == 0 { vec![ClaimChange::Take(key, holder)] } else { Vec::new() };
        Step::Append(Draft {
            append: Append {
                command_id: *self.command.as_bytes(),
                payload_hash: [0; 16],
                expect: vec![(self.config, config.0), (self.lead, version)],
                claims,
                events: (0..events).map(event).collect(),
                group: None,
            },
            states: vec![(self.lead, Arc::new(*state + events))],
        })
    }

    fn finish(self: Box<Self>, outcome: Outcome) {
        drop(self.reply.send(outcome));
    }
}

async fn caller(handle: Handle<Count>, lives: usize) -> Result<(), String> {
    let lead = Category::parse("lead").ok_or("no category")?;
    let config = Category::parse("config").ok_or("no category")?;
    let config = StreamKey { category: config, id: Uuid::nil() };
    for _ in 0..lives {
        let lead = StreamKey { category: lead, id: System.next() };
        for step in 0..4 {
            let (reply, answer) = oneshot::channel();
            let job = Box::new(Step4 { command: System.next(), lead, config, step, reply });
            handle.submit(job).map_err(|error| error.to_string())?;
            match answer.await.map_err(|error| error.to_string())? {
                Outcome::Committed { .. } => {}
                other => return Err(format!("{other:?}")),
            }
        }
    }
    Ok(())
}

async fn rate(
    handle: &Handle<Count>,
    callers: usize,
    commands: usize,
) -> Result<Duration, Box<dyn Error>> {
    let begun = Instant::now();
    let callers: Vec<_> = (0..callers)
        .map(|_| tokio::spawn(caller(handle.clone(), (commands / callers / 4).max(1))))
        .collect();
    for caller in callers {
        caller.await??;
    }
    Ok(begun.elapsed())
}

/// Median time of an fdatasync after 4 KiB, growing a file and overwriting it.
fn fsync(directory: &Path, grow: bool) -> Result<Duration, Box<dyn Error>> {
    let mut file = tempfile::tempfile_in(directory)?;
    let mut times = Vec::new();
    for _ in 0..500 {
        let begun = Instant::now();
        if !grow {
            file.rewind()?;
        }
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        times.push(begun.elapsed());
    }
    times.sort_unstable();
    Ok(times.get(times.len() / 2).copied().unwrap_or_default())
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let place = arguments.next().unwrap_or_else(|| ".".to_owned());
    let commands: usize = arguments.next().map_or(Ok(200_000), |text| text.parse())?;
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
        if place.starts_with("postgres") {
            let opening = Opening { create: true, ..Opening::default() };
            let database = Database::open(&place, opening).await?;
            let log = PostgresLog::open(&database, None, &System).await?;
            return print_rates(Arc::new(log), commands).await;
        }
        let directory = tempfile::tempdir_in(place)?;
        println!("fdatasync, growing:     {:?}", fsync(directory.path(), true)?);
        println!("fdatasync, overwriting: {:?}", fsync(directory.path(), false)?);
        let lock = Arc::new(Lock::acquire(&directory.path().join("log.db"))?);
        let log = SqliteLog::open(lock, Arc::new(System), &System, true)?;
        print_rates(Arc::new(log), commands).await
    })
}

async fn print_rates(log: Arc<dyn LogBackend>, commands: usize) -> Result<(), Box<dyn Error>> {
    let handle = Committer::start(log, Count, Options::default()).await?;
    for callers in [64, 1, 8, 64, 256, 1] {
        let commands = if callers == 1 { commands / 10 } else { commands };
        let elapsed = rate(&handle, callers, commands).await?;
        let per_second = u128::try_from(commands)? * 1_000_000 / elapsed.as_micros().max(1);
        println!("{callers:>4} callers: {per_second:>7} commands/s");
    }
    handle.close().await;
    Ok(())
}
