//! The largest remainder: splitting a whole into integer parts that add up.

/// The units of one conversion when conversions themselves are split: a path's shares of it add up to this.
pub const ONE_CONVERSION: i64 = 1_000_000_000_000;

/// Splits `amount` by `weights`, one part each: every part is its exact quota rounded down (towards zero), and the
/// units that are left go to the largest fractional parts, the earlier first where they are equal. The parts add
/// up to `amount`; a negative amount is split as its opposite. With weights that are all zero, so are the parts.
pub fn apportion(amount: i64, weights: &[u64]) -> Vec<i64> {
    let whole = u128::from(amount.unsigned_abs());
    let sum: u128 = weights.iter().copied().map(u128::from).sum();
    if sum == 0 {
        return vec![0; weights.len()];
    }
    // An amount below 2^64 times a weight below 2^64 stays below 2^128.
    let products = weights.iter().map(|weight| whole * u128::from(*weight));
    let (parts, rests): (Vec<u128>, Vec<u128>) =
        products.map(|product| (product / sum, product % sum)).unzip();
    let parts = hand_out(parts, &rests, whole);
    parts.into_iter().map(|part| signed(part, amount < 0)).collect()
}

/// Each weight's share of their sum, in millionths that add up to 1 000 000, or all 0 where there is none.
pub fn share_ppm(weights: &[u64]) -> Vec<i64> {
    apportion(1_000_000, weights)
}

/// Gives what `parts` fall short of `whole` to the largest of `rests`, one unit each, the earlier first.
pub(super) fn hand_out<R: Ord>(mut parts: Vec<u128>, rests: &[R], whole: u128) -> Vec<u128> {
    let left = whole.saturating_sub(parts.iter().sum());
    let mut order: Vec<usize> = (0..parts.len()).collect();
    // The sort is stable, so equal rests stay in order.
    order.sort_by(|one, other| rests.get(*other).cmp(&rests.get(*one)));
    for index in order.into_iter().take(usize::try_from(left).unwrap_or(usize::MAX)) {
        if let Some(part) = parts.get_mut(index) {
            *part += 1;
        }
    }
    parts
}

/// A part of an `i64` with the sign of the whole.
pub(super) fn signed(part: u128, negative: bool) -> i64 {
    let part = i128::try_from(part).unwrap_or(i128::MAX);
    let part = if negative { -part } else { part };
    i64::try_from(part).unwrap_or(if negative { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_units_left_go_to_the_largest_rests_and_then_to_the_earlier() {
        assert_eq!(apportion(10_000, &[1, 1, 1]), [3334, 3333, 3333]);
        assert_eq!(apportion(1, &[1, 1, 1]), [1, 0, 0]);
        assert_eq!(apportion(-10_000, &[1, 1, 1]), [-3334, -3333, -3333]);
        assert_eq!(apportion(100, &[1, 2, 3]), [17, 33, 50]);
        assert_eq!(apportion(100, &[0, 0]), [0, 0]);
        assert_eq!(apportion(100, &[]), [0_i64; 0]);
        assert_eq!(apportion(0, &[3, 4]), [0, 0]);
        assert_eq!(share_ppm(&[3, 1, 3]), [428_572, 142_857, 428_571]);
    }

    #[test]
    fn the_widest_amounts_and_weights_are_split() {
        assert_eq!(apportion(i64::MIN, &[u64::MAX]), [i64::MIN]);
        assert_eq!(apportion(i64::MAX, &[u64::MAX, 0]), [i64::MAX, 0]);
        let halves = apportion(i64::MIN, &[u64::MAX, u64::MAX]);
        assert_eq!(halves, [i64::MIN / 2, i64::MIN / 2]);
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

        /// 500 amounts a case: a million in all.
        #[test]
        fn parts_add_up_and_no_part_is_a_unit_off(
            amounts in prop::array::uniform20(any::<i64>()),
            weights in prop::collection::vec(prop::collection::vec(0..=1_u64 << 40, 1..9), 25),
        ) {
            for (amount, weights) in amounts.iter().flat_map(|amount| weights.iter().map(move |w| (*amount, w))) {
                let parts = apportion(amount, weights);
                let sum: u128 = weights.iter().copied().map(u128::from).sum();
                if sum == 0 {
                    prop_assert!(parts.iter().all(|part| *part == 0));
                    continue;
                }
                prop_assert_eq!(parts.iter().copied().map(i128::from).sum::<i128>(), i128::from(amount));
                for (part, weight) in parts.iter().zip(weights) {
                    let quota = u128::from(amount.unsigned_abs()) * u128::from(*weight);
                    let part = u128::from(part.unsigned_abs());
                    prop_assert!(part * sum < quota + sum && quota < (part + 1) * sum);
                }
            }
        }
    }
}
