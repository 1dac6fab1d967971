//! `bench`: what this machine makes of leadline, beside what its disk makes of an fsync.
//!
//! The unit is a lead's life of four commands: `CaptureLead` with name, e-mail, telephone, source and channel, then
//! `MarkMQL`, `AcceptSAL` and `QualifyLead`, with everything on: settling, policies, sealing, claims, triggers.

mod disk;
mod load;
mod projection;
mod web;

use crate::cli::BenchArgs;
use crate::failure::Failure;
use crate::node::{Node, Opening, hold};
use crate::output::say;
use leadline_log::committer::BATCH_APPENDS_MAX;
use load::{Measured, measure};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// How many clients at once.
const CLIENTS: [usize; 4] = [1, 16, 64, 256];

/// A scratch folder on the disk that is measured.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, "Could not remove the bench's scratch folder");
        }
    }
}

/// `bench`.
pub(crate) async fn run(arguments: BenchArgs) -> Result<(), Failure> {
    let folder = arguments
        .dir
        .unwrap_or_else(std::env::temp_dir)
        .join(format!("leadline-bench-{}", std::process::id()));
    std::fs::create_dir_all(&folder)
        .map_err(|error| Failure::of("make", &folder.display(), error))?;
    let scratch = Scratch(folder);
    let seconds = Duration::from_secs(arguments.seconds.clamp(1, 600));
    let disk = disk::fsync(&scratch.0)
        .map_err(|error| Failure::of("measure the disk at", &scratch.0.display(), error))?;
    say!("disk: {disk}");
    say!(
        "each measurement: {} s; a lead's life of 4 commands; latencies per command\n",
        seconds.as_secs()
    );
    say!("{:<44} {:>12} {:>12} {:>9} {:>9}", "", "commands/s", "appends/s", "p50 µs", "p99 µs");
    for clients in CLIENTS {
        let node = node(&scratch, &format!("process-{clients}"), BATCH_APPENDS_MAX).await?;
        let measured = measure(&load::in_process(&node), clients, seconds).await?;
        print(&format!("in process, {clients} clients, group commit"), &measured);
        node.engine.close().await;
    }
    let node = node(&scratch, "single", 1).await?;
    let measured = measure(&load::in_process(&node), 64, seconds).await?;
    print("in process, 64 clients, committed one by one", &measured);
    node.engine.close().await;
    for clients in CLIENTS {
        let node = self::node(&scratch, &format!("web-{clients}"), BATCH_APPENDS_MAX).await?;
        let served = web::serve(&node).await?;
        let measured = measure(&served.client(), clients, seconds).await?;
        print(&format!("over HTTP, {clients} connections"), &measured);
        served.stop().await;
        node.engine.close().await;
    }
    let node = self::node(&scratch, "lag", BATCH_APPENDS_MAX).await?;
    let lag = projection::lag(&node, seconds).await?;
    say!("\nprojection lag, all views, at {} commands/s open loop: {lag}", projection::RATE);
    node.engine.close().await;
    Ok(())
}

async fn node(
    scratch: &Scratch,
    name: &str,
    batch_appends_max: usize,
) -> Result<Arc<Node>, Failure> {
    let database = scratch.0.join(format!("{name}.db"));
    let lock = hold(&database)?
        .map_err(|_| Failure::plain("the scratch database is in use".to_owned()))?;
    let opening = Opening { create: true, anonymous: None };
    Ok(Arc::new(Node::open_with(lock, opening, batch_appends_max).await?))
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
