//! Personal data as the domain sees it: envelopes that it copies and never opens.

use crate::id::SubjectId;
use std::sync::Arc;

/// Personal data of one subject, sealed under that subject's key. Sealed once; later events copy it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// Whose data this is, and so which key opens it.
    pub subject: SubjectId,
    /// Nonce and ciphertext, as the engine made them.
    pub envelope: Arc<[u8]>,
}

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident = $bit:literal, $text:literal;)*) => {
        /// A field of a lead's details. Which fields an envelope holds is known without opening it.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Field { $($(#[$doc])* $name,)* }

        impl Field {
            /// Every field.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
            const fn bit(self) -> u32 { match self { $(Self::$name => 1 << $bit,)* } }
            /// The field's name in commands, policies and replies.
            pub const fn name(self) -> &'static str { match self { $(Self::$name => $text,)* } }
            /// The field of this name.
            pub fn named(name: &str) -> Option<Self> { match name { $($text => Some(Self::$name),)* _ => None } }
        }
    };
}

fields! {
    /// E-mail address.
    Email = 0, "email";
    /// Telephone number.
    Phone = 1, "phone";
    /// First name.
    FirstName = 2, "first_name";
    /// Last name.
    LastName = 3, "last_name";
    /// Name of the company.
    Company = 4, "company";
    /// Job title.
    Title = 5, "title";
    /// Street and number.
    Street = 6, "street";
    /// City.
    City = 7, "city";
    /// State or province.
    State = 8, "state";
    /// Postcode.
    Postcode = 9, "postcode";
    /// Country.
    Country = 10, "country";
    /// Date of birth.
    DateOfBirth = 11, "date_of_birth";
    /// The key by which the source system knows the lead.
    ExternalKey = 12, "external_key";
    /// Fields of the company's own.
    Custom = 13, "custom";
}

/// A set of [`Field`]s.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FieldSet(u32);

impl FieldSet {
    /// This set and `field`.
    #[must_use]
    pub const fn with(self, field: Field) -> Self {
        Self(self.0 | field.bit())
    }

    /// Whether `field` is in the set.
    pub const fn has(self, field: Field) -> bool {
        self.0 & field.bit() != 0
    }

    /// All fields of both sets.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether the set holds nothing.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The fields, in their declared order.
    pub fn iter(self) -> impl Iterator<Item = Field> {
        Field::ALL.iter().copied().filter(move |field| self.has(*field))
    }
}

impl FromIterator<Field> for FieldSet {
    fn from_iter<I: IntoIterator<Item = Field>>(fields: I) -> Self {
        fields.into_iter().fold(Self::default(), Self::with)
    }
}
