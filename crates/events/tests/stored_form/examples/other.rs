//! Examples of everybody else's events, and of records.

use super::{AT, EITHER, Example, OTHER, fields, money, sealed, text};
use leadline_domain::id::{AccountId, ContactId, LeadId, SubjectId};
use leadline_domain::money::ProbabilityBp;
use leadline_domain::opportunity::{Event as Opportunity, Opened, Origin, Standing};
use leadline_domain::refusal::Category;
use leadline_domain::sealed::FieldSet;
use leadline_domain::{Event, StreamId, account, campaign, config, contact, subject};
use leadline_events::record::{Attempt, ImportFinished, ImportStarted};
use leadline_events::{Decoded, Record, policy_json};
use std::collections::BTreeMap;

fn known(full: Event, minimal: Event) -> Example {
    Example { full: Decoded::Known(full), minimal: Decoded::Known(minimal) }
}

fn opportunity(full: Opportunity, minimal: Opportunity) -> Example {
    known(Event::Opportunity(full), Event::Opportunity(minimal))
}

fn record(full: Record, minimal: Record) -> Example {
    Example { full: Decoded::Record(full), minimal: Decoded::Record(minimal) }
}

pub(crate) fn examples() -> Vec<Example> {
    [opportunities(), stages(), people(), campaigns(), policies(), keys(), attempts(), imports()]
        .into_iter()
        .flatten()
        .collect()
}

fn opportunities() -> Vec<Example> {
    let stage = || "Proposal".to_owned();
    let full = Opened {
        origin: Origin::Lead(LeadId(EITHER)),
        account: Some(AccountId(EITHER)),
        contact: Some(ContactId(OTHER)),
        owner: text("mia"),
        stage: stage(),
        probability: ProbabilityBp::new(4000),
        amount: Some(money()),
        close_date: Some(AT),
        product: text("gauge"),
        campaign: text("spring"),
        source: text("web"),
        attributes: BTreeMap::from([("region".to_owned(), "north".to_owned())]),
        undated: true,
    };
    let minimal = Opened {
        origin: Origin::Direct,
        account: None,
        contact: None,
        owner: None,
        stage: stage(),
        probability: None,
        amount: None,
        close_date: None,
        product: None,
        campaign: None,
        source: None,
        attributes: BTreeMap::new(),
        undated: false,
    };
    let (lead, stages) = (LeadId(EITHER), vec![stage()]);
    let detached = || Opportunity::Detached { lead };
    let standing = Standing { opened_at: AT, opened: full.clone(), stages };
    vec![
        opportunity(detached(), detached()),
        opportunity(
            Opportunity::Attached { lead, standing: Some(Box::new(standing)) },
            Opportunity::Attached { lead, standing: None },
        ),
        opportunity(Opportunity::Opened(Box::new(full)), Opportunity::Opened(Box::new(minimal))),
        opportunity(
            Opportunity::AmountChanged { from: Some(money()), to: money() },
            Opportunity::AmountChanged { from: None, to: money() },
        ),
        opportunity(
            Opportunity::CloseDateMoved { from: Some(AT), to: AT.plus_millis(1), slips: 2 },
            Opportunity::CloseDateMoved { from: None, to: AT, slips: 0 },
        ),
        opportunity(
            Opportunity::Won { amount: Some(money()), from: stage() },
            Opportunity::Won { amount: None, from: stage() },
        ),
        opportunity(
            Opportunity::Lost {
                reason: text("price"),
                competitor: text("plumb"),
                amount: Some(money()),
                from: stage(),
            },
            Opportunity::Lost { reason: None, competitor: None, amount: None, from: stage() },
        ),
    ]
}

fn stages() -> Vec<Example> {
    let (from, to) = (|| "Proposal".to_owned(), || "Negotiation".to_owned());
    let probability = ProbabilityBp::new(8000);
    vec![
        opportunity(
            Opportunity::StageAdvanced { from: from(), to: to(), probability },
            Opportunity::StageAdvanced { from: from(), to: to(), probability: None },
        ),
        opportunity(
            Opportunity::StageRegressed {
                from: to(),
                to: from(),
                probability,
                reason: text("new buyer"),
            },
            Opportunity::StageRegressed { from: to(), to: from(), probability: None, reason: None },
        ),
        opportunity(
            Opportunity::Reopened { stage: from(), probability },
            Opportunity::Reopened { stage: from(), probability: None },
        ),
    ]
}

fn people() -> Vec<Example> {
    let account = |event| Event::Account(event);
    let contact = |event| Event::Contact(event);
    let subject = |event| Event::Subject(event);
    vec![
        known(
            account(account::Event::Opened {
                origin: Some(LeadId(EITHER)),
                details: Some(sealed()),
                subject: Some(SubjectId(OTHER)),
                owner: text("mia"),
            }),
            account(account::Event::Opened {
                origin: None,
                details: None,
                subject: None,
                owner: None,
            }),
        ),
        known(
            account(account::Event::Renamed { details: sealed() }),
            account(account::Event::Renamed { details: sealed() }),
        ),
        known(
            contact(contact::Event::Opened {
                account: AccountId(EITHER),
                origin: Some(LeadId(EITHER)),
                person: Some(sealed()),
                fields: fields(),
                subject: Some(SubjectId(OTHER)),
            }),
            contact(contact::Event::Opened {
                account: AccountId(EITHER),
                origin: None,
                person: None,
                fields: FieldSet::default(),
                subject: None,
            }),
        ),
        known(
            contact(contact::Event::Changed { person: sealed(), fields: fields() }),
            contact(contact::Event::Changed { person: sealed(), fields: FieldSet::default() }),
        ),
        known(
            contact(contact::Event::SubjectErased {
                subjects: vec![SubjectId(EITHER), SubjectId(OTHER)],
            }),
            contact(contact::Event::SubjectErased { subjects: Vec::new() }),
        ),
        known(
            subject(subject::Event::Erased {
                lead: Some(LeadId(EITHER)),
                contact: Some(ContactId(OTHER)),
                claims_released: 3,
            }),
            subject(subject::Event::Erased { lead: None, contact: None, claims_released: 0 }),
        ),
    ]
}

fn campaigns() -> Vec<Example> {
    let campaign = |full, minimal| known(Event::Campaign(full), Event::Campaign(minimal));
    let key = || "spring".to_owned();
    vec![
        campaign(
            campaign::Event::Planned {
                key: key(),
                title: text("Spring"),
                channel: text("email"),
                registered: false,
            },
            campaign::Event::Planned { key: key(), title: None, channel: None, registered: true },
        ),
        campaign(campaign::Event::Started { at: AT }, campaign::Event::Started { at: AT }),
        campaign(
            campaign::Event::CostRecorded { amount: money() },
            campaign::Event::CostRecorded { amount: money() },
        ),
        campaign(campaign::Event::Closed, campaign::Event::Closed),
    ]
}

fn published(json: &str) -> config::Event {
    let policy = policy_json::parse(json.as_bytes()).unwrap();
    config::Event::PolicyPublished {
        reference: policy.reference,
        document: Box::new(policy.document),
        source: policy.source,
    }
}

fn policies() -> Vec<Example> {
    let config = |full, minimal| known(Event::Config(full), Event::Config(minimal));
    let full = published(
        r#"{"kind": "acceptance_sla", "name": "working-hours", "version": 3, "active": true,
            "target_seconds": 28800, "reminders": [50, 75],
            "calendar": {"tz": "Europe/Berlin", "weekly": {"mon": [["09:00", "17:00"]]},
                         "holidays": {"2026-12-25": []}}}"#,
    );
    let minimal = published(
        r#"{"kind": "attribution", "name": "a", "version": 1, "half_life_seconds": 604800}"#,
    );
    let reference = policy_json::shipped().remove(0).reference;
    let activated = |reference| config::Event::PolicyActivated { reference, effective_from: AT };
    vec![config(full, minimal), config(activated(reference.clone()), activated(reference))]
}

fn keys() -> Vec<Example> {
    let config = |full, minimal| known(Event::Config(full), Event::Config(minimal));
    let created = |label: &str| config::Event::KeyCreated {
        key: "k7".to_owned(),
        label: label.to_owned(),
        role: "integration".to_owned(),
        digest: "00ff".to_owned(),
    };
    let registered = |name: &str| config::Event::NameRegistered {
        catalogue: config::Catalogue::Source,
        name: name.to_owned(),
    };
    let revoked = || config::Event::KeyRevoked { key: "k7".to_owned() };
    vec![
        config(created("web form"), created("")),
        config(registered("fair"), registered("")),
        config(revoked(), revoked()),
    ]
}

fn attempts() -> Vec<Example> {
    let target = StreamId::Lead(LeadId(EITHER));
    let refused = |allowed: &[&str], missing: &[&str], current_version| {
        Record::Refused(Attempt {
            command: "AcceptSAL".to_owned(),
            target,
            code: "not_mql".to_owned(),
            category: Category::Conflict,
            detail: "The lead is not MQL: it is new.".to_owned(),
            allowed: allowed.iter().map(ToString::to_string).collect(),
            missing: missing.iter().map(ToString::to_string).collect(),
            current_version,
            retryable: false,
        })
    };
    let no_change =
        |target, version| Record::NoChange { command: "AssignLead".to_owned(), target, version };
    vec![
        record(refused(&["MarkMQL", "Recycle"], &["reason"], Some(7)), refused(&[], &[], None)),
        record(no_change(target, 7), no_change(StreamId::Config, 0)),
    ]
}

fn imports() -> Vec<Example> {
    let started = |lines| {
        Record::ImportStarted(ImportStarted {
            blake3: "00ff".to_owned(),
            lines,
            format: "feed".to_owned(),
            enforce: false,
            strict: true,
        })
    };
    let refused = |line, detail: &str| Record::LineRefused {
        line,
        code: "source_unknown".to_owned(),
        detail: detail.to_owned(),
    };
    let finished = ImportFinished {
        counts: BTreeMap::from([("CaptureLead".to_owned(), 7), ("MarkMQL".to_owned(), 3)]),
        lines: 11,
        refused: 1,
        last_at: Some(AT.millis()),
    };
    vec![
        record(started(Some(11)), started(None)),
        record(refused(9, "No such source."), refused(1, "")),
        record(Record::ImportFinished(finished), Record::ImportFinished(ImportFinished::default())),
    ]
}
