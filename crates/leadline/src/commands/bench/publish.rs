//! How fast the log is published to NATS.

use super::load::{InProcess, measure};
use crate::cli::ServeRole;
use crate::delivery::Delivery;
use crate::failure::Failure;
use crate::node::Node;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

/// Clients that fill the log beforehand.
const CLIENTS: usize = 256;

/// Fills the log for `time`, then publishes it from its beginning.
pub(super) async fn rate(
    node: &Arc<Node>,
    delivery: &Delivery,
    time: Duration,
) -> Result<String, Failure> {
    measure(&InProcess::new(&[Arc::clone(node)]), CLIENTS, time).await?;
    let head = *node.engine.head().borrow();
    let tasks = TaskTracker::new();
    let begun = Instant::now();
    delivery.work(&[ServeRole::Publish], node, &tasks);
    delivery.published(head).await?;
    let elapsed = begun.elapsed();
    node.stop.cancel();
    tasks.close();
    tasks.wait().await;
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    let rate = head.0.saturating_mul(1_000) / milliseconds;
    Ok(format!("{rate} events/s ({} events in {:.2} s)", head.0, elapsed.as_secs_f64()))
}
