//! The stored form of everything that the log holds: names and versions of events, their JSON, the envelope beside
//! them, personal data sealed under its subject's key, keyed hashes, and policies as documents.
//!
//! The domain knows nothing of any of this, and the log sees only bytes. What is written here is read for ever:
//! golden files hold one full and one minimal example of every type and version.

pub mod codec;
pub mod hash;
pub mod meta;
pub mod normalise;
pub mod personal;
pub mod policy_json;
pub mod record;
pub mod seal;
mod stored;
pub mod stream;
pub mod upcast;

pub use codec::{Decoded, Encoded, Error, decode, encode};
pub use meta::{Meta, StoredMeta, StoredTrigger, Trigger};
pub use personal::PersonalFields;
pub use record::Record;
pub use stream::{parse_stream, stream_key, stream_of};
