//! The log, the vault and the views on a database.

pub mod sqlite;
