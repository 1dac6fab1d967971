//! Views as folds of hand-made histories: their rows, their two histories, and the documents made of them.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails where it stands"
)]

#[path = "../support/asked.rs"]
mod asked;
mod attribution;
#[path = "../support/events.rs"]
mod events;
mod figures;
mod fold;
#[path = "../support/model.rs"]
mod model;
