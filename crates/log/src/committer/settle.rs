//! What becomes of the jobs of a batch, and of those whose decisions rested on it.

use super::affected::Affected;
use super::flight::{self, Drafted, Entry, Flight, Landed};
use super::worker::Worker;
use super::{ATTEMPTS_MAX, Model, Outcome};
use crate::backend::Error;
use crate::types::{Append, ClaimChange, Verdict};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use uuid::Uuid;

impl<M: Model> Worker<M> {
    /// Gives every job of the landed batch its verdict, and decides again what rested on an append that did not happen.
    pub(super) fn settle(&mut self, flight: Flight<M>, landed: Vec<Landed>) {
        tell(&landed);
        let Flight { jobs, appends, .. } = flight;
        let head = landed.iter().rev().find_map(|landed| match landed {
            Ok(Verdict::Committed { last, .. }) => Some(*last),
            _ => None,
        });
        if let Some(head) = head {
            self.ports.announce(head);
        }
        let (mut affected, mut again) = (Affected::default(), VecDeque::new());
        for ((job, append), landed) in jobs.into_iter().zip(appends.iter()).zip(landed) {
            self.release(&job, append);
            let Drafted { mut entry, claims, .. } = job;
            if !matches!(landed, Ok(Verdict::Committed { .. })) {
                affected.add(append);
            }
            match landed {
                Ok(Verdict::Committed { first, last, recorded_at }) => {
                    self.contention.committed(first, last);
                    self.forget_released(append);
                    entry.job.finish(Outcome::Committed { first, last, recorded_at });
                }
                Ok(Verdict::Duplicate(record)) => entry.job.finish(Outcome::Duplicate(record)),
                Ok(Verdict::Bounced(bounce)) => {
                    self.contention.met();
                    affected.streams.extend(bounce.streams.iter().map(|(stream, _)| *stream));
                    affected.claims.extend(bounce.claims.iter().map(|(key, _)| *key));
                    affected.claims.extend(claims);
                    entry.attempts += 1;
                    if entry.attempts < ATTEMPTS_MAX {
                        again.push_back(entry);
                    } else {
                        let error = Error::Busy { waiting: self.waiting.len() };
                        entry.job.finish(Outcome::Failed(Arc::new(error)));
                    }
                }
                Err(error) => entry.job.finish(Outcome::Failed(error)),
            }
        }
        if !affected.is_empty() {
            self.redecide(&mut affected, &mut again);
        }
        again.extend(self.held.drain(..));
        again.append(&mut self.waiting);
        self.waiting = again;
        let flown = self.flight.iter().flat_map(|flight| flight.appends.iter());
        self.barrier = self.appends.iter().chain(flown).any(flight::releases_subject);
    }

    /// Lets go of what a job of the batch held on to.
    fn release(&mut self, job: &Drafted<M>, append: &Append) {
        self.ids.remove(&append.command_id);
        for stream in &job.written {
            self.book.streams.unpin(stream);
        }
        for key in flight::changed_claims(append) {
            self.book.claims.unpin(&key);
            self.book.forget_free(&[key]);
        }
    }

    /// Forgets the claims that an append let go unnamed.
    fn forget_released(&mut self, append: &Append) {
        let released: HashSet<Uuid> = append
            .claims
            .iter()
            .filter_map(|change| match change {
                ClaimChange::ReleaseSubject(subject) => Some(*subject),
                ClaimChange::Take(..) | ClaimChange::Release(_) => None,
            })
            .collect();
        if released.is_empty() {
            return;
        }
        // What is being read may still say otherwise: it is read again.
        self.loading = None;
        self.book.claims.remove_where(|holder| {
            holder
                .and_then(|holder| holder.subject)
                .is_some_and(|subject| released.contains(&subject))
        });
    }

    /// Takes out of the batch what rests on something affected, and forgets all that is affected.
    fn redecide(&mut self, affected: &mut Affected, again: &mut VecDeque<Entry<M>>) {
        let jobs = std::mem::take(&mut self.jobs);
        let appends = std::mem::take(&mut self.appends);
        for (job, append) in jobs.into_iter().zip(appends) {
            if affected.concerns(&append, &job.claims) {
                affected.add(&append);
                self.release(&job, &append);
                self.bytes = self.bytes.saturating_sub(append.bytes());
                again.push_back(job.entry);
            } else {
                self.jobs.push(job);
                self.appends.push(append);
            }
        }
        for stream in &affected.streams {
            self.book.streams.remove(stream);
        }
        for key in &affected.claims {
            self.book.claims.remove(key);
        }
        if affected.all_claims {
            self.book.claims.remove_where(|_| true);
        }
    }
}

/// Tells metrics of a batch, once for all of it.
fn tell(landed: &[Landed]) {
    let (mut committed, mut duplicates, mut bounced, mut failed) = (0_u64, 0_u64, 0_u64, 0_u64);
    for landed in landed {
        *match landed {
            Ok(Verdict::Committed { .. }) => &mut committed,
            Ok(Verdict::Duplicate(_)) => &mut duplicates,
            Ok(Verdict::Bounced(_)) => &mut bounced,
            Err(_) => &mut failed,
        } += 1;
    }
    let size = u32::try_from(landed.len()).unwrap_or(u32::MAX);
    metrics::histogram!("leadline_batch_appends").record(size);
    let outcomes = [
        ("committed", committed),
        ("duplicate", duplicates),
        ("bounced", bounced),
        ("failed", failed),
    ];
    for (outcome, count) in outcomes.into_iter().filter(|(_, count)| *count > 0) {
        metrics::counter!("leadline_appends_total", "outcome" => outcome).increment(count);
    }
}
