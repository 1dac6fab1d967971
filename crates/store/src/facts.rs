//! What a database says of itself to whoever only looks.

use leadline_log::types::LogIdentity;
use leadline_log::{Misfit, Place, Position};

/// A log and the views beside it.
#[derive(Clone, Debug)]
pub struct Facts {
    /// Which log it is.
    pub log: LogIdentity,
    /// Where it ends.
    pub head: Position,
    /// When its last event was recorded, in milliseconds; nothing where it has none.
    pub last_recorded_at: Option<i64>,
    /// The views that answer.
    pub views: Vec<View>,
}

/// A view that answers.
#[derive(Clone, Debug)]
pub struct View {
    /// Its name.
    pub name: String,
    /// Up to where it reflects which log.
    pub place: Place,
    /// Why that is no place of this log, where it is none.
    pub misfit: Option<Misfit>,
}

impl Facts {
    /// Judges a view by the id of the log's event at its position, where there is one.
    pub(crate) fn add(&mut self, name: String, place: Place, there: Option<uuid::Uuid>) {
        let (position, head) = (place.position, self.head);
        let misfit = place.check_identity(self.log).err().or(match there {
            _ if position == Position::START => None,
            Some(event) if event == place.event => None,
            Some(_) => Some(Misfit::OtherPast { position }),
            None => Some(Misfit::Beyond { position, head }),
        });
        self.views.push(View { name, place, misfit });
    }
}
