//! The log, the vault and the views in Postgres: the suites that every database passes, and what only Postgres has.
//!
//! `LEADLINE_TEST_POSTGRES` is the URL of a superuser of a scratch server; each test has a database of its own there.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails where it stands"
)]

mod log;
mod migrating;
mod nodes;
mod proxy;
mod scratch;
mod vault;
mod views;
