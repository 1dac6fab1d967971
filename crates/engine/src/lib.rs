//! What runs the rules: commands, authorisation, sealing and unsealing, timers, the projector loop, queries.
//!
//! [`Engine::execute`] is the path of every command: authorise, hash and seal, then, when its turn comes in the
//! committer, resolve, settle what is due, decide, and append under the condition that nothing it read has changed.

pub mod access;
mod claims;
pub mod clocks;
mod draft;
mod drawn;
pub mod engine;
pub mod error;
mod health;
mod history;
mod job;
pub mod migration;
mod model;
mod moment;
mod opening;
mod others;
mod policies;
pub mod prepare;
pub mod projection;
pub mod query;
pub mod record;
mod repeat;
mod resolve;
pub mod role;
mod ship;
mod subjects;
pub mod submission;
pub mod timer;

pub use engine::{Engine, Parts};
pub use error::{Error, Refused};
pub use health::LagMax;
pub use projection::Projections;
pub use role::Role;
pub use submission::{Body, Caller, Happened, Idempotency, Reply, Submission, Target, Through};
