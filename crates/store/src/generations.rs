//! The generations of a view and the names of their tables, which every database has alike.

use leadline_log::Position;
use leadline_views::store::{Commit, Error, Generation};

/// The tables of one generation.
#[derive(Clone, Debug)]
pub(crate) struct Tables {
    pub(crate) view: String,
    pub(crate) number: i64,
    pub(crate) by_time: String,
    pub(crate) by_position: String,
    pub(crate) current: String,
    pub(crate) state: String,
}

impl Tables {
    /// The tables of this number, in a schema whose name and dot are the prefix.
    pub(crate) fn of(prefix: &str, view: &str, number: i64) -> Self {
        let table = |name: &str| format!("{prefix}{view}_{number}_{name}");
        Self {
            view: view.to_owned(),
            number,
            by_time: table("by_time"),
            by_position: table("by_position"),
            current: table("current"),
            state: table("state"),
        }
    }

    /// The number, as checkpoints have it.
    pub(crate) const fn build(&self) -> u64 {
        self.number.cast_unsigned()
    }

    /// Whether a commit is the first one to these tables.
    pub(crate) fn begin_with(&self, commit: &Commit) -> bool {
        let from = commit.from;
        from.position == Position::START && (from.build == 0 || from.build == self.build())
    }

    /// The same, where there is a number.
    pub(crate) fn numbered(prefix: &str, view: &str, number: Option<i64>) -> Option<Self> {
        number.map(|number| Self::of(prefix, view, number))
    }
}

/// The generations of a view, by their numbers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Generations {
    pub(crate) last: i64,
    pub(crate) live: Option<i64>,
    pub(crate) former: Option<i64>,
    pub(crate) next: Option<i64>,
}

impl Generations {
    pub(crate) const fn number(&self, generation: Generation) -> Option<i64> {
        match generation {
            Generation::Live => self.live,
            Generation::Next => self.next,
        }
    }
}

/// Names of views are parts of names of tables, so they are lower-case letters only.
pub(crate) fn check(view: &str) -> Result<(), Error> {
    let good = !view.is_empty() && view.len() <= 32 && view.bytes().all(|b| b.is_ascii_lowercase());
    let unbuilt = || Error::Unbuilt { view: view.chars().take(64).collect() };
    good.then_some(()).ok_or_else(unbuilt)
}
