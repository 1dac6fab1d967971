//! Read models: pure folds of the log, kept as two histories of rows, and the questions asked of them.
//!
//! A view is a [`View`]: a key, a small state folded from that key's events, and the rows that the state shows.
//! [`Projector`] folds pages of events into every view and commits rows and checkpoints in one transaction of a
//! [`ViewStore`]. [`query`](query::query) answers from the rows that were valid at an instant or a position.
#![deny(clippy::float_arithmetic)]

pub mod attribution;
pub mod conversion;
pub mod event;
pub mod fold;
pub mod funnel;
pub mod journey;
pub mod lead;
pub mod pipeline;
pub mod projector;
pub mod query;
pub mod sla;
pub mod store;
mod table;
pub mod timeline;

pub use event::{Page, ViewEvent};
pub use fold::{Changed, Folding, View};
pub use projector::{History, Projector, Rebuild};
pub use query::{Request, query};
pub use store::{AsOf, Axis, Checkpoint, ViewStore};

/// The names of every view, in the order in which they are listed.
pub const NAMES: [&str; 7] = [
    lead::NAME,
    timeline::NAME,
    pipeline::NAME,
    sla::NAME,
    attribution::NAME,
    conversion::NAME,
    funnel::NAME,
];

/// A fold of the view of this name with nothing folded yet; `None` for an unknown name.
pub fn folding(name: &str) -> Option<Box<dyn Folding>> {
    Some(match name {
        lead::NAME => Box::new(fold::Folder::<lead::Leads>::default()),
        timeline::NAME => Box::new(timeline::Timeline::default()),
        pipeline::NAME => Box::new(fold::Folder::<pipeline::Pipeline>::default()),
        sla::NAME => Box::new(fold::Folder::<sla::Sla>::default()),
        attribution::NAME => Box::new(fold::Folder::<attribution::Attribution>::default()),
        conversion::NAME => Box::new(fold::Folder::<conversion::Conversion>::default()),
        funnel::NAME => Box::new(fold::Folder::<funnel::Funnel>::default()),
        _ => return None,
    })
}
