//! Views in Postgres pass the suite of all databases.

#[path = "../suites/views.rs"]
mod suite;

use crate::scratch::Scratch;
use leadline_store::postgres::views::PostgresViews;
use leadline_views::ViewStore;
use std::sync::Arc;

/// A database that goes with the test.
struct Place(Scratch);

impl Place {
    async fn new() -> Self {
        Self(Scratch::new().await)
    }

    async fn store(&self) -> Arc<dyn ViewStore> {
        Arc::new(PostgresViews::open(&self.0.database().await))
    }
}
