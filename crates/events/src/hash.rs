//! Keyed hashes: what may be looked up without being known. All are BLAKE3 under the log's own secret, cut to 128
//! bits; each purpose hashes under a prefix of its own, so that no hash of one serves for another.

use leadline_domain::sealed::Field;
use leadline_log::vault::Key;

/// The hash of a match key's normalised value ([`crate::normalise::match_value`]).
pub fn match_hash(key: &Key, field: Field, normalised: &str) -> [u8; 16] {
    keyed(key, &["leadline match", field.name()], normalised.as_bytes())
}

/// The identity of a command to which a client gave an idempotency key of its own.
pub fn command_hash(key: &Key, client_key: &str) -> [u8; 16] {
    keyed(key, &["leadline command"], client_key.as_bytes())
}

/// The hash of what a command says, by which a repetition is told from another command under the same key.
pub fn payload_hash(key: &Key, payload: &[u8]) -> [u8; 16] {
    keyed(key, &["leadline payload"], payload)
}

fn keyed(key: &Key, purpose: &[&str], bytes: &[u8]) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new_keyed(&key.0);
    for part in purpose {
        hasher.update(part.as_bytes());
        hasher.update(&[0]);
    }
    hasher.update(bytes);
    let mut hash = [0; 16];
    hasher.finalize_xof().fill(&mut hash);
    hash
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn purposes_fields_and_keys_hash_apart() {
        let (one, two) = (Key([1; 32]), Key([2; 32]));
        let hashes = [
            match_hash(&one, Field::Email, "x"),
            match_hash(&one, Field::Phone, "x"),
            match_hash(&two, Field::Email, "x"),
            match_hash(&one, Field::Email, "y"),
            command_hash(&one, "x"),
            command_hash(&two, "x"),
            payload_hash(&one, b"x"),
            payload_hash(&two, b"x"),
        ];
        let distinct: std::collections::BTreeSet<_> = hashes.iter().collect();
        assert_eq!(distinct.len(), hashes.len());
        assert_eq!(match_hash(&one, Field::Email, "x"), hashes[0]);
    }

    /// Claims and command ids in existing logs were made by these functions: they must never change.
    #[test]
    fn hashes_are_frozen() {
        let key = Key([1; 32]);
        let hex = |hash: [u8; 16]| format!("{:032x}", u128::from_be_bytes(hash));
        assert_eq!(
            hex(match_hash(&key, Field::Email, "mia@example.org")),
            "8033a77d61d1e8fe84fd9cd77663f829"
        );
        assert_eq!(hex(command_hash(&key, "order-7")), "f8a360fbe3a300ac68608e0ad9e32bfe");
        assert_eq!(hex(payload_hash(&key, b"{}")), "c29e7c713ca2f957aef08905b952bd84");
    }
}
