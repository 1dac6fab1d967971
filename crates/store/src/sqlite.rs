//! Everything on SQLite files: one for the log, one for the keys, one for the views.

pub mod lock;
pub mod log;
pub mod vault;
pub mod views;
