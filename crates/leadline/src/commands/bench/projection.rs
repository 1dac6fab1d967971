//! How far views are behind commands, at a steady rate.

use super::load::{LIFE, submission};
use crate::cli::ServeRole;
use crate::delivery::Delivery;
use crate::failure::Failure;
use crate::node::Node;
use leadline_log::Position;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::task::TaskTracker;

/// Commands a second, sent whether or not earlier ones are answered.
pub(super) const RATE: u64 = 2_000;

type Waiting = Arc<Mutex<VecDeque<(Position, Instant)>>>;

/// The time from a command's reply until every view has applied it: median, p99 and worst.
/// Events come through `delivery` where there is one, which is published to here as well.
pub(super) async fn lag(
    node: &Arc<Node>,
    delivery: Option<&Delivery>,
    time: Duration,
) -> Result<String, Failure> {
    let tasks = TaskTracker::new();
    if let Some(delivery) = delivery {
        delivery.work(&[ServeRole::Publish], node, &tasks);
        delivery.published(*node.engine.head().borrow()).await?;
    }
    node.projections
        .catch_up(&node.engine)
        .await
        .map_err(|error| Failure::of("catch up", &"the views", error))?;
    let road = delivery.map(|delivery| delivery.subscription(node));
    let waiting: Waiting = Arc::default();
    let (projecting, stop) = (Arc::clone(node), node.stop.clone());
    tasks.spawn(async move { projecting.projections.run(&projecting.engine, road, stop).await });
    let watching = tasks.spawn(watch(Arc::clone(node), Arc::clone(&waiting)));
    let mut tick = tokio::time::interval(Duration::from_micros(1_000_000 * 4 / RATE));
    tick.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let end = Instant::now() + time;
    let mut number = super::load::first_number();
    while Instant::now() < end {
        tick.tick().await;
        number += 1;
        let (node, waiting) = (Arc::clone(node), Arc::clone(&waiting));
        tasks.spawn(async move {
            let mut lead = None;
            for step in LIFE {
                let Ok(submission) = submission(step, number, lead) else { return };
                match node.engine.execute(submission).await {
                    Ok(reply) => {
                        lead = Some(reply.target.key());
                        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
                        waiting.push_back((reply.position, Instant::now()));
                    }
                    Err(error) => tracing::warn!(%error, "A command of the benchmark failed"),
                }
            }
        });
    }
    node.stop.cancel();
    tasks.close();
    tasks.wait().await;
    let mut lags = watching.await.map_err(|error| Failure::of("watch", &"the views", error))?;
    lags.sort_unstable();
    let rank = |percent: usize| {
        let rank = (lags.len() * percent).div_ceil(100).saturating_sub(1);
        lags.get(rank).copied().unwrap_or_default().as_micros()
    };
    Ok(format!(
        "p50 {} µs, p99 {} µs, worst {} µs ({} commands)",
        rank(50),
        rank(99),
        rank(100),
        lags.len()
    ))
}

async fn watch(node: Arc<Node>, waiting: Waiting) -> Vec<Duration> {
    let mut progress = node.projections.progress();
    let mut lags = Vec::new();
    loop {
        let reached =
            progress.borrow_and_update().positions.values().min().copied().unwrap_or_default();
        let now = Instant::now();
        lags.extend(
            applied(&waiting, reached).into_iter().map(|sent| now.saturating_duration_since(sent)),
        );
        tokio::select! {
            () = node.stop.cancelled() => return lags,
            moved = progress.changed() => if moved.is_err() { return lags },
        }
    }
}

/// Takes out what the views have applied.
fn applied(waiting: &Waiting, reached: Position) -> Vec<Instant> {
    let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
    let mut applied = Vec::new();
    waiting.retain(|(position, sent)| {
        let keep = *position > reached;
        if !keep {
            applied.push(*sent);
        }
        keep
    });
    applied
}
