//! The reference model keeps its own contract.

use leadline_log::LogBackend;
use leadline_log::clock::{Clock, System};
use leadline_log::memory::MemoryLog;
use std::sync::Arc;

fn make(clock: Arc<dyn Clock>) -> Arc<dyn LogBackend> {
    Arc::new(MemoryLog::new(clock, &System))
}

leadline_log::conformance!(make);
