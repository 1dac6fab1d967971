//! The built binary, end to end: its command line, its server, its crashes.
//!
//! `LEADLINE_BIN` names the binary; where it is absent, the one in the workspace's `target` folder is taken.
//! `LEADLINE_SHARED` names the folder of real data; its tests say that they were skipped where it is missing.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod support;

mod api;
mod captures;
mod clocks_apart;
mod command_line;
mod deadlines;
mod doctor;
mod erasure;
mod forged;
mod import_resume;
mod keys_and_roles;
mod kill_loop;
mod limits;
mod lost_files;
mod oracle_bpi;
mod oracle_maven;
mod oracle_mta;
mod oracle_olist;
mod races;
mod readiness;
mod rebuild;
mod refusals;
mod restored;
mod scaled;
mod scaled_cache;
mod scaled_faults;
mod scaled_hot;
