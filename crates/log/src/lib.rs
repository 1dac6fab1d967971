//! The event log as a contract, and what runs on top of any backend that keeps it.
//!
//! The log knows streams, claims and bytes, and nothing of leads. [`backend::LogBackend`] is the port that a database
//! implements; [`memory::MemoryLog`] is the reference model that says what the words mean; [`mod@conformance`] is the
//! suite that both must pass. [`committer::Committer`] groups commands into commits, [`tailer::Tailer`] reads the
//! log forward once and wakes whoever follows it.

pub mod backend;
pub mod clock;
pub mod committer;
pub mod conformance;
pub mod delivery;
pub mod memory;
pub mod place;
pub mod tailer;
pub mod types;
pub mod vault;

pub use backend::{Error, LogBackend};
pub use place::{Misfit, Place};
pub use types::{Append, ClaimChange, ClaimKey, NewEvent, Position, Recorded, StreamKey, Verdict};
