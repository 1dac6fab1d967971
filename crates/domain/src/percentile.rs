//! Percentiles by nearest rank: always a value that was measured, never one in between.

/// The `percent`-th percentile of values in ascending order: the one at rank ceil(percent * n / 100), counted
/// from 1. `None` of nothing; 0 percent is the least value, and 100 or more the greatest.
pub fn nearest_rank<T: Copy>(sorted: &[T], percent: u8) -> Option<T> {
    let rank = sorted.len().checked_mul(usize::from(percent.min(100)))?.div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_a_value_of_the_set() {
        assert_eq!(nearest_rank::<i64>(&[], 50), None);
        assert_eq!(nearest_rank(&[7], 1), Some(7));
        let nine = [300, 600, 900, 1200, 1800, 2400, 3600, 5400, 7200];
        for (percent, value) in
            [(0, 300), (1, 300), (11, 300), (12, 600), (50, 1800), (90, 7200), (100, 7200)]
        {
            assert_eq!(nearest_rank(&nine, percent), Some(value), "{percent}");
        }
        assert_eq!(nearest_rank(&nine, 255), Some(7200));
        assert_eq!(nearest_rank(&[1, 2, 3, 4], 50), Some(2));
    }
}
