//! The log, the vault and the views on a database.

pub mod facts;
mod generations;
pub mod keys;
mod names;
pub mod postgres;
pub mod sqlite;
