//! A believable company, made from a seed: two quarters of leads, campaigns, salespeople, breaches and wins.
//!
//! The result is a command feed, so that the sample comes in by the same path as anybody's history.

use leadline_domain::Timestamp;
use serde_json::{Map, Value, json};

/// The seed of the sample that everybody sees.
pub(super) const SEED: u64 = 2026;
/// Leads in the sample.
pub(super) const LEADS: usize = 3_000;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

const FIRST_NAMES: [&str; 20] = [
    "Ada", "Bruno", "Chiara", "Daniel", "Elif", "Farid", "Greta", "Hugo", "Ines", "Jonas", "Katja",
    "Liam", "Mina", "Noah", "Olga", "Pavel", "Rosa", "Sami", "Tove", "Yara",
];
const LAST_NAMES: [&str; 20] = [
    "Albers", "Bianchi", "Costa", "Dubois", "Eriksen", "Fischer", "Garcia", "Horvat", "Ivanova",
    "Jansen", "Kowalski", "Lindgren", "Moreau", "Novak", "Okafor", "Petrov", "Rossi", "Schmidt",
    "Tanaka", "Weber",
];
const COMPANY_HEADS: [&str; 12] = [
    "Alpine", "Baltic", "Cobalt", "Delta", "Ember", "Fjord", "Granite", "Harbour", "Indigo",
    "Juniper", "Keystone", "Lumen",
];
const COMPANY_TAILS: [&str; 10] = [
    "Logistics",
    "Foods",
    "Robotics",
    "Clinics",
    "Textiles",
    "Energy",
    "Optics",
    "Marine",
    "Printing",
    "Tools",
];
const REPS: [&str; 9] = ["mia", "sam", "lena", "omar", "tess", "ivo", "nora", "paul", "zoe"];
const REGIONS: [&str; 3] = ["north", "south", "west"];
const PRODUCTS: [(&str, i64); 3] =
    [("starter", 240_000), ("team", 960_000), ("enterprise", 4_800_000)];
const REASONS: [&str; 5] = ["no_need", "no_budget", "no_authority", "no_response", "out_of_market"];

/// Where a lead comes from: source, channel, campaign, how often (weight), how good (percent that become MQL).
struct Origin {
    source: &'static str,
    channel: &'static str,
    campaign: Option<&'static str>,
    weight: u64,
    quality: u64,
}

const ORIGINS: [Origin; 8] = [
    origin("paid_search", "paid_search", Some("search-brand-h1"), 24, 46),
    origin("paid_social", "paid_social", Some("social-video-q2"), 18, 28),
    origin("organic_search", "organic", None, 20, 52),
    origin("webinar", "event", Some("webinar-series"), 10, 66),
    origin("trade_show", "event", Some("spring-fair"), 8, 58),
    origin("referral", "referral", None, 7, 74),
    origin("email", "email", Some("newsletter-2026"), 8, 40),
    origin("direct", "direct", None, 5, 35),
];

const fn origin(
    source: &'static str,
    channel: &'static str,
    campaign: Option<&'static str>,
    weight: u64,
    quality: u64,
) -> Origin {
    Origin { source, channel, campaign, weight, quality }
}

/// A small deterministic generator of random numbers (`SplitMix64`, after Steele, Lea and Flood 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// A number below `bound`, which must not be 0.
    fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or(0)
    }

    fn percent(&mut self, chance: u64) -> bool {
        self.below(100) < chance
    }

    /// Milliseconds, most often near `low`, now and then up to `high`.
    fn delay(&mut self, low: i64, high: i64) -> i64 {
        let spread = u64::try_from(high - low).unwrap_or(1).max(1);
        let (first, second, third) = (self.below(spread), self.below(spread), self.below(spread));
        low + i64::try_from(first.min(second).min(third)).unwrap_or(0)
    }

    fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let index = self.below(u64::try_from(from.len()).unwrap_or(1).max(1));
        from.get(usize::try_from(index).unwrap_or(0))
    }
}

/// The command feed of the sample: one JSON object a line, in order of time.
pub(super) fn feed(seed: u64, leads: usize) -> Vec<String> {
    let start = Timestamp::parse("2026-01-05T08:00:00Z").map_or(0, Timestamp::millis);
    let span = 177 * DAY;
    let mut company =
        Company { random: Random(seed), lines: Vec::new(), end: start + span + 12 * HOUR };
    for number in 0..leads {
        let at = start
            + i64::try_from(company.random.below(u64::try_from(span).unwrap_or(1))).unwrap_or(0);
        company.lead(number, office_hours(at));
    }
    for number in 0..leads / 60 {
        let at = start
            + i64::try_from(company.random.below(u64::try_from(span).unwrap_or(1))).unwrap_or(0);
        company.direct_deal(number, office_hours(at));
    }
    // Stable: what happens to one lead at one instant keeps its order.
    company.lines.sort_by_key(|(at, _)| *at);
    company
        .lines
        .into_iter()
        .map(|(at, mut line)| {
            line.insert("at".to_owned(), json!(Timestamp::from_millis(at).to_string()));
            Value::Object(line).to_string()
        })
        .collect()
}

/// Moves an instant into the waking hours of the same day, as people fill in forms by day.
fn office_hours(at: i64) -> i64 {
    let of_day = at.rem_euclid(DAY);
    at - of_day + 7 * HOUR + of_day / 2
}

struct Company {
    random: Random,
    lines: Vec<(i64, Map<String, Value>)>,
    end: i64,
}

impl Company {
    /// Notes one command; what would lie after the sample's end has not happened yet.
    fn tell(&mut self, at: i64, command: &str, lead: &str, more: Value) {
        if at > self.end {
            return;
        }
        let mut line = match more {
            Value::Object(fields) => fields,
            _ => Map::new(),
        };
        line.insert("id".to_owned(), json!(format!("demo:{}", self.lines.len())));
        line.insert("cmd".to_owned(), json!(command));
        line.insert("lead".to_owned(), json!(lead));
        self.lines.push((at, line));
    }

    fn origin(&mut self) -> &'static Origin {
        let total = ORIGINS.iter().map(|origin| origin.weight).sum();
        let mut left = self.random.below(total);
        for origin in &ORIGINS {
            if left < origin.weight {
                return origin;
            }
            left -= origin.weight;
        }
        &ORIGINS[0]
    }

    fn text(&mut self, from: &'static [&'static str]) -> &'static str {
        self.random.pick(from).copied().unwrap_or_default()
    }

    fn lead(&mut self, number: usize, captured: i64) {
        let lead = format!("web-{number:05}");
        let origin = self.origin();
        let (first, last) = (self.text(&FIRST_NAMES), self.text(&LAST_NAMES));
        let company = format!("{} {}", self.text(&COMPANY_HEADS), self.text(&COMPANY_TAILS));
        let email = format!(
            "{}.{}{number}@{}.example",
            first.to_lowercase(),
            last.to_lowercase(),
            company.to_lowercase().replace(' ', "-")
        );
        self.tell(
            captured,
            "CaptureLead",
            &lead,
            json!({
                "source": origin.source, "channel": origin.channel, "campaign": origin.campaign,
                "first_name": first, "last_name": last, "company": company, "email": email,
                "phone": format!("+49 30 {:07}", 1_000_000 + number),
            }),
        );
        self.touches(&lead, captured);
        if !self.random.percent(origin.quality) {
            self.drop_early(&lead, captured);
            return;
        }
        let mql = captured + self.random.delay(5 * MINUTE, 4 * DAY);
        self.tell(mql, "MarkMQL", &lead, json!({"actor": "marketing-desk"}));
        self.hand_over(&lead, mql);
    }

    fn touches(&mut self, lead: &str, captured: i64) {
        for _ in 0..self.random.below(4) {
            let origin = self.origin();
            let at = captured + self.random.delay(HOUR, 40 * DAY);
            self.tell(
                at,
                "RecordTouch",
                lead,
                json!({"channel": origin.channel, "campaign": origin.campaign}),
            );
        }
    }

    fn drop_early(&mut self, lead: &str, captured: i64) {
        let at = captured + self.random.delay(HOUR, 30 * DAY);
        let reason = self.text(&REASONS);
        match self.random.below(10) {
            0..=3 => self.tell(
                at,
                "Disqualify",
                lead,
                json!({"actor": "marketing-desk", "reason": reason}),
            ),
            4..=6 => self.tell(
                at,
                "Recycle",
                lead,
                json!({"actor": "marketing-desk", "reason": "not_yet"}),
            ),
            _ => {}
        }
    }

    fn hand_over(&mut self, lead: &str, mql: i64) {
        let rep = self.text(&REPS);
        self.tell(mql, "AssignLead", lead, json!({"actor": "marketing-desk", "owner": rep}));
        self.tell(mql, "EnqueueWork", lead, json!({"queue": "first-call"}));
        // Most are answered within hours; one in eight waits past its deadline.
        let slow = self.random.percent(12);
        let wait = if slow {
            self.random.delay(26 * HOUR, 6 * DAY)
        } else {
            self.random.delay(4 * MINUTE, 20 * HOUR)
        };
        let answered = mql + wait;
        match self.random.below(100) {
            0..=9 => {
                let reason = self.text(&REASONS);
                self.tell(answered, "Disqualify", lead, json!({"actor": rep, "reason": reason}));
            }
            10..=14 => {
                self.tell(answered, "Recycle", lead, json!({"actor": rep, "reason": "not_yet"}));
            }
            15..=18 => {}
            _ => self.work(lead, rep, answered),
        }
    }

    fn work(&mut self, lead: &str, rep: &'static str, accepted: i64) {
        self.tell(accepted, "ClaimWork", lead, json!({"actor": rep, "queue": "first-call"}));
        self.tell(accepted, "AcceptSAL", lead, json!({"actor": rep}));
        let called = accepted + self.random.delay(10 * MINUTE, 2 * DAY);
        self.tell(called, "CompleteWork", lead, json!({"actor": rep, "queue": "first-call"}));
        if self.random.percent(30) {
            self.tell(
                called,
                "AddNote",
                lead,
                json!({"actor": rep, "note": "Spoke on the phone; sends requirements."}),
            );
        }
        let converted = called + self.random.delay(HOUR, 12 * DAY);
        match self.random.below(100) {
            0..=54 => self.sell(lead, rep, converted, "ConvertLead"),
            55..=74 => {
                let reason = self.text(&REASONS);
                self.tell(converted, "Disqualify", lead, json!({"actor": rep, "reason": reason}));
            }
            75..=84 => {
                self.tell(converted, "Recycle", lead, json!({"actor": rep, "reason": "not_yet"}));
            }
            _ => {}
        }
    }

    fn direct_deal(&mut self, number: usize, opened: i64) {
        let rep = self.text(&REPS);
        self.sell(&format!("deal-{number:04}"), rep, opened, "OpenOpportunity");
    }

    fn sell(&mut self, key: &str, rep: &'static str, opened: i64, command: &str) {
        let (product, list) = self.random.pick(&PRODUCTS).copied().unwrap_or(("starter", 240_000));
        let amount = list + i64::try_from(self.random.below(40)).unwrap_or(0) * (list / 100);
        let region = self.text(&REGIONS);
        self.tell(
            opened,
            command,
            key,
            json!({
                "actor": rep, "product": product, "amount_cents": amount, "region": region,
            }),
        );
        let mut at = opened;
        for (stage, survives) in [
            ("Qualification", 88),
            ("Decision Maker Contacted", 80),
            ("Proposal", 78),
            ("Negotiation", 72),
        ] {
            at += self.random.delay(8 * HOUR, 16 * DAY);
            if !self.random.percent(survives) {
                let reason = self.text(&["price", "competitor", "no_decision"]);
                self.tell(at, "CloseLost", key, json!({"actor": rep, "reason": reason}));
                return;
            }
            self.tell(at, "AdvanceStage", key, json!({"actor": rep, "stage": stage}));
        }
        at += self.random.delay(DAY, 14 * DAY);
        let discount = i64::try_from(self.random.below(12)).unwrap_or(0);
        self.tell(
            at,
            "CloseWon",
            key,
            json!({"actor": rep, "amount_cents": amount - amount / 100 * discount}),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_is_the_same_company() {
        assert_eq!(feed(7, 50), feed(7, 50));
        assert_ne!(feed(7, 50), feed(8, 50));
    }

    #[test]
    fn the_feed_is_in_order_of_time_and_shows_every_outcome() {
        let lines: Vec<Value> =
            feed(SEED, LEADS).iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let times: Vec<&str> = lines.iter().map(|line| line["at"].as_str().unwrap()).collect();
        let instants: Vec<_> = times.iter().map(|at| Timestamp::parse(at).unwrap()).collect();
        assert!(instants.is_sorted());
        for command in [
            "CaptureLead",
            "MarkMQL",
            "AcceptSAL",
            "ConvertLead",
            "CloseWon",
            "CloseLost",
            "Disqualify",
            "Recycle",
            "OpenOpportunity",
        ] {
            let count = lines.iter().filter(|line| line["cmd"] == command).count();
            assert!(count >= 40, "{command}: {count}");
        }
    }
}
