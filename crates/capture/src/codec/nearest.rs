//! Which known name a mistyped one was probably meant to be.

/// Longest name that is compared, in bytes: the comparison takes time by the square.
const NAME_BYTES_MAX: usize = 64;

/// The candidate that differs from `name` by the fewest letters; `None` where the nearest differs by more than a third of its letters.
pub fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > NAME_BYTES_MAX {
        return None;
    }
    let allowed = name.len().div_ceil(3);
    candidates
        .map(|candidate| (distance(name, candidate), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many letters must be added, removed or replaced to make `right` of `left`, whatever their case.
fn distance(left: &str, right: &str) -> usize {
    let right = right.as_bytes();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (index, letter) in left.bytes().enumerate() {
        let mut diagonal = index;
        let mut before = index.saturating_add(1);
        if let Some(first) = row.first_mut() {
            *first = before;
        }
        for (cell, other) in row.iter_mut().skip(1).zip(right) {
            let replaced =
                diagonal.saturating_add(usize::from(!letter.eq_ignore_ascii_case(other)));
            diagonal = *cell;
            *cell = replaced.min(before.saturating_add(1)).min(diagonal.saturating_add(1));
            before = *cell;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_is_recognised() {
        let known = ["source", "campaign", "channel"];
        let nearest = |name| nearest(name, known.into_iter());
        assert_eq!(nearest("sorce"), Some("source"));
        assert_eq!(nearest("Campain"), Some("campaign"));
        assert_eq!(nearest("chanel"), Some("channel"));
        assert_eq!(nearest("colour"), None);
        assert_eq!(nearest(""), None);
        assert_eq!(nearest(&"s".repeat(65)), None);
    }

    #[test]
    fn distances_are_those_of_levenshtein() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("abc", ""), 3);
        assert_eq!(distance("Same", "same"), 0);
    }
}
