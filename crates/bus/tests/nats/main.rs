//! The bus on a real server, which every test starts for itself: `nats-server` of the path, or what
//! `LEADLINE_TEST_NATS_SERVER` names.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod consuming;
mod disasters;
mod example;
mod heads;
mod inbox;
mod publishing;
mod server;
mod world;
