//! Exponential decay without floating point: the same weight on every machine, to the last digit.

/// The weight of a touch at the instant of its conversion.
pub const FULL_WEIGHT: u64 = 1_000_000_000_000;

/// Fractional bits of the fixed-point numbers below.
const BITS: u32 = 96;
/// 1, in fixed point.
const ONE: u128 = 1 << BITS;
/// The natural logarithm of 2, in fixed point.
const LN_2: u128 = 54_916_777_467_707_473_351_141_471_128;
/// Terms of the exponential series: the last is below 0.7^32 / 32!, far under one unit.
const TERMS: u128 = 32;
/// Fractional bits that leave room for a factor of [`FULL_WEIGHT`], which has 40.
const PRODUCT_BITS: u32 = 87;

/// 2^(-age / half-life) times [`FULL_WEIGHT`], rounded half to even. Both arguments in milliseconds; a half-life of
/// 0 leaves weight to an age of 0 only.
///
/// The power is irrational unless the age is a whole number of half-lives, so that a tie can only arise where the
/// computation is exact; elsewhere 80 binary places are correct, 40 more than the weight has.
pub fn decayed(age: u64, half_life: u64) -> u64 {
    let (Some(halvings), Some(rest)) = (age.checked_div(half_life), age.checked_rem(half_life))
    else {
        return if age == 0 { FULL_WEIGHT } else { 0 };
    };
    let Ok(halvings) = u32::try_from(halvings) else { return 0 };
    let product = (half_to_the(rest, half_life) >> (BITS - PRODUCT_BITS)) * u128::from(FULL_WEIGHT);
    shift_half_even(product, PRODUCT_BITS.saturating_add(halvings))
}

/// 2^(-numerator / denominator) in fixed point, for a fraction below 1.
fn half_to_the(numerator: u64, denominator: u64) -> u128 {
    let exponent = multiply(fraction(numerator, denominator), LN_2);
    // e^-x = 1 - x (1 - x/2 (1 - x/3 (...))): every bracket lies between 0 and 1.
    (1..=TERMS).rev().fold(ONE, |bracket, term| ONE - multiply(exponent, bracket) / term)
}

/// `numerator / denominator`, below 1, in fixed point, rounded down.
fn fraction(numerator: u64, denominator: u64) -> u128 {
    let denominator = u128::from(denominator);
    let high = u128::from(numerator) << 64;
    let rest = (high % denominator) << 32;
    ((high / denominator) << 32) | (rest / denominator)
}

/// The product of two fixed-point numbers of at most 1, rounded down.
fn multiply(one: u128, other: u128) -> u128 {
    const LOW: u128 = (1 << 64) - 1;
    let (one_high, one_low) = (one >> 64, one & LOW);
    let (other_high, other_low) = (other >> 64, other & LOW);
    let middle = one_high * other_low + one_low * other_high + ((one_low * other_low) >> 64);
    ((one_high * other_high) << 32) + (middle >> 32)
}

/// `value / 2^bits`, rounded half to even.
fn shift_half_even(value: u128, bits: u32) -> u64 {
    let Some(floor) = value.checked_shr(bits) else { return 0 };
    let rest = value - (floor << bits);
    let half = 1_u128 << (bits - 1);
    let up = rest > half || (rest == half && floor % 2 == 1);
    u64::try_from(floor + u128::from(up)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 86_400_000;

    #[test]
    fn whole_half_lives_halve_exactly() {
        let weights: Vec<u64> = (0..16).map(|halvings| decayed(halvings * DAY, DAY)).collect();
        assert_eq!(weights[..4], [FULL_WEIGHT, 500_000_000_000, 250_000_000_000, 125_000_000_000]);
        // 10^12 / 2^13 = 122070312.5 and 10^12 / 2^14 = 61035156.25: half to even, then down.
        assert_eq!(weights[12..15], [244_140_625, 122_070_312, 61_035_156]);
    }

    #[test]
    fn weights_are_the_nearest_to_the_exact_power() {
        // Computed with 60 decimal digits.
        for (age_days, half_life_days, weight) in [
            (4, 7, 672_950_096_316),
            (23, 7, 102_541_919_501),
            (44, 7, 12_817_739_938),
            (52, 7, 5_804_665_192),
            (59, 7, 2_902_332_596),
            (4, 30, 911_722_488_558),
            (59, 30, 255_843_472_999),
        ] {
            assert_eq!(decayed(age_days * DAY, half_life_days * DAY), weight, "{age_days}");
        }
    }

    #[test]
    fn weights_fall_with_age_to_nothing() {
        let weights: Vec<u64> = (0..500).map(|hours| decayed(hours * DAY / 24, DAY / 2)).collect();
        assert!(weights.is_sorted_by(|one, next| one >= next));
        assert_eq!(weights.last(), Some(&0));
        assert_eq!(decayed(u64::MAX, 1), 0);
        assert_eq!(decayed(0, 0), FULL_WEIGHT);
        assert_eq!(decayed(1, 0), 0);
        assert_eq!(decayed(1, u64::MAX), FULL_WEIGHT);
        assert_eq!(decayed(41 * DAY, DAY), 0);
        assert_eq!(decayed(40 * DAY, DAY), 1);
    }
}
