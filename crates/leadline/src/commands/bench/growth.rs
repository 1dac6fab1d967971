//! What the size of the log does to the rate of commands, and to a start.

use super::load::{InProcess, Service as _, Step, first_number, measure};
use super::{Ground, close, print};
use crate::failure::Failure;
use crate::output::say;
use std::time::Duration;
use tokio::time::Instant;

/// Clients that make the log grow.
const CLIENTS: usize = 64;

/// Measures again and again until the log has `events`; then opens it anew.
pub(super) async fn run(ground: &Ground, events: u64, time: Duration) -> Result<(), Failure> {
    const NAME: &str = "growth";
    let nodes = ground.nodes(NAME, 1).await?;
    let service = InProcess::new(&nodes);
    while service.head().0 < events {
        let measured = measure(&service, CLIENTS, time).await?;
        print(&format!("{CLIENTS} clients, up to {} events", service.head()), &measured);
    }
    drop(service);
    close(nodes).await;
    let begun = Instant::now();
    let nodes = ground.nodes(NAME, 1).await?;
    let mut client = InProcess::new(&nodes).connect().await?;
    client.send(Step::Capture, first_number(), None).await?;
    say!("\nfrom a start on that log to the first reply: {} ms", begun.elapsed().as_millis());
    close(nodes).await;
    Ok(())
}
