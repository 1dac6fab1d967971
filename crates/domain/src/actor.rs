//! Who acts.

/// What kind of actor a command or event names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ActorKind {
    /// A human being.
    Person,
    /// Another system, by its key.
    Service,
    /// An import of history, on behalf of the actor that the history names.
    Migration,
    /// leadline itself: timers and shipped policies.
    System,
}

impl ActorKind {
    /// The kind's name in envelopes and replies.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Service => "service",
            Self::Migration => "migration",
            Self::System => "system",
        }
    }

    /// The kind of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Person, Self::Service, Self::Migration, Self::System]
            .into_iter()
            .find(|kind| kind.name() == name)
    }
}

/// The one named actor of a command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Actor {
    /// What it is.
    pub kind: ActorKind,
    /// Its business name: a user, a service, an importer.
    pub id: String,
    /// The person for whom it acts, where that is another.
    pub on_behalf_of: Option<String>,
}

impl Actor {
    /// Whoever answers for the deed: the person acted for, else the actor itself. `None` for the system and for
    /// an import that names nobody.
    pub fn person(&self) -> Option<&str> {
        match (self.kind, &self.on_behalf_of) {
            (_, Some(person)) => Some(person),
            (ActorKind::Person | ActorKind::Service, None) => Some(&self.id),
            (ActorKind::Migration | ActorKind::System, None) => None,
        }
    }
}
