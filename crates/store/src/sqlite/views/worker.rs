//! A thread with a connection of its own, which does one job after the other.

use leadline_views::store::Error;
use rusqlite::Connection;
use std::thread::JoinHandle;
use tokio::sync::{mpsc, oneshot};

/// Most jobs that wait for one connection; whoever asks next waits for room.
const WAITING_MAX: usize = 64;

type Job = Box<dyn FnOnce(&mut Connection) + Send>;

/// A connection and its thread.
#[derive(Debug)]
pub(super) struct Worker {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Worker {
    pub(super) fn start(name: &str, mut connection: Connection) -> Result<Self, Error> {
        let (jobs, mut queue) = mpsc::channel::<Job>(WAITING_MAX);
        let work = move || {
            while let Some(job) = queue.blocking_recv() {
                job(&mut connection);
            }
        };
        let failed = |source| Error::Unavailable {
            attempt: "start a thread",
            source: Box::<dyn std::error::Error + Send + Sync>::from(source),
        };
        let thread: std::io::Result<_> =
            std::thread::Builder::new().name(name.to_owned()).spawn(work);
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread.map_err(|error| failed(Box::new(error)))?),
        })
    }

    /// Has a job done, and waits for its result.
    pub(super) async fn ask<T, F>(&self, job: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: FnOnce(&mut Connection) -> Result<T, Error> + Send + 'static,
    {
        let (reply, answer) = oneshot::channel();
        let job = Box::new(move |connection: &mut Connection| {
            // Whoever asked may have gone.
            drop(reply.send(job(connection)));
        });
        let gone = || Error::Unavailable {
            attempt: "reach the thread of a connection",
            source: "it has ended".into(),
        };
        let jobs = self.jobs.as_ref().ok_or_else(gone)?;
        jobs.send(job).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("A thread of the store of views has panicked");
        }
    }
}
