//! A company's history, made from a seed: every command of the feed, facts that arrive late, and lines to refuse.

use super::Seeded;
use leadline_domain::Timestamp;
use serde_json::{Value, json};

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// 2026-01-05T08:00:00Z, a Monday.
const BEGINNING: i64 = 1_767_600_000_000;

const SOURCES: [&str; 4] = ["Website", "Webinar", "Trade Show", "unknown"];
const CHANNELS: [&str; 4] = ["Direct", "Search", "Mail", "Social"];
const PEOPLE: [&str; 3] = ["ada", "grace", "mary"];

struct Company {
    random: Seeded,
    /// When a line is sent, and the line.
    lines: Vec<(i64, Value)>,
}

/// The lines of `leads` leads' history, in the order in which they are sent.
pub(crate) fn feed(seed: u64, leads: usize) -> Vec<String> {
    let mut company = Company { random: Seeded(seed), lines: Vec::new() };
    let mut at = BEGINNING;
    for number in 0..leads {
        at += company.delay(MINUTE, 3 * HOUR);
        company.lead(&format!("lead-{number:05}"), at);
        if number % 40 == 7 {
            company.tell(at, &format!("nobody-{number}"), "MarkMQL", json!({}));
        }
    }
    company.lines.sort_by_key(|(sent, _)| *sent);
    company.lines.into_iter().map(|(_, line)| line.to_string()).collect()
}

impl Company {
    fn delay(&mut self, least: i64, most: i64) -> i64 {
        least + i64::try_from(self.random.below(u64::try_from(most - least).unwrap())).unwrap()
    }

    fn pick(&mut self, names: &[&'static str]) -> &'static str {
        let length = u64::try_from(names.len()).unwrap();
        names[usize::try_from(self.random.below(length)).unwrap()]
    }

    fn percent(&mut self, percent: u64) -> bool {
        self.random.below(100) < percent
    }

    fn tell(&mut self, at: i64, lead: &str, command: &str, more: Value) {
        self.send(at, at, lead, command, more);
    }

    /// Notes a line that is sent at `sent` about what happened `at`.
    fn send(&mut self, sent: i64, at: i64, lead: &str, command: &str, more: Value) {
        let Value::Object(mut line) = more else { panic!("the fields of a line") };
        line.insert("id".to_owned(), json!(format!("company:{}", self.lines.len())));
        line.insert("at".to_owned(), json!(Timestamp::from_millis(at).to_string()));
        line.insert("cmd".to_owned(), json!(command));
        line.insert("lead".to_owned(), json!(lead));
        self.lines.push((sent, Value::Object(line)));
    }

    fn lead(&mut self, lead: &str, captured: i64) {
        let source = self.pick(&SOURCES);
        let person = format!("{lead}@example.org");
        let fields = json!({"source": source, "email": person, "company": "Example"});
        self.tell(captured, lead, "CaptureLead", fields);
        for _ in 0..self.random.below(4) {
            let at = captured + self.delay(-10 * DAY, 20 * DAY);
            // Some touches become known long after they happened, or after the lead was closed.
            let sent = at.max(captured) + self.delay(0, 30 * DAY);
            let fields = json!({"channel": self.pick(&CHANNELS), "campaign": "spring"});
            self.send(sent, at, lead, "RecordTouch", fields);
        }
        if self.percent(20) {
            let at = captured + self.delay(HOUR, 9 * DAY);
            self.tell(at, lead, "RecordConversion", json!({"amount_cents": 9_900}));
        }
        if self.percent(25) {
            let at = captured + self.delay(HOUR, 9 * DAY);
            let (command, reason) =
                if self.percent(50) { ("Disqualify", "no_fit") } else { ("Recycle", "not_yet") };
            self.tell(at, lead, command, json!({"actor": "desk", "reason": reason}));
            return;
        }
        let mql = captured + self.delay(MINUTE, 4 * DAY);
        self.tell(mql, lead, "MarkMQL", json!({"actor": "desk"}));
        self.tell(mql, lead, "EnqueueWork", json!({"queue": "first-call"}));
        if self.percent(85) {
            self.accepted(lead, mql);
        }
    }

    fn accepted(&mut self, lead: &str, mql: i64) {
        let rep = self.pick(&PEOPLE);
        let at = mql + self.delay(MINUTE, 3 * DAY);
        self.tell(at, lead, "ClaimWork", json!({"actor": rep, "queue": "first-call"}));
        self.tell(at, lead, "AcceptSAL", json!({"actor": rep}));
        self.tell(at + HOUR, lead, "CompleteWork", json!({"actor": rep, "queue": "first-call"}));
        self.tell(at + HOUR, lead, "AddNote", json!({"actor": rep, "note": "Spoke."}));
        let mut at = at + self.delay(HOUR, 12 * DAY);
        let amount = 100_000 + self.delay(0, 900_000);
        let fields = json!({"actor": rep, "amount_cents": amount, "product": "box"});
        self.tell(at, lead, "ConvertLead", fields);
        for _ in 0..self.random.below(4) {
            at += self.delay(HOUR, 9 * DAY);
            let stage = self.pick(&["Qualification", "Proposal", "Negotiation"]);
            self.tell(at, lead, "AdvanceStage", json!({"actor": rep, "stage": stage}));
        }
        at += self.delay(HOUR, 9 * DAY);
        match self.random.below(3) {
            0 => self.tell(at, lead, "CloseWon", json!({"actor": rep, "amount_cents": amount})),
            1 => self.tell(at, lead, "CloseLost", json!({"actor": rep, "reason": "price"})),
            _ => {}
        }
    }
}
