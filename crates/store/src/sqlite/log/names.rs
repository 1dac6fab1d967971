//! The dictionary of category and type names, shared by the writer and the readers.

use leadline_log::types::Category;
use rusqlite::Connection;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

/// Names and their codes. Holds only what is committed; the writer adds names before it writes events that use them.
#[derive(Debug, Default)]
pub(super) struct Names {
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    codes: HashMap<String, i64>,
    names: HashMap<i64, String>,
}

impl Names {
    pub(super) fn load(connection: &Connection) -> rusqlite::Result<Self> {
        let names = Self::default();
        let mut statement = connection.prepare("SELECT code, name FROM name")?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            names.learn(row.get(0)?, row.get(1)?);
        }
        Ok(names)
    }

    fn learn(&self, code: i64, name: String) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.names.insert(code, name.clone());
        known.codes.insert(name, code);
    }

    pub(super) fn code(&self, name: &str) -> Option<i64> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).codes.get(name).copied()
    }

    pub(super) fn name(&self, code: i64) -> Option<String> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).names.get(&code).cloned()
    }

    pub(super) fn category(&self, code: i64) -> Option<Category> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.names.get(&code).and_then(|name| Category::parse(name))
    }

    /// Stores those of `wanted` that are not known yet, in a transaction of their own.
    pub(super) fn add<'n>(
        &self,
        connection: &Connection,
        wanted: impl Iterator<Item = &'n str>,
    ) -> rusqlite::Result<()> {
        let mut unknown: Vec<&str> = wanted.filter(|name| self.code(name).is_none()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        unknown.sort_unstable();
        unknown.dedup();
        let transaction = rusqlite::Transaction::new_unchecked(
            connection,
            rusqlite::TransactionBehavior::Immediate,
        )?;
        let mut added = Vec::with_capacity(unknown.len());
        for name in unknown {
            transaction.execute("INSERT INTO name (name) VALUES (?1)", [name])?;
            added.push((transaction.last_insert_rowid(), name));
        }
        transaction.commit()?;
        for (code, name) in added {
            self.learn(code, name.to_owned());
        }
        Ok(())
    }
}
