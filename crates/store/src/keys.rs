//! Keys that are made ahead of their use, in blocks that are durable before any of them is taken.

use leadline_log::Error;
use leadline_log::clock::IdGen;
use leadline_log::vault::{Key, MintedSubject};
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Subjects minted at once.
pub const BLOCK_SUBJECTS: usize = 1024;
/// Subjects in stock below which the next block is minted.
const STOCK_SUBJECTS_MIN: usize = BLOCK_SUBJECTS / 2;

/// Subjects whose keys are durable and that nobody has taken yet.
#[derive(Default)]
pub(crate) struct Stock {
    subjects: Mutex<VecDeque<MintedSubject>>,
    /// Held by whoever mints a block.
    minting: tokio::sync::Mutex<()>,
}

impl Stock {
    fn subjects(&self) -> MutexGuard<'_, VecDeque<MintedSubject>> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a subject, if there is one, and says whether the stock has just become low.
    pub(crate) fn take(&self) -> (Option<MintedSubject>, bool) {
        let mut subjects = self.subjects();
        let taken = subjects.pop_front();
        (taken, subjects.len() == STOCK_SUBJECTS_MIN - 1)
    }

    /// Makes sure that the stock is not low. Only one block is minted at a time.
    pub(crate) async fn refill(
        &self,
        mint: impl Future<Output = Result<Vec<MintedSubject>, Error>>,
    ) -> Result<(), Error> {
        let _minting = self.minting.lock().await;
        if self.subjects().len() < STOCK_SUBJECTS_MIN {
            let block = mint.await?;
            self.subjects().extend(block);
        }
        Ok(())
    }
}

/// A block of new subjects, which are nowhere yet.
pub(crate) fn block(ids: &dyn IdGen) -> Result<Vec<MintedSubject>, Error> {
    let minted = || Ok(MintedSubject { subject: ids.next(), key: random()? });
    std::iter::repeat_with(minted).take(BLOCK_SUBJECTS).collect()
}

/// A new key.
pub(crate) fn random() -> Result<Key, Error> {
    let mut key = [0; 32];
    getrandom::fill(&mut key)
        .map_err(|source| Error::Unavailable { attempt: "mint a key", source: Box::new(source) })?;
    Ok(Key(key))
}
