//! The projector's loop: leases, and the road by which events come.

use super::{PAGE_EVENTS_MAX, Projections, failed};
use crate::engine::Engine;
use crate::error::Error;
use leadline_log::delivery::{Delivery, Undelivered};
use leadline_log::{Position, Recorded};
use std::sync::PoisonError;
use std::time::Duration;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

/// How long a process that ends takes to let its views go.
const LET_GO_MAX: Duration = Duration::from_secs(1);
/// How long the worker waits after a failure before it tries again.
const RETRY: Duration = Duration::from_secs(1);
/// How often a worker that stands by asks for the lease of another one, which may have died.
const LEASE: Duration = Duration::from_millis(250);
/// How often a worker that stands by looks how far the others are.
const LOOK: Duration = Duration::from_millis(25);
/// The longest sleep of a worker that has nothing to apply.
const BACKSTOP: Duration = Duration::from_secs(5);
/// How long delivery may be silent before the worker looks whether the log has gone on without it.
const PATIENCE: Duration = Duration::from_millis(500);

/// By which road events come, as metrics and readiness tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Road {
    /// Read from the log.
    Log,
    /// Delivered.
    Delivery,
}

impl Road {
    /// What it is called.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Delivery => "delivery",
        }
    }
}

/// What the worker did.
enum Turn {
    /// Events were applied.
    Applied,
    /// There was nothing to apply.
    Idle,
}

impl Projections {
    /// Keeps the views that are leased here up to the log until `stop`, by way of `delivery` where there is one and
    /// it works, and from the log itself where not.
    pub async fn run(
        &self,
        engine: &Engine,
        mut delivery: Option<Box<dyn Delivery>>,
        stop: CancellationToken,
    ) {
        let mut head = engine.head();
        let mut asked: Option<Instant> = None;
        loop {
            head.borrow_and_update();
            let turn = async {
                if asked.is_none_or(|asked| asked.elapsed() >= LEASE) {
                    self.lease().await?;
                    asked = Some(Instant::now());
                }
                self.turn(engine, &mut delivery).await
            };
            let turn = tokio::select! {
                () = stop.cancelled() => return,
                turn = turn => turn,
            };
            let error = turn.as_ref().err().map(ToString::to_string);
            self.last_error.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&error);
            let failed = match turn {
                Ok(Turn::Applied) => continue,
                Ok(Turn::Idle) => false,
                Err(error) => {
                    tracing::error!(%error, "The projector could not go on; trying again");
                    true
                }
            };
            let pause = if failed { RETRY } else { self.pause(*head.borrow()) };
            tokio::select! {
                () = stop.cancelled() => return,
                moved = head.changed(), if !failed => if moved.is_err() { return },
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// Lets other processes bring the views forward from now on. This one may have other things to end, which they need
    /// not wait for; nor does it wait long for a database that is away.
    pub async fn let_go(&self) {
        let letting = async {
            let mut projector = self.projector.lock().await;
            projector.lease(&[]).await.map_err(failed)?;
            self.publish(&projector);
            Ok::<(), Error>(())
        };
        if !matches!(timeout(LET_GO_MAX, letting).await, Ok(Ok(()))) {
            tracing::warn!("Views could not be let go; they are when the process ends");
        }
    }

    /// How long to wait where there is nothing to apply.
    fn pause(&self, head: Position) -> Duration {
        let progress = self.progress.borrow();
        let leased = |view| progress.leased.contains(view);
        if !self.wanted.is_empty() && self.wanted.iter().all(leased) {
            BACKSTOP
        } else if progress.positions.values().any(|position| *position < head) {
            LOOK
        } else {
            LEASE
        }
    }

    /// Asks for the leases that are not held, and whether those that are still are; and whether the log is still the
    /// one that the views reflect, for a database may be restored under a running process.
    async fn lease(&self) -> Result<(), Error> {
        let mut projector = self.projector.lock().await;
        projector.lease(&self.wanted).await.map_err(failed)?;
        projector.verify().await.map_err(failed)?;
        self.publish(&projector);
        Ok(())
    }

    async fn turn(
        &self,
        engine: &Engine,
        delivery: &mut Option<Box<dyn Delivery>>,
    ) -> Result<Turn, Error> {
        let after = {
            let mut projector = self.projector.lock().await;
            projector.look_up().await.map_err(failed)?;
            self.publish(&projector);
            projector.position()
        };
        let Some(after) = after else { return Ok(Turn::Idle) };
        let Some(delivery) = delivery else { return self.read(engine).await };
        let silent = match delivered(&mut **delivery, after).await {
            Delivered::Events(events) => {
                self.tell(Road::Delivery);
                self.apply(engine, after, events).await?;
                return Ok(Turn::Applied);
            }
            Delivered::Silence => true,
            Delivered::Nothing => false,
        };
        let turn = self.read(engine).await?;
        match turn {
            Turn::Applied => {
                if silent {
                    interrupted("silent");
                }
                metrics::counter!("leadline_projector_refills_total").increment(1);
            }
            // Nothing was missed: what comes next will be delivered.
            Turn::Idle if silent && delivery.is_open() => self.tell(Road::Delivery),
            Turn::Idle => {}
        }
        Ok(turn)
    }

    /// Applies what the log has.
    async fn read(&self, engine: &Engine) -> Result<Turn, Error> {
        if !self.step(engine).await? {
            return Ok(Turn::Idle);
        }
        self.tell(Road::Log);
        Ok(Turn::Applied)
    }

    /// Tells by which road the last events came, or the next ones will.
    fn tell(&self, road: Road) {
        *self.road.lock().unwrap_or_else(PoisonError::into_inner) = Some(road);
        for one in [Road::Log, Road::Delivery] {
            let by = f64::from(u8::from(one == road));
            metrics::gauge!("leadline_projector_road", "road" => one.name()).set(by);
        }
    }

    async fn apply(
        &self,
        engine: &Engine,
        after: Position,
        events: Vec<Recorded>,
    ) -> Result<(), Error> {
        self.to_the_end(engine, move |this, engine| async move {
            let page = super::page(after, &events)?;
            if page.events.iter().any(|one| !one.event.erases().is_empty()) {
                // No key is destroyed on anybody's word but the log's.
                return this.step_here(&engine).await.map(drop);
            }
            let mut projector = this.projector.lock().await;
            // Whoever asked a view a question meanwhile may have gone on from the log.
            if projector.position() == Some(after) {
                projector.apply(&page).await.map_err(failed)?;
                this.publish(&projector);
            }
            Ok(())
        })
        .await
    }
}

/// What delivery did.
enum Delivered {
    /// It brought events.
    Events(Vec<Recorded>),
    /// It waited for events. Whether there were any, the log tells.
    Silence,
    /// It could not go on where the views are.
    Nothing,
}

/// What is delivered after `after`; where that is nothing, the log has to be read.
async fn delivered(delivery: &mut dyn Delivery, after: Position) -> Delivered {
    let why = match timeout(PATIENCE, delivery.next(after, PAGE_EVENTS_MAX)).await {
        Ok(Ok(events)) => return Delivered::Events(events),
        Ok(Err(Undelivered::Hole { .. })) => "hole",
        Ok(Err(Undelivered::Away { .. })) => "away",
        Err(_) => return Delivered::Silence,
    };
    interrupted(why);
    Delivered::Nothing
}

fn interrupted(why: &'static str) {
    metrics::counter!("leadline_delivery_interruptions_total", "why" => why).increment(1);
}
