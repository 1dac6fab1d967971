//! `bench`: what this machine makes of leadline, beside what its disk makes of an fsync.
//!
//! The unit is a lead's life of four commands: `CaptureLead` with name, e-mail, telephone, source and channel, then
//! `MarkMQL`, `AcceptSAL` and `QualifyLead`, with everything on: settling, policies, sealing, claims, triggers.

pub(super) mod disk;
mod growth;
mod load;
mod projection;
mod publish;
mod web;

use crate::cli::{BenchArgs, BenchPart};
use crate::database::{Database, Right};
use crate::delivery::Delivery;
use crate::failure::Failure;
use crate::node::{Node, Opening};
use crate::output::say;
use crate::scratch::Scratch;
use crate::settings::Settings;
use leadline_log::committer::BATCH_APPENDS_MAX;
use load::{InProcess, Measured, measure, measure_one_lead};
use std::sync::Arc;
use std::time::Duration;

/// Clients that commit one by one, to be compared with as many that share commits.
const SINGLE_CLIENTS: usize = 64;
/// Clients that write to one lead.
const HOT_WRITERS: usize = 16;
/// Most clients of one measurement: what the committer's queue takes.
const CLIENTS_MAX: usize = 4096;

/// Most nodes of one measurement; each has sessions of its own with the database.
const NODES_MAX: usize = 8;

/// Events that a log may hold which is new: the shipped policies. A benchmark does not write into anybody's own.
const NEW_LOG_EVENTS_MAX: u64 = 64;

/// What is measured on.
enum Ground {
    /// A file for each measurement.
    Sqlite(Scratch),
    /// The one database that was named.
    Postgres(Right),
}

/// `bench`.
pub(crate) async fn run(arguments: BenchArgs, settings: &Settings) -> Result<(), Failure> {
    check(&arguments, settings)?;
    let nodes = arguments.nodes;
    let scratch = Scratch::make(&arguments.dir.unwrap_or_else(std::env::temp_dir), "bench")?;
    let seconds = Duration::from_secs(arguments.seconds.clamp(1, 600));
    let disk = disk::fsync(scratch.path())
        .map_err(|error| Failure::of("measure the disk at", &scratch.path().display(), error))?;
    say!("disk: {disk}");
    let ground = Ground::find(scratch, settings).await?;
    say!(
        "each measurement: {} s; a lead's life of 4 commands; latencies per command\n",
        seconds.as_secs()
    );
    say!("{:<44} {:>12} {:>12} {:>9} {:>9}", "", "commands/s", "appends/s", "p50 µs", "p99 µs");
    let over = match nodes {
        1 => String::new(),
        nodes => format!(" on {nodes} nodes"),
    };
    let wanted = |part| arguments.only.is_empty() || arguments.only.contains(&part);
    let clients = arguments.clients.iter().copied();
    if wanted(BenchPart::Process) {
        for clients in clients.clone() {
            let opened = ground.nodes(&format!("process-{clients}"), nodes).await?;
            let measured = measure(&InProcess::new(&opened), clients, seconds).await?;
            print(&format!("in process{over}, {clients} clients, group commit"), &measured);
            close(opened).await;
        }
    }
    if arguments.only.contains(&BenchPart::Growth) {
        growth::run(&ground, arguments.grow_to, seconds).await?;
    }
    if wanted(BenchPart::Single) {
        let node = ground.node("single", 1).await?;
        let single = InProcess::new(&[Arc::clone(&node)]);
        let measured = measure(&single, SINGLE_CLIENTS, seconds).await?;
        print(&format!("in process, {SINGLE_CLIENTS} clients, committed one by one"), &measured);
        node.engine.close().await;
    }
    if wanted(BenchPart::Hot) {
        hot(&ground, nodes, seconds).await?;
    }
    if wanted(BenchPart::Http) {
        for clients in clients {
            let node = ground.node(&format!("web-{clients}"), BATCH_APPENDS_MAX).await?;
            let served = web::serve(&node).await?;
            let measured = measure(&served.client(), clients, seconds).await?;
            print(&format!("over HTTP, {clients} connections"), &measured);
            served.stop().await;
            node.engine.close().await;
        }
    }
    if wanted(BenchPart::Publish) || wanted(BenchPart::Lag) {
        deliver(&ground, settings, seconds, &wanted).await?;
    }
    Ok(())
}

/// Refuses what could only be measured otherwise than it was asked for.
fn check(arguments: &BenchArgs, settings: &Settings) -> Result<(), Failure> {
    let usage = |detail: String| Err(Failure::usage(detail));
    if arguments.only.contains(&BenchPart::Publish) && settings.nats.is_none() {
        return usage("measuring `publish` needs --nats, such as nats://127.0.0.1:4222".to_owned());
    }
    if arguments.clients.iter().any(|clients| !(1..=CLIENTS_MAX).contains(clients)) {
        return usage(format!("--clients takes numbers from 1 to {CLIENTS_MAX}"));
    }
    if !(1..=NODES_MAX).contains(&arguments.nodes) {
        return usage(format!("--nodes takes a number from 1 to {NODES_MAX}"));
    }
    Ok(())
}

/// One lead: one writer, many on one node, and one on each of several nodes.
async fn hot(ground: &Ground, nodes: usize, seconds: Duration) -> Result<(), Failure> {
    let mut cases = vec![(1, 1), (1, HOT_WRITERS)];
    if nodes > 1 {
        cases.push((nodes, nodes));
    }
    for (count, writers) in cases {
        let opened = ground.nodes(&format!("hot-{writers}"), count).await?;
        let measured = measure_one_lead(&InProcess::new(&opened), writers, seconds).await?;
        print(&format!("one lead, {writers} writers on {count} nodes"), &measured);
        close(opened).await;
    }
    Ok(())
}

/// How fast events are published, and how soon views have them.
async fn deliver(
    ground: &Ground,
    settings: &Settings,
    seconds: Duration,
    wanted: &impl Fn(BenchPart) -> bool,
) -> Result<(), Failure> {
    let delivery = match &settings.nats {
        Some(servers) => Some(Delivery::open(servers).await?),
        None => None,
    };
    if let (true, Some(delivery)) = (wanted(BenchPart::Publish), &delivery) {
        let node = ground.node("publish", BATCH_APPENDS_MAX).await?;
        let published = publish::rate(&node, delivery, seconds).await?;
        say!("\npublishing to NATS: {published}");
        node.engine.close().await;
    }
    if wanted(BenchPart::Lag) {
        let node = ground.node("lag", BATCH_APPENDS_MAX).await?;
        let lag = projection::lag(&node, delivery.as_ref(), seconds).await?;
        let road = if delivery.is_some() { "through JetStream" } else { "from the log" };
        say!(
            "\nprojection lag, all views, {road}, at {} commands/s open loop: {lag}",
            projection::RATE
        );
        node.engine.close().await;
    }
    Ok(())
}

impl Ground {
    async fn find(scratch: Scratch, settings: &Settings) -> Result<Self, Failure> {
        let Database::Postgres(_) = &settings.database else { return Ok(Self::Sqlite(scratch)) };
        let right = settings.database.hold_alone()?.accepting_data_loss(settings.accept_data_loss);
        let ground = Self::Postgres(right);
        let node = ground.node("", BATCH_APPENDS_MAX).await?;
        let head = node.engine.head().borrow().0;
        node.engine.close().await;
        if head > NEW_LOG_EVENTS_MAX {
            return Err(Failure::plain(format!(
                "the database `{}` holds a log of {head} events; name an empty one, which may be dropped afterwards",
                settings.database
            )));
        }
        say!("database: {}", settings.database);
        Ok(ground)
    }

    /// Several nodes on one log.
    async fn nodes(&self, name: &str, count: usize) -> Result<Vec<Arc<Node>>, Failure> {
        if count > 1 && matches!(self, Self::Sqlite(_)) {
            return Err(Failure::plain(
                "an SQLite database is for one node; name a Postgres database with --database"
                    .to_owned(),
            ));
        }
        let mut nodes = Vec::with_capacity(count);
        for _ in 0..count {
            nodes.push(self.node(name, BATCH_APPENDS_MAX).await?);
        }
        Ok(nodes)
    }

    async fn node(&self, name: &str, batch_appends_max: usize) -> Result<Arc<Node>, Failure> {
        let right = match self {
            Self::Sqlite(scratch) => {
                Database::Sqlite(scratch.path().join(format!("{name}.db"))).hold_alone()?
            }
            Self::Postgres(right) => right.clone(),
        };
        Ok(Arc::new(Node::open_with(right, Opening::plain(true), batch_appends_max).await?))
    }
}

async fn close(nodes: Vec<Arc<Node>>) {
    for node in nodes {
        node.engine.close().await;
    }
}

fn print(name: &str, measured: &Measured) {
    say!(
        "{name:<44} {:>12} {:>12} {:>9} {:>9}",
        measured.commands_per_second(),
        measured.appends_per_second(),
        measured.percentile_micros(50),
        measured.percentile_micros(99),
    );
}
