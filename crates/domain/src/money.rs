//! Money in integer minor units, and odds in basis points. No floating point anywhere.

/// An ISO 4217 code, such as `EUR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Currency([u8; 3]);

impl Currency {
    /// The euro.
    pub const EUR: Self = Self(*b"EUR");

    /// Reads three capital letters; `None` for anything else.
    pub fn parse(code: &str) -> Option<Self> {
        let letters: [u8; 3] = code.as_bytes().try_into().ok()?;
        letters.iter().all(u8::is_ascii_uppercase).then_some(Self(letters))
    }

    /// The code.
    pub fn code(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("XXX")
    }
}

/// An amount: integer minor units (cents) of a currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money {
    /// Minor units of `currency`; may be negative in corrections.
    pub minor: i64,
    /// The currency.
    pub currency: Currency,
}

/// Chance that an opportunity is won, in basis points: 10 000 is certain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbabilityBp(u16);

impl ProbabilityBp {
    /// Certainty, in basis points.
    pub const CERTAIN: u16 = 10_000;

    /// A chance of `basis_points`; `None` above [`Self::CERTAIN`].
    pub const fn new(basis_points: u16) -> Option<Self> {
        if basis_points <= Self::CERTAIN { Some(Self(basis_points)) } else { None }
    }

    /// The chance in basis points.
    pub const fn basis_points(self) -> u16 {
        self.0
    }

    /// `minor` units times this chance, rounded half to even. (views.md §3: per opportunity, then summed.)
    pub fn weigh(self, minor: i64) -> i64 {
        divide_half_even(
            i128::from(minor).saturating_mul(i128::from(self.0)),
            i128::from(Self::CERTAIN),
        )
    }
}

/// `numerator / denominator` rounded half to even, held within `i64`. `denominator` must be positive; else 0.
pub fn divide_half_even(numerator: i128, denominator: i128) -> i64 {
    let (Some(floor), Some(rest)) =
        (numerator.checked_div_euclid(denominator), numerator.checked_rem_euclid(denominator))
    else {
        return 0;
    };
    let twice = rest.saturating_mul(2);
    let up = twice > denominator || (twice == denominator && floor % 2 != 0);
    let rounded = floor.saturating_add(i128::from(up));
    i64::try_from(rounded).unwrap_or(if rounded < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weighted_amount_is_rounded_half_to_even() {
        let chance = |basis_points| ProbabilityBp::new(basis_points).unwrap();
        assert_eq!(chance(4000).weigh(10_000_000), 4_000_000);
        assert_eq!(chance(5000).weigh(1), 0);
        assert_eq!(chance(5000).weigh(3), 2);
        assert_eq!(chance(5000).weigh(-1), 0);
        assert_eq!(chance(10_000).weigh(i64::MAX), i64::MAX);
        assert_eq!(ProbabilityBp::new(10_001), None);
    }

    #[test]
    fn a_currency_is_three_capital_letters() {
        assert_eq!(Currency::parse("EUR"), Some(Currency::EUR));
        for code in ["", "eu", "eur", "EURO", "E1R"] {
            assert_eq!(Currency::parse(code), None, "{code}");
        }
    }
}
