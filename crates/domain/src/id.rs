//! One newtype per identity. All are 128 bits, time-ordered where leadline mints them.

use uuid::Uuid;

macro_rules! identity {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub Uuid);

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(formatter)
            }
        }
    )*};
}

identity! {
    /// One lead, for its whole life.
    LeadId;
    /// A company that is a customer or might become one.
    AccountId;
    /// A person at an account.
    ContactId;
    /// A possible sale.
    OpportunityId;
    /// A marketing campaign; derived from its key, which is a business name and no personal data.
    CampaignId;
    /// A person whose data is sealed: the name of their key in the vault.
    SubjectId;
    /// One command, ever: minted in time order, or the keyed hash of the client's own idempotency key.
    CommandId;
    /// One touch.
    TouchId;
    /// One running of an import file: derived from the file's hash.
    ImportId;
}

/// The namespace of campaign ids.
const CAMPAIGNS: Uuid = Uuid::from_u128(0x6c65_6164_6c69_6e65_2d63_616d_7061_6967);

impl CampaignId {
    /// The campaign of this key. The same key is the same campaign on every machine.
    pub fn of(key: &str) -> Self {
        Self(Uuid::new_v5(&CAMPAIGNS, key.as_bytes()))
    }
}

/// The `counter`-th identity that a command mints at `now`: time-ordered (the layout of a version 7 UUID), and
/// the same each time that the command is decided with the same `now`.
pub fn derive(command: CommandId, now: crate::Timestamp, counter: u16) -> Uuid {
    const RANDOM_BITS: u128 = (1 << 74) - 1;
    // Odd, so that counters never collide; large, so that neighbours differ in many bits.
    const STEP: u128 = 0x9E37_79B9_7F4A_7C15_F39D;
    let random =
        command.0.as_u128().wrapping_add(u128::from(counter).wrapping_mul(STEP)) & RANDOM_BITS;
    let milliseconds = u128::from(now.millis().max(0).unsigned_abs()) & ((1 << 48) - 1);
    let (high, low) = (random >> 62, random & ((1 << 62) - 1));
    Uuid::from_u128(milliseconds << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;

    #[test]
    fn derived_ids_are_stable_distinct_and_time_ordered() {
        let command = CommandId(Uuid::from_u128(0x0123_4567_89ab_cdef_0123_4567_89ab_cdef));
        let now = Timestamp::parse("2026-01-31T09:00:00Z").unwrap();
        let ids: Vec<Uuid> = (0..1000).map(|counter| derive(command, now, counter)).collect();
        assert_eq!(ids[7], derive(command, now, 7));
        let distinct: std::collections::BTreeSet<_> = ids.iter().collect();
        assert_eq!(distinct.len(), 1000);
        assert!(ids.iter().all(|id| id.get_version_num() == 7));
        assert!(derive(command, now.plus_millis(1), 0) > *distinct.into_iter().max().unwrap());
    }
}
