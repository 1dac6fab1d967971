//! The stored events of the configuration.

use super::stored_events;
use leadline_domain::config::{Catalogue, Event};
use leadline_domain::policy::PolicyRef;
use leadline_domain::time::Timestamp;

stored_events! {
    fields {
        "config.policy_activated" 1 PolicyActivatedV1 = PolicyActivated {
            reference: PolicyRef, effective_from: Timestamp;
        }
        "config.name_registered" 1 NameRegisteredV1 = NameRegistered {
            catalogue: Catalogue, name: String;
        }
        "config.key_created" 1 KeyCreatedV1 = KeyCreated {
            key: String, label: String, role: String, digest: String;
        }
        "config.key_revoked" 1 KeyRevokedV1 = KeyRevoked { key: String; }
    }
    whole {}
    by {
        "config.policy_published" 1 publication = PolicyPublished { reference, document, source }
    }
}

/// A published policy is stored as the text that its reference is a hash of; the policy is read from it again.
mod publication {
    use crate::policy_json;
    use crate::stored::{Malformed, Stored, stored_form};
    use leadline_domain::config::Event;
    use leadline_domain::policy::{Document, PolicyRef};
    use std::marker::PhantomData;

    stored_form!(PolicyPublishedV1 { reference: PolicyRef, source: String; });

    /// The stored form. The document is left out: the source says it.
    pub(super) fn form<'a>(
        reference: &'a PolicyRef,
        _document: &Document,
        source: &'a String,
    ) -> PolicyPublishedV1<'a> {
        PolicyPublishedV1 {
            reference: Stored::form(reference),
            source: Stored::form(source),
            borrowed: PhantomData,
        }
    }

    /// The event, if the source is the one that the reference names.
    pub(super) fn read(data: &[u8]) -> Result<Event, Malformed> {
        let PolicyPublishedV1 { reference, source, borrowed: _ } = serde_json::from_slice(data)?;
        let policy = policy_json::parse(source.as_bytes())
            .map_err(|error| Malformed::Policy(Box::new(error)))?;
        if *policy.reference.0 != *reference {
            return Err(Malformed::Value("a policy's reference is not of its source"));
        }
        Ok(Event::PolicyPublished {
            reference: policy.reference,
            document: Box::new(policy.document),
            source: policy.source,
        })
    }
}
