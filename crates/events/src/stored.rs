//! How the domain's values look in stored JSON, and the tables of stored events built from them.
//!
//! Every stored event has a struct of its own, named after its version. The struct is frozen: what has been written
//! must be readable for ever, so a change of form is a new version and an upcaster, never an edit.
//! A table ([`stored_events`]) names the fields of each event once; encoding and decoding both follow from it, and a
//! new event or field of the domain does not compile until its table knows it.

pub(crate) mod account;
pub(crate) mod campaign;
pub(crate) mod config;
pub(crate) mod contact;
pub(crate) mod lead;
pub(crate) mod opportunity;
pub(crate) mod subject;
pub(crate) mod value;

use crate::codec::Encoded;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// Why stored bytes are not what their type says.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Malformed {
    /// Not JSON of the stored form.
    #[error("not of the stored form")]
    Json(#[from] serde_json::Error),
    /// A value that the domain does not admit.
    #[error("{0}")]
    Value(&'static str),
    /// A policy document that does not match its reference.
    #[error("the policy document is not the one that its reference names")]
    Policy(#[source] Box<crate::policy_json::Error>),
}

/// A value of the domain and the form in which it is stored.
pub(crate) trait Stored: Sized {
    /// The stored form: borrows from the domain when written, owns when read.
    type Form<'a>: Serialize + for<'de> Deserialize<'de>
    where
        Self: 'a;

    /// The form of this value.
    fn form(&self) -> Self::Form<'_>;

    /// The value of this form.
    fn read(form: Self::Form<'_>) -> Result<Self, Malformed>;
}

/// The form in which `T` is stored.
pub(crate) type Form<'a, T> = <T as Stored>::Form<'a>;

/// Room for most events without growing: an envelope of personal data in base64 and a few names.
const DATA_BYTES_USUAL: usize = 512;

/// JSON of `form`.
pub(crate) fn json<F: Serialize>(form: &F) -> Vec<u8> {
    let mut data = Vec::with_capacity(DATA_BYTES_USUAL);
    write_json(form, &mut data);
    data
}

/// Appends the JSON of `form`.
#[expect(
    clippy::expect_used,
    reason = "stored forms have text keys and no fallible serialiser, and memory does not refuse a write"
)]
pub(crate) fn write_json<F: Serialize>(form: &F, data: &mut Vec<u8>) {
    serde_json::to_writer(data, form).expect("a stored form is always serialisable");
}

/// The stored event of this form.
pub(crate) fn encoded<F: Serialize>(
    event_type: &'static str,
    schema_version: u16,
    form: &F,
) -> Encoded {
    Encoded { event_type, schema_version, data: Bytes::from(json(form)) }
}

/// Declares the struct of a stored form: the required fields, then those that are left out where there is nothing.
macro_rules! stored_form {
    ($form:ident { $($field:ident: $type:ty),* ; $($(#[$attribute:meta])* $optional:ident: $maybe:ty),* }) => {
        #[derive(serde::Serialize, serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $form<'a> {
            $(pub(crate) $field: $crate::stored::Form<'a, $type>,)*
            $(
                #[serde(skip_serializing_if = "Option::is_none")]
                $(#[$attribute])*
                pub(crate) $optional: $crate::stored::Form<'a, $maybe>,
            )*
            #[serde(skip)]
            borrowed: std::marker::PhantomData<&'a ()>,
        }
    };
}

/// Declares the stored form of a struct of the domain, field by field under the same names.
macro_rules! stored_struct {
    ($form:ident = $domain:ident { $($field:ident: $type:ty),* ; $($(#[$attribute:meta])* $optional:ident: $maybe:ty),* }) => {
        $crate::stored::stored_form!($form { $($field: $type),* ; $($(#[$attribute])* $optional: $maybe),* });

        impl $crate::stored::Stored for $domain {
            type Form<'a> = $form<'a>;

            fn form(&self) -> $form<'_> {
                let Self { $($field,)* $($optional,)* } = self;
                $form {
                    $($field: $crate::stored::Stored::form($field),)*
                    $($optional: $crate::stored::Stored::form($optional),)*
                    borrowed: std::marker::PhantomData,
                }
            }

            fn read(form: $form<'_>) -> Result<Self, $crate::stored::Malformed> {
                Ok(Self {
                    $($field: $crate::stored::Stored::read(form.$field)?,)*
                    $($optional: $crate::stored::Stored::read(form.$optional)?,)*
                })
            }
        }
    };
}

/// Declares the stored events of one aggregate, whose `Event` must be in scope.
///
/// `fields` are events stored field by field: `"type" version FormName = Variant { required; optional }`.
/// `whole` are events whose one payload has a stored form of its own. `by` are events whose fields depend on each
/// other: a module writes them (`form`) and reads them (`read`).
macro_rules! stored_events {
    (
        fields { $($name:literal $version:literal $form:ident = $variant:ident {
            $($field:ident: $type:ty),* ; $($(#[$attribute:meta])* $optional:ident: $maybe:ty),*
        })* }
        whole { $($whole_name:literal $whole_version:literal = $whole:ident($payload:ty))* }
        by { $($own_name:literal $own_version:literal $module:ident = $own:ident {
            $($part:ident),*
        })* }
    ) => {
        $($crate::stored::stored_form!($form { $($field: $type),* ; $($(#[$attribute])* $optional: $maybe),* });)*

        /// The types of this aggregate with their current versions.
        pub(crate) const TYPES: &[(&str, u16)] =
            &[$(($name, $version),)* $(($whole_name, $whole_version),)* $(($own_name, $own_version),)*];

        /// The event in its stored form.
        pub(crate) fn encode(event: &Event) -> $crate::codec::Encoded {
            match event {
                $(Event::$variant { $($field,)* $($optional,)* } => {
                    $crate::stored::encoded($name, $version, &$form {
                        $($field: $crate::stored::Stored::form($field),)*
                        $($optional: $crate::stored::Stored::form($optional),)*
                        borrowed: std::marker::PhantomData,
                    })
                })*
                $(Event::$whole(payload) => $crate::stored::encoded(
                    $whole_name, $whole_version, &$crate::stored::Stored::form(payload),
                ),)*
                $(Event::$own { $($part),* } => $crate::stored::encoded(
                    $own_name, $own_version, &$module::form($($part),*),
                ),)*
            }
        }

        /// The event of this type in its current version; `None` for a type of which this aggregate knows nothing.
        pub(crate) fn decode(
            event_type: &str,
            data: &[u8],
        ) -> Result<Option<Event>, $crate::stored::Malformed> {
            Ok(Some(match event_type {
                $($name => {
                    let $form { $($field,)* $($optional,)* borrowed: _ } =
                        serde_json::from_slice(data)?;
                    Event::$variant {
                        $($field: $crate::stored::Stored::read($field)?,)*
                        $($optional: $crate::stored::Stored::read($optional)?,)*
                    }
                })*
                $($whole_name => {
                    let form: $crate::stored::Form<'_, $payload> = serde_json::from_slice(data)?;
                    Event::$whole($crate::stored::Stored::read(form)?)
                })*
                $($own_name => $module::read(data)?,)*
                _ => return Ok(None),
            }))
        }
    };
}

pub(crate) use {stored_events, stored_form, stored_struct};
