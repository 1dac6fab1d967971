//! A marketplace's marketing-qualified leads: by source, time to won, as of four dates.
//!
//! One deal of the set was won before its lead was known, and is refused. The answers are therefore computed
//! here, without that deal; with it, this computation gives the set's own answers.

use crate::support::data::{Set, cell, decimals, entries, rounds_to, row, rows, whole};
use crate::support::place::Place;
use leadline_domain::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;

/// The lead that was won before its first contact.
const IMPOSSIBLE: &str = "b91cf8812365f50ff4bda4bcd6206b05";
const DAY: i64 = 86_400;
const WITHIN_DAYS: [i64; 8] = [1, 7, 14, 30, 60, 90, 180, 365];

/// A lead of the set.
#[derive(Clone, Debug)]
struct Lead {
    origin: String,
    landing_page: String,
    month: String,
    contact: i64,
    won: Option<Won>,
}

/// How a lead was won.
#[derive(Clone, Debug)]
struct Won {
    at: i64,
    month: String,
    segment: String,
    sdr: String,
    revenue_minor: i64,
}

fn or_blank(text: &str) -> String {
    if text.is_empty() { "(blank)".to_owned() } else { text.to_owned() }
}

/// Seconds and month of `dd-mm-yyyy`, with `HH:MM` or without.
fn instant(text: &str) -> (i64, String) {
    let (day, time) = text.split_once(' ').unwrap_or((text, "00:00"));
    let parts: Vec<&str> = day.split('-').collect();
    let month = format!("{}-{}", parts[2], parts[1]);
    let at = Timestamp::parse(&format!("{month}-{}T{time}:00Z", parts[0])).unwrap();
    (at.millis() / 1_000, month)
}

fn leads(set: &Set) -> BTreeMap<String, Lead> {
    let mut leads: BTreeMap<String, Lead> = set
        .csv("olist_marketing_qualified_leads_dataset.csv")
        .iter()
        .map(|row| {
            let (contact, month) = instant(cell(row, "first_contact_date"));
            let (origin, landing_page) =
                (or_blank(cell(row, "origin")), cell(row, "landing_page_id").to_owned());
            (
                cell(row, "mql_id").to_owned(),
                Lead { origin, landing_page, month, contact, won: None },
            )
        })
        .collect();
    for row in set.csv("olist_closed_deals_dataset.csv") {
        let (at, month) = instant(cell(&row, "won_date"));
        let revenue: f64 = cell(&row, "declared_monthly_revenue").parse().unwrap_or(0.0);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "whole units of money, in the millions"
        )]
        let revenue_minor = (revenue * 100.0).round() as i64;
        let (segment, sdr) =
            (or_blank(cell(&row, "business_segment")), cell(&row, "sdr_id").to_owned());
        leads.get_mut(cell(&row, "mql_id")).unwrap().won =
            Some(Won { at, month, segment, sdr, revenue_minor });
    }
    leads
}

/// What is reported on a group of leads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Group {
    leads: i64,
    won: i64,
    revenue_minor: i64,
    seconds: Vec<i64>,
}

impl Group {
    fn add(&mut self, lead: &Lead) {
        self.leads += 1;
        if let Some(won) = &lead.won {
            self.won += 1;
            self.revenue_minor += won.revenue_minor;
            self.seconds.push(won.at - lead.contact);
            self.seconds.sort_unstable();
        }
    }

    /// Nearest rank.
    fn percentile(&self, percent: usize) -> i64 {
        let rank = (percent * self.seconds.len()).div_ceil(100);
        self.seconds[rank.saturating_sub(1)]
    }

    fn within(&self, days: i64) -> i64 {
        i64::try_from(self.seconds.iter().filter(|seconds| **seconds <= days * DAY).count())
            .unwrap()
    }
}

fn groups<'a>(
    leads: &'a BTreeMap<String, Lead>,
    by: impl Fn(&'a Lead) -> Option<&'a str>,
) -> BTreeMap<&'a str, Group> {
    let mut groups = BTreeMap::<&str, Group>::new();
    for lead in leads.values() {
        if let Some(name) = by(lead) {
            groups.entry(name).or_default().add(lead);
        }
    }
    groups
}

fn all(leads: &BTreeMap<String, Lead>) -> Group {
    let mut all = Group::default();
    for lead in leads.values() {
        all.add(lead);
    }
    all
}

const PERCENTS: [usize; 7] = [10, 25, 50, 75, 90, 95, 99];

/// This file's computation, with every deal, gives the answers of the set: so it can be trusted without one.
fn check_against_answers(leads: &BTreeMap<String, Lead>, oracle: &Value) {
    let whole_set = all(leads);
    assert_eq!(whole_set.leads, whole(&oracle["mqls"]));
    assert_eq!(whole_set.won, whole(&oracle["closed_deals"]));
    for percent in PERCENTS {
        let expected = &oracle["seconds_to_won"][format!("p{percent}")];
        assert_eq!(whole_set.percentile(percent), whole(expected));
    }
    for days in WITHIN_DAYS {
        let expected = &oracle["closed_within_days"][days.to_string()];
        assert_eq!(whole_set.within(days), whole(expected));
    }
    let by_origin = groups(leads, |lead| Some(&lead.origin));
    assert_eq!(by_origin.len(), oracle["by_origin"].as_object().unwrap().len());
    for (origin, expected) in entries(&oracle["by_origin"]) {
        let group = &by_origin[origin.as_str()];
        assert_eq!(group.leads, whole(&expected["mqls"]));
        assert_eq!(group.won, whole(&expected["closed"]));
        assert_eq!(group.within(7), whole(&expected["closed_within_7d"]));
        for percent in PERCENTS {
            let days = decimals(&expected["days_to_won"][format!("p{percent}")]).unwrap();
            assert!(rounds_to(in_days(group.percentile(percent)), days, 6));
        }
    }
    for (month, count) in entries(&oracle["by_won_month"]) {
        assert_eq!(groups(leads, won_month)[month.as_str()].won, whole(count));
    }
    for (segment, count) in entries(&oracle["closed_by_business_segment"]) {
        assert_eq!(groups(leads, segment_of)[segment.as_str()].won, whole(count));
    }
    for (sdr, count) in entries(&oracle["closed_by_sdr_id"]) {
        assert_eq!(groups(leads, sdr_of)[sdr.as_str()].won, whole(count));
    }
    let top = oracle["top10_landing_pages_by_closed"].as_array().unwrap();
    for page in top {
        let group = &groups(leads, |lead| Some(&lead.landing_page))
            [page["landing_page_id"].as_str().unwrap()];
        assert_eq!((group.leads, group.won), (whole(&page["mqls"]), whole(&page["closed"])));
    }
}

#[expect(clippy::cast_precision_loss, reason = "seconds of some years are exact in a float")]
fn in_days(seconds: i64) -> f64 {
    seconds as f64 / DAY as f64
}

fn won_month(lead: &Lead) -> Option<&str> {
    lead.won.as_ref().map(|won| won.month.as_str())
}

fn segment_of(lead: &Lead) -> Option<&str> {
    lead.won.as_ref().map(|won| won.segment.as_str())
}

fn sdr_of(lead: &Lead) -> Option<&str> {
    lead.won.as_ref().map(|won| won.sdr.as_str())
}

/// A row of the conversion view is this group.
fn check(row: &Value, group: &Group) {
    let pairs = [
        ("leads", group.leads),
        ("mql", group.leads),
        ("sal", group.won),
        ("converted", group.won),
        ("won", group.won),
        ("win_rate_num", group.won),
        ("win_rate_den", group.leads),
        ("won_minor", group.revenue_minor),
        ("open", group.leads - group.won),
        ("seconds_to_won_n", group.won),
        ("lost", 0),
        ("disqualified", 0),
    ];
    for (name, expected) in pairs {
        assert_eq!(whole(&row[name]), expected, "{name} of {row}");
    }
    for days in WITHIN_DAYS {
        assert_eq!(whole(&row[format!("closed_within_{days}d")]), group.within(days), "{row}");
    }
    if group.won > 0 {
        for percent in PERCENTS {
            let seconds = whole(&row[format!("seconds_to_won_p{percent}")]);
            assert_eq!(seconds, group.percentile(percent), "p{percent} of {row}");
        }
        assert_eq!(whole(&row["seconds_to_won_min"]), group.seconds[0]);
        assert_eq!(whole(&row["seconds_to_won_max"]), group.seconds[group.seconds.len() - 1]);
        assert_eq!(whole(&row["seconds_to_won_sum"]), group.seconds.iter().sum::<i64>());
    }
}

#[test]
fn the_marketplaces_figures_are_those_of_its_files_without_the_one_impossible_deal() {
    let Some(set) = Set::named("olist-funnel") else { return };
    let mut leads = leads(&set);
    let oracle = set.oracle();
    check_against_answers(&leads, &oracle);
    assert_eq!(oracle["won_before_first_contact"], serde_json::json!([IMPOSSIBLE]));
    leads.get_mut(IMPOSSIBLE).unwrap().won = None;

    let place = Place::new();
    let report = place.import(&set.feed()).stdout;
    refused_lines(&report);
    let conversion = place.view("conversion", &[]);
    let whole_set = all(&leads);
    assert_eq!((whole_set.leads, whole_set.won), (8_000, 841));
    check(&conversion["totals"], &whole_set);
    let by_origin = groups(&leads, |lead| Some(&lead.origin));
    assert_eq!(rows(&conversion, "rows").len(), by_origin.len());
    for (origin, group) in &by_origin {
        check(row(&conversion, "rows", "group", origin), group);
    }
    let pages = place.view("conversion", &["--param", "by=campaign"]);
    let by_page = groups(&leads, |lead| Some(&lead.landing_page));
    assert_eq!(rows(&pages, "rows").len(), by_page.len());
    assert_eq!(whole(&oracle["landing_pages"]), i64::try_from(by_page.len()).unwrap());
    for (page, group) in &by_page {
        check(row(&pages, "rows", "group", page), group);
    }
    months(&place, &leads);
    closed_by(&place, &leads);
    as_of(&place, &leads, &oracle);
    again(&place, &set, &conversion);
}

/// Exactly the three lines of the impossible deal are refused, with number, code and reason.
fn refused_lines(report: &str) {
    let refused: Vec<&str> = report.lines().filter(|line| line.contains(": refused (")).collect();
    assert_eq!(refused.len(), 3, "{report}");
    for (line, number) in refused.iter().zip(9_361..) {
        let expected = format!("line {number}: refused (lead_unknown): ");
        assert!(line.starts_with(&expected) && line.len() > expected.len(), "{line}");
    }
    assert!(
        report.contains("18523 of 18526 lines imported, 3 refused, 0 known before"),
        "{report}"
    );
    for counted in ["CaptureLead", "MarkMQL", "AcceptSAL", "ConvertLead", "CloseWon"] {
        let count = if matches!(counted, "CaptureLead" | "MarkMQL") { 8_000 } else { 841 };
        assert!(
            report.lines().any(|line| line.split_whitespace().eq([counted, &count.to_string()])),
            "{counted}: {report}"
        );
    }
}

fn months(place: &Place, leads: &BTreeMap<String, Lead>) {
    let funnel = place.view("funnel", &[]);
    let by_month = groups(leads, |lead| Some(&lead.month));
    assert_eq!(rows(&funnel, "cohorts").len(), by_month.len());
    for (month, group) in by_month {
        let cohort = row(&funnel, "cohorts", "period", month);
        assert_eq!((whole(&cohort["captured"]), whole(&cohort["won"])), (group.leads, group.won));
    }
    let won = groups(leads, won_month);
    for period in rows(&funnel, "periods") {
        let expected = won.get(period["period"].as_str().unwrap()).map_or(0, |group| group.won);
        assert_eq!(whole(&period["won"]), expected, "{period}");
    }
}

/// Who and what was won: the segment of the deal, and the person who accepted the lead.
fn closed_by(place: &Place, leads: &BTreeMap<String, Lead>) {
    let segments = place.view("pipeline", &["--param", "by=attribute:segment"]);
    let by_segment = groups(leads, segment_of);
    assert_eq!(rows(&segments, "rows").len(), by_segment.len());
    for (segment, group) in by_segment {
        assert_eq!(whole(&row(&segments, "rows", "group", segment)["won"]), group.won, "{segment}");
    }
    let accepted = place.view("sla", &[]);
    let by_sdr = groups(leads, sdr_of);
    assert_eq!(rows(&accepted, "accepted").len(), by_sdr.len());
    for (sdr, group) in by_sdr {
        assert_eq!(whole(&row(&accepted, "accepted", "owner", sdr)["leads"]), group.won, "{sdr}");
    }
}

fn as_of(place: &Place, leads: &BTreeMap<String, Lead>, oracle: &Value) {
    for (time, expected) in entries(&oracle["as_of"]) {
        let at = Timestamp::parse(&format!("{time}Z")).unwrap().millis() / 1_000;
        let then: BTreeMap<String, Lead> = leads
            .iter()
            .filter(|(_, lead)| lead.contact <= at)
            .map(|(id, lead)| {
                let won = lead.won.clone().filter(|won| won.at <= at);
                (id.clone(), Lead { won, ..lead.clone() })
            })
            .collect();
        assert_eq!(all(&then).leads, whole(&expected["captured"]));
        let document = place.view("conversion", &["--as-of", &format!("{time}Z")]);
        check(&document["totals"], &all(&then));
        let by_origin = groups(&then, |lead| Some(&lead.origin));
        assert_eq!(rows(&document, "rows").len(), by_origin.len());
        for (origin, group) in by_origin {
            check(row(&document, "rows", "group", origin), &group);
        }
    }
}

/// The same file again changes nothing: neither a figure nor the log.
fn again(place: &Place, set: &Set, before: &Value) {
    let report = place.import(&set.feed()).stdout;
    assert!(report.contains("nothing changed"), "{report}");
    let after = place.view("conversion", &[]);
    assert_eq!(&after, before, "positions and figures stay");
}
