//! Views in an SQLite file pass the suite of all databases.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails where it stands")]

#[path = "suites/views.rs"]
mod suite;

use leadline_store::sqlite::views::SqliteViews;
use leadline_views::ViewStore;
use std::future::ready;
use std::sync::Arc;

/// A folder that goes with the test.
struct Place(tempfile::TempDir);

impl Place {
    fn new() -> impl Future<Output = Self> {
        ready(Self(tempfile::tempdir().unwrap()))
    }

    fn store(&self) -> impl Future<Output = Arc<dyn ViewStore>> {
        let store: Arc<dyn ViewStore> =
            Arc::new(SqliteViews::open(&self.0.path().join("views.db")).unwrap());
        ready(store)
    }
}
