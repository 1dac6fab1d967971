//! Personal data under its subject's key.
//!
//! An envelope is `version byte | nonce, 24 bytes | ciphertext and tag` of XChaCha20-Poly1305. The log, the subject,
//! the name of the field and the nonce are authenticated with it, so that an envelope cut out and pasted under
//! another subject, field or log does not open. The random nonce is also the identity of the sealing: data is sealed
//! once, and later events copy the envelope.

use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};
use leadline_log::vault::Key;
use std::cell::RefCell;
use thiserror::Error;
use uuid::Uuid;
use zeroize::Zeroizing;

/// Length of a nonce, in bytes.
pub const NONCE_BYTES: usize = 24;
/// Most personal data of one envelope, in bytes: in base64 it still fits an event beside everything else.
pub const PLAIN_BYTES_MAX: usize = 32_768;
/// The field name of a person's details.
pub const PERSON: &str = "person";
/// The field name of a note.
pub const NOTE: &str = "note";
/// The field name of an account's details.
pub const COMPANY: &str = "company";

/// The layout and algorithm described above.
const VERSION: u8 = 1;
const TAG_BYTES: usize = 16;
/// Random bytes taken from the system at once.
const NONCES_BYTES: usize = 4096;

/// Why data could not be sealed or opened. Says nothing of the data.
#[derive(Debug, Error)]
pub enum Error {
    /// There is more than one envelope holds.
    #[error(
        "{bytes} bytes of personal data are too many for one envelope; at most {PLAIN_BYTES_MAX} are"
    )]
    TooLong {
        /// How many.
        bytes: usize,
    },
    /// The cipher refused to seal.
    #[error("could not seal personal data")]
    Seal,
    /// The envelope is of another layout, or cut short.
    #[error("the envelope is not of a known layout")]
    Layout,
    /// The envelope was sealed under another key or for another place, or was changed since.
    #[error("the envelope does not open here")]
    Open,
    /// The system has no random numbers.
    #[error("could not take random numbers from the system")]
    Random(#[source] getrandom::Error),
}

/// Seals `plain` under the key of `subject`, for the field `field` ([`PERSON`], [`NOTE`] or [`COMPANY`]) of this log.
/// `nonce` must never have been used: take it from [`nonce`].
///
/// # Errors
/// There are more than [`PLAIN_BYTES_MAX`] bytes.
pub fn seal(
    key: &Key,
    log: Uuid,
    subject: Uuid,
    field: &str,
    plain: &[u8],
    nonce: [u8; NONCE_BYTES],
) -> Result<Vec<u8>, Error> {
    if plain.len() > PLAIN_BYTES_MAX {
        return Err(Error::TooLong { bytes: plain.len() });
    }
    // Of its final size at once: a buffer that grows would leave copies of the data behind.
    let mut envelope = Vec::with_capacity(1 + NONCE_BYTES + TAG_BYTES + plain.len());
    envelope.push(VERSION);
    envelope.extend_from_slice(&nonce);
    envelope.extend_from_slice(plain);
    let text = envelope.get_mut(1 + NONCE_BYTES..).ok_or(Error::Seal)?;
    let tag = cipher(key)
        .encrypt_inout_detached(
            &XNonce::from(nonce),
            &place(log, subject, field, &nonce),
            text.into(),
        )
        .map_err(|_| Error::Seal)?;
    envelope.extend_from_slice(&tag);
    Ok(envelope)
}

/// Opens an envelope that was sealed for this very place. What it returns is wiped when it is dropped.
///
/// # Errors
/// The envelope is of no known layout, was sealed under another key or for another log, subject or field, or was
/// changed since.
pub fn open(
    key: &Key,
    log: Uuid,
    subject: Uuid,
    field: &str,
    envelope: &[u8],
) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (&[version], rest) = envelope.split_first_chunk::<1>().ok_or(Error::Layout)?;
    if version != VERSION {
        return Err(Error::Layout);
    }
    let (nonce, rest) = rest.split_first_chunk::<NONCE_BYTES>().ok_or(Error::Layout)?;
    let (text, tag) = rest.split_last_chunk::<TAG_BYTES>().ok_or(Error::Layout)?;
    let mut plain = Zeroizing::new(text.to_vec());
    cipher(key)
        .decrypt_inout_detached(
            &XNonce::from(*nonce),
            &place(log, subject, field, nonce),
            plain.as_mut_slice().into(),
            &Tag::from(*tag),
        )
        .map_err(|_| Error::Open)?;
    Ok(plain)
}

fn cipher(key: &Key) -> XChaCha20Poly1305 {
    XChaCha20Poly1305::new(&key.0.into())
}

/// Where an envelope belongs. All parts but the last have a fixed length, so no two places read the same.
fn place(log: Uuid, subject: Uuid, field: &str, nonce: &[u8; NONCE_BYTES]) -> Vec<u8> {
    let mut place = Vec::with_capacity(1 + 16 + 16 + NONCE_BYTES + field.len());
    place.push(VERSION);
    place.extend_from_slice(log.as_bytes());
    place.extend_from_slice(subject.as_bytes());
    place.extend_from_slice(nonce);
    place.extend_from_slice(field.as_bytes());
    place
}

/// Random nonces, taken from the system in blocks.
#[derive(Default)]
pub struct Nonces {
    block: Vec<u8>,
}

impl Nonces {
    /// A nonce that has never been. With 192 random bits, two alike are not to be expected.
    ///
    /// # Errors
    /// The system has no random numbers.
    pub fn take(&mut self) -> Result<[u8; NONCE_BYTES], Error> {
        if self.block.len() < NONCE_BYTES {
            self.block.resize(NONCES_BYTES, 0);
            if let Err(error) = getrandom::fill(&mut self.block) {
                self.block.clear();
                return Err(Error::Random(error));
            }
        }
        let mut nonce = [0; NONCE_BYTES];
        for byte in &mut nonce {
            *byte = self.block.pop().unwrap_or_default();
        }
        Ok(nonce)
    }
}

impl std::fmt::Debug for Nonces {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Nonces(..)")
    }
}

/// A nonce from this thread's block of random numbers.
///
/// # Errors
/// The system has no random numbers.
pub fn nonce() -> Result<[u8; NONCE_BYTES], Error> {
    thread_local! {
        static NONCES: RefCell<Nonces> = RefCell::default();
    }
    NONCES.with_borrow_mut(Nonces::take)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: Key = Key([7; 32]);
    const LOG: Uuid = Uuid::from_u128(1);
    const MIA: Uuid = Uuid::from_u128(2);
    const PLAIN: &[u8] = br#"{"email":"mia@example.org"}"#;

    fn sealed() -> Vec<u8> {
        seal(&KEY, LOG, MIA, PERSON, PLAIN, [9; NONCE_BYTES]).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_in_its_place() {
        let envelope = sealed();
        assert_eq!(envelope.len(), 1 + NONCE_BYTES + PLAIN.len() + TAG_BYTES);
        assert!(!envelope.windows(3).any(|three| three == b"mia"));
        assert_eq!(*open(&KEY, LOG, MIA, PERSON, &envelope).unwrap(), PLAIN);
        let nothing = seal(&KEY, LOG, MIA, NOTE, b"", [1; NONCE_BYTES]).unwrap();
        assert_eq!(*open(&KEY, LOG, MIA, NOTE, &nothing).unwrap(), b"");
    }

    #[test]
    fn an_envelope_moved_to_another_place_does_not_open() {
        let envelope = sealed();
        let other = Uuid::from_u128(3);
        for (key, log, subject, field) in [
            (&Key([8; 32]), LOG, MIA, PERSON),
            (&KEY, other, MIA, PERSON),
            (&KEY, LOG, other, PERSON),
            (&KEY, LOG, MIA, NOTE),
            (&KEY, MIA, LOG, PERSON),
        ] {
            assert!(matches!(open(key, log, subject, field, &envelope), Err(Error::Open)));
        }
    }

    #[test]
    fn an_envelope_changed_in_any_byte_does_not_open() {
        for index in 0..sealed().len() {
            let mut envelope = sealed();
            envelope[index] ^= 1;
            assert!(open(&KEY, LOG, MIA, PERSON, &envelope).is_err(), "byte {index}");
        }
        for length in 0..sealed().len() {
            assert!(open(&KEY, LOG, MIA, PERSON, &sealed()[..length]).is_err(), "{length} bytes");
        }
    }

    #[test]
    fn an_envelope_has_a_limit() {
        let long = vec![b'x'; PLAIN_BYTES_MAX + 1];
        assert!(seal(&KEY, LOG, MIA, NOTE, &long[1..], [0; NONCE_BYTES]).is_ok());
        assert!(matches!(
            seal(&KEY, LOG, MIA, NOTE, &long, [0; NONCE_BYTES]),
            Err(Error::TooLong { .. })
        ));
    }

    #[test]
    fn nonces_do_not_repeat() {
        let nonces: std::collections::BTreeSet<_> = (0..10_000).map(|_| nonce().unwrap()).collect();
        assert_eq!(nonces.len(), 10_000);
    }
}
