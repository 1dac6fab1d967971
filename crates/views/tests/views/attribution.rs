//! Paths of leads with more touches than anybody follows.

use crate::asked::{asked, row};
use crate::events::{captured, converted, lead, opened, opportunity, reopened, touch, won};
use crate::model::{Tables, folded, number};
use leadline_views::attribution::{COMBINATIONS_PER_LEAD_MAX, TOUCHES_PER_PATH_MAX};
use leadline_views::{NAMES, ViewEvent};
use serde_json::json;

/// Touches of lead 1 at the instants `from..until`.
fn touches(from: i64, until: i64, channel: &str) -> Vec<ViewEvent> {
    (from..until).map(|at| lead(1, at, touch(at.unsigned_abs().into(), channel))).collect()
}

fn limit() -> i64 {
    i64::try_from(TOUCHES_PER_PATH_MAX).unwrap()
}

#[test]
fn a_path_at_the_limit_is_whole_and_one_beyond_keeps_both_ends() {
    for (middle, cut) in [(limit() - 2, 0), (limit() - 1, 1), (3 * limit(), 1)] {
        let mut events = vec![lead(1, 0, captured(None, None))];
        events.extend(touches(1, 2, "first"));
        events.extend(touches(2, 2 + middle, "middle"));
        events.extend(touches(2 + middle, 3 + middle, "last"));
        events.push(lead(1, 4 + middle, converted(1_000)));
        let document = asked("attribution", events, 4 + middle, &[("model", "position_based")]);
        let totals = &document["totals"];
        assert_eq!(totals["conversions_with_cut_path"], cut, "{middle}");
        assert_eq!(totals["touches"], middle + 2);
        let of = |channel, column: &str| row(&document, "rows", "group", channel)[column].clone();
        assert_eq!(of("first", "credit_revenue_minor"), 400);
        assert_eq!(of("last", "credit_revenue_minor"), 400);
        assert_eq!(of("middle", "touches"), middle);
        assert_eq!(of("middle", "path_touches"), middle.min(limit() - 2));
        let length = (middle + 2).min(limit());
        assert_eq!(document["path_lengths"], json!([{ "length": length, "conversions": 1 }]));
    }
}

#[test]
fn every_goal_keeps_the_touches_before_it() {
    let mut events = vec![lead(1, 0, captured(None, None))];
    let mut at = 1;
    for channel in ["one", "two", "three"] {
        events.extend(touches(at, at + 2 * limit(), channel));
        at += 2 * limit();
        events.push(lead(1, at, converted(1_000)));
        at += 1;
    }
    let asked = |scope| asked("attribution", events.clone(), at, &[("scope", scope)]);
    let since = asked("since_last");
    let all = asked("all");
    let of = |document, channel| row(document, "rows", "group", channel)["path_touches"].clone();
    let half = limit() / 2;
    // Since the conversion before: only the end next to each conversion, and of the first both ends.
    for (channel, expected) in [("one", 2 * half), ("two", half), ("three", half)] {
        assert_eq!(of(&since, channel), expected, "{channel}");
    }
    for (channel, expected) in [("one", 4 * half), ("two", half), ("three", half)] {
        assert_eq!(of(&all, channel), expected, "{channel}");
    }
}

#[test]
fn what_is_kept_of_a_lead_does_not_grow_with_its_touches() {
    let kept = |touched: i64| {
        let mut events = vec![lead(1, 0, captured(None, None))];
        events.extend(touches(1_000, 1_000 + touched, "ads"));
        number(&mut events);
        folded("attribution", &events).state_bytes()
    };
    assert_eq!(kept(2 * limit()), kept(8 * limit()));
}

/// Goal: what a fold forgets of a busy lead is the same however it comes to fold it.
/// Method: fold a busy lead by pages, with a late touch, with goals that are taken back, and forgetting on the way.
#[test]
fn a_busy_lead_has_the_same_rows_by_pages_and_from_zero() {
    let mut events =
        vec![lead(1, 0, captured(None, None)), opportunity(1, 1, opened(1, "first", 900, 5_000))];
    events.extend(touches(2, 2 + limit(), "ads"));
    let mut at = 2 + limit();
    events.push(lead(1, at, converted(1_000)));
    events.extend(touches(at, at + limit(), "mail"));
    at += limit();
    events.push(opportunity(1, at, won(900)));
    events.extend(
        (0..limit() / 2 + 20)
            .map(|salt| lead(1, at, touch(u128::from(salt.unsigned_abs()), "web"))),
    );
    events.push(opportunity(1, at + 1, reopened()));
    events.extend(touches(at + 2, at + 2 + limit(), "ads"));
    events.push(opportunity(1, at + 3 + limit(), won(1_000)));
    events.push(lead(1, 7, touch(1 << 64, "late")));
    number(&mut events);
    for view in NAMES {
        let mut fold = leadline_views::folding(view).unwrap();
        let (mut tables, mut done) = (Tables::default(), 0);
        while done < events.len() {
            let until = events.len().min(done + 397);
            tables.page(&mut *fold, &events, done, until);
            fold.forget();
            done = until;
        }
        assert_eq!(tables, folded(view, &events), "{view}");
    }
}

#[test]
fn touches_of_too_many_kinds_are_counted_without_a_name() {
    let most = i64::try_from(COMBINATIONS_PER_LEAD_MAX).unwrap();
    let mut events = vec![lead(1, 0, captured(None, None))];
    let named = |at: i64| lead(1, at, touch(at.unsigned_abs().into(), &format!("channel {at:04}")));
    events.extend((1..=most + 3).map(named));
    events.push(named(most));
    events.last_mut().unwrap().effective_at = leadline_domain::Timestamp::from_millis(most + 4);
    let document = asked("attribution", events, most + 5, &[]);
    let touches = |group| row(&document, "rows", "group", group)["touches"].clone();
    assert_eq!(touches("(blank)"), 3);
    assert_eq!(touches(&format!("channel {most:04}")), 2);
    assert_eq!(document["totals"]["touches"], most + 4);
}
