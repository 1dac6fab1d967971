//! The log in Postgres keeps the contract.

use crate::scratch::Scratch;
use leadline_log::backend::{Error, LogBackend};
use leadline_log::clock::{Clock, System};
use leadline_log::types::{
    Append, ClaimHolder, ClaimKey, CommandRecord, LogIdentity, Page, Position, Read, Recorded,
    StreamKey, Verdict,
};
use leadline_store::postgres::log::PostgresLog;
use std::sync::Arc;
use tokio::runtime::Handle;

fn make(clock: Arc<dyn Clock>) -> Arc<dyn LogBackend> {
    let made = async {
        let scratch = Scratch::new().await;
        let log = PostgresLog::open(&scratch.database().await, Some(clock), &System).await.unwrap();
        Arc::new(Kept { log, _scratch: scratch })
    };
    tokio::task::block_in_place(|| Handle::current().block_on(made))
}

leadline_log::conformance!(make);

/// A log whose database goes with it.
#[derive(Debug)]
struct Kept {
    log: PostgresLog,
    _scratch: Scratch,
}

#[async_trait::async_trait]
impl LogBackend for Kept {
    fn identity(&self) -> LogIdentity {
        self.log.identity()
    }
    async fn append(&self, batch: Arc<[Append]>) -> Result<Vec<Verdict>, Error> {
        self.log.append(batch).await
    }
    async fn read(&self, read: Read) -> Result<Page, Error> {
        self.log.read(read).await
    }
    async fn streams(&self, streams: &[StreamKey]) -> Result<Vec<Vec<Recorded>>, Error> {
        self.log.streams(streams).await
    }
    async fn claims(&self, keys: &[ClaimKey]) -> Result<Vec<Option<ClaimHolder>>, Error> {
        self.log.claims(keys).await
    }
    async fn commands(&self, ids: &[[u8; 16]]) -> Result<Vec<Option<CommandRecord>>, Error> {
        self.log.commands(ids).await
    }
    async fn head(&self) -> Result<Position, Error> {
        self.log.head().await
    }
    async fn hold(&self) -> Result<(), Error> {
        self.log.hold().await
    }
    async fn release(&self) {
        self.log.release().await;
    }
}
