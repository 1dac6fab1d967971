//! One spelling for what names the same mailbox, telephone or record, so that equal things hash alike.

use leadline_domain::sealed::Field;

/// The one spelling of a match key's value; `None` where the field is no match key or nothing is left.
///
/// - E-mail: surrounding white space is dropped and ASCII letters become small, the local part included: no provider
///   of note tells `Mia@` from `mia@`. Dots and `+tags` stay: what they mean is each provider's own.
/// - Telephone: digits and a leading `+`; a leading `00` is read as `+`. A number without country code stays
///   without: nothing here knows the country.
/// - External key: surrounding white space is dropped.
pub fn match_value(field: Field, value: &str) -> Option<String> {
    let normalised = match field {
        Field::Email => value.trim().to_ascii_lowercase(),
        Field::Phone => phone(value),
        Field::ExternalKey => value.trim().to_owned(),
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
    (!normalised.is_empty()).then_some(normalised)
}

fn phone(value: &str) -> String {
    let digits: String = value.chars().filter(char::is_ascii_digit).collect();
    if digits.is_empty() {
        return digits;
    }
    // `(+49) 30` is international all the same: what counts is what comes before the first digit.
    let international = value.chars().find(|one| *one == '+' || one.is_ascii_digit()) == Some('+');
    match digits.strip_prefix("00") {
        _ if international => format!("+{digits}"),
        Some(rest) if !rest.is_empty() => format!("+{rest}"),
        _ => digits,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_the_same_thing_become_one() {
        for (field, value, expected) in [
            (Field::Email, " Mia.Maier+ads@Example.ORG ", Some("mia.maier+ads@example.org")),
            (Field::Email, "  ", None),
            (Field::Phone, "+49 (30) 123-456", Some("+4930123456")),
            (Field::Phone, "(+49) 30 123456", Some("+4930123456")),
            (Field::Phone, "0049 30/123456", Some("+4930123456")),
            (Field::Phone, "030 123456", Some("030123456")),
            (Field::Phone, "00", Some("00")),
            (Field::Phone, "none", None),
            (Field::Phone, "+", None),
            (Field::ExternalKey, " Lead 7 ", Some("Lead 7")),
            (Field::LastName, "Maier", None),
        ] {
            assert_eq!(match_value(field, value).as_deref(), expected, "{value}");
        }
    }
}
