//! Every refusal: its documented status and code, and at most one `attempt` event in the log.

mod cases;
mod company;

use crate::support::http::{Http, Response};
use crate::support::served::Served;
use crate::support::{PATIENCE, root};
use cases::{CASES, Case, STRICT_CASES, Sender};
use company::Company;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream};

/// Documented codes that no request can bring about at will, and why.
const OUT_OF_REACH: [(&str, &str); 10] = [
    ("note_required", "of callers other than HTTP's, which says field_missing"),
    ("catalogue_full", "after ten thousand names"),
    ("name_unknown", "of strict imports, which report it by line"),
    ("body_too_slow", "after half a minute of silence"),
    ("rate_limited", "where a limit is set, which is tested by itself"),
    ("busy", "under load alone"),
    ("view_stopped", "of a broken view"),
    ("view_behind", "under load alone"),
    ("log_incomplete", "of a broken log"),
    ("unavailable", "of a broken machine"),
];

#[test]
fn every_documented_refusal_has_its_status_and_code_and_leaves_at_most_one_attempt_in_the_log() {
    let documented = documented();
    let mut company = Company::new();
    let mut met = check(&mut company, CASES);
    company.be_strict();
    met.extend(check(&mut company, STRICT_CASES));
    met.insert(a_body_that_breaks_off(&mut company.served));
    for code in &met {
        assert!(documented.contains_key(code), "docs/errors.md does not explain {code}");
    }
    let out_of_reach = OUT_OF_REACH.iter().map(|(code, _)| (*code).to_owned());
    let told: BTreeSet<String> = met.into_iter().chain(out_of_reach).collect();
    let untold: Vec<&String> = documented.keys().filter(|code| !told.contains(*code)).collect();
    assert!(untold.is_empty(), "no case for {untold:?}");
}

/// Status and place of every documented code: `true` where a refusal is kept in the log.
fn documented() -> BTreeMap<String, (u16, bool)> {
    let text = std::fs::read_to_string(root().join("docs/errors.md")).unwrap();
    let (mut codes, mut kept) = (BTreeMap::new(), true);
    for line in text.lines() {
        kept = kept && !line.starts_with("## ");
        let mut cells = line.split(" | ");
        let code = cells.next().and_then(|cell| cell.strip_prefix("| `")?.strip_suffix('`'));
        if let (Some(code), Some(Ok(status))) = (code, cells.next().map(str::parse)) {
            codes.insert(code.to_owned(), (status, kept || code == "stale_version"));
        }
    }
    assert!(codes.len() > 50, "docs/errors.md has a table of codes: {codes:?}");
    codes
}

/// Sends the requests of cases and looks at replies and log. All that is wrong is told at once.
fn check(company: &mut Company, cases: &[Case]) -> BTreeSet<String> {
    let documented = documented();
    let mut wrong = Vec::new();
    for case in cases {
        let before = company.served.head();
        let reply = send(company, case);
        let written = written_after(company, before);
        // A batch answers each item: here there is one.
        let problem = match serde_json::from_slice(&reply.body) {
            Ok(Value::Array(items)) => items[0].clone(),
            Ok(problem) => problem,
            Err(error) => panic!("{case:?}: {error}: {reply:?}"),
        };
        let (status, kept) = documented.get(case.code).copied().unwrap_or_default();
        let expected = u64::from(kept && !case.repeated);
        let right = problem["status"] == case.status
            && problem["code"] == case.code
            && problem["detail"].as_str().is_some_and(|detail| !detail.is_empty())
            && (reply.status == 200
                || reply.status == case.status
                    && reply.header("content-type") == Some("application/problem+json"))
            && status == case.status
            && written == expected
            && (!kept || is_kept(company, &problem));
        if !right {
            wrong.push(format!(
                "{} {} {:?} as {:?}: expected {} {}, documented with {status}, and {expected} in the log; got {} and {written}",
                case.method, case.path, case.header, case.sender, case.status, case.code, problem
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    cases.iter().map(|case| case.code.to_owned()).collect()
}

/// How many events were written after this position, but for what fell due by itself meanwhile.
fn written_after(company: &mut Company, before: u64) -> u64 {
    let page = company.served.admin.get(&format!("/v1/events?after={before}")).done();
    let events = page["events"].as_array().unwrap();
    events.iter().map(|event| u64::from(event["command"] != "Settle")).sum()
}

/// Whether the log keeps the refusal where the reply says.
fn is_kept(company: &mut Company, problem: &Value) -> bool {
    let attempt = company.served.admin.get(&format!("/v1/events/{}", problem["position"])).json();
    attempt["type"] == "attempt.refused" && attempt["data"]["code"] == problem["code"]
}

fn send(company: &mut Company, case: &Case) -> Response {
    let path = company.fill(case.path);
    let body = company.fill(&case.body.text());
    let key = match case.sender {
        Sender::Nobody => String::new(),
        Sender::Stranger => "lk000000000000.nothing".to_owned(),
        Sender::Of(name) => company.keys[name].clone(),
    };
    let mut client = Http::new(company.served.server.address(), &key);
    let mut headers = vec![("content-type", "application/json")];
    if let Some(header) = case.header {
        headers.retain(|(name, _)| *name != header.0);
        headers.push(header);
    }
    client.call(case.method, &path, &headers, body.as_bytes())
}

/// A body that ends before its length, on a connection that stays open for the reply.
fn a_body_that_breaks_off(served: &mut Served) -> String {
    let key = served.key("admin", "breaks off").1;
    let before = served.head();
    let mut socket = TcpStream::connect(served.server.address()).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!(
        "POST /v1/leads HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 100\r\n\r\n{{"
    );
    socket.write_all(request.as_bytes()).unwrap();
    socket.shutdown(Shutdown::Write).unwrap();
    let mut reply = String::new();
    socket.read_to_string(&mut reply).unwrap();
    assert!(reply.starts_with("HTTP/1.1 400 "), "{reply}");
    assert!(reply.contains("\"code\":\"body_incomplete\""), "{reply}");
    assert_eq!(served.head(), before);
    "body_incomplete".to_owned()
}
