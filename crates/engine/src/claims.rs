//! The spaces of claims: what the log is asked to keep unique.

use leadline_domain::decision::MatchKey;
use leadline_domain::sealed::Field;
use leadline_log::ClaimKey;

/// Keys by which source systems know leads.
pub(crate) const LEAD_KEYS: u8 = 1;
/// E-mail addresses of leads.
const EMAILS: u8 = 2;
/// Telephone numbers of leads.
const PHONES: u8 = 3;
/// Keys by which source systems know opportunities.
pub(crate) const OPPORTUNITY_KEYS: u8 = 4;
/// Keys by which source systems know accounts.
pub(crate) const ACCOUNT_KEYS: u8 = 5;
/// Keys by which source systems know contacts.
pub(crate) const CONTACT_KEYS: u8 = 6;

/// The claim that a match key is; `None` for a field that identifies nobody.
pub(crate) const fn of_match(key: &MatchKey) -> Option<ClaimKey> {
    let space = match key.field {
        Field::ExternalKey => LEAD_KEYS,
        Field::Email => EMAILS,
        Field::Phone => PHONES,
        Field::FirstName
        | Field::LastName
        | Field::Company
        | Field::Title
        | Field::Street
        | Field::City
        | Field::State
        | Field::Postcode
        | Field::Country
        | Field::DateOfBirth
        | Field::Custom => return None,
    };
    Some(ClaimKey { space, key: key.hash })
}
