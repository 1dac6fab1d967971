//! The rules of a lead's life, from capture to won or lost.
//!
//! Everything here is pure: no clock, no randomness, no IO, no serialisation. Time, identities, policies and
//! streams are arguments, so that a decision taken twice on the same inputs is the same decision.
//! Personal data enters only as [`Sealed`] envelopes, which this crate copies and never opens.
#![deny(clippy::float_arithmetic)]

pub mod account;
pub mod actor;
pub mod attribution;
pub mod calendar;
pub mod campaign;
pub mod config;
pub mod contact;
mod decide;
pub mod decision;
pub mod forecast;
pub mod funnel;
pub mod id;
pub mod lead;
pub mod money;
pub mod opportunity;
pub mod percentile;
pub mod policy;
pub mod refusal;
pub mod register;
pub mod sealed;
pub mod stream;
pub mod subject;
pub mod time;

pub use decide::CLOCK_SKEW_MAX_MILLIS;
pub use decision::{Command, Context, Decider, Decision, Event, Inputs, Leadline, State};
pub use refusal::Refusal;
pub use sealed::Sealed;
pub use stream::StreamId;
pub use time::Timestamp;
