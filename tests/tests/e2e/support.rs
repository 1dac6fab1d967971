//! What every end-to-end test needs: the binary, a database of its own, a server, an HTTP client, real data.

pub(crate) mod cluster;
pub(crate) mod data;
pub(crate) mod database;
pub(crate) mod engine;
pub(crate) mod feed;
pub(crate) mod http;
pub(crate) mod meeting;
pub(crate) mod nats;
pub(crate) mod place;
pub(crate) mod served;
pub(crate) mod server;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long anything may take that is waited for.
pub(crate) const PATIENCE: Duration = Duration::from_mins(1);

/// The root of the workspace.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// The binary under test.
pub(crate) fn binary() -> PathBuf {
    if let Some(named) = std::env::var_os("LEADLINE_BIN") {
        let path = PathBuf::from(named);
        assert!(path.is_file(), "LEADLINE_BIN names no file: {}", path.display());
        return path;
    }
    let built = ["release", "debug"].map(|profile| root().join("target").join(profile));
    built.iter().map(|folder| folder.join("leadline")).find(|path| path.is_file()).expect(
        "there is no binary to test: build it with `cargo build --release` or name it by LEADLINE_BIN",
    )
}

/// A number from the environment, such as how often to repeat something.
pub(crate) fn number_from_env(name: &str, default: usize) -> usize {
    let Some(text) = std::env::var_os(name) else { return default };
    let text = text.to_str().expect("a number");
    text.parse().unwrap_or_else(|_| panic!("{name} takes a whole number, not `{text}`"))
}

/// Looks until `ready` holds; fails with `what` where it takes longer than anything may.
pub(crate) fn wait_until(what: &str, mut ready: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !ready() {
        assert!(Instant::now() < deadline, "waited too long: {what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// Lets those who work until it is set come to their end, however the test goes.
#[derive(Debug)]
pub(crate) struct Ends<'a>(pub(crate) &'a AtomicBool);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A seeded sequence of numbers, the same on every machine (splitmix64).
#[derive(Clone, Debug)]
pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    /// The next number.
    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which is not zero.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
