//! Commands of a lead.

use super::{
    ACCOUNT_ID, ACCOUNT_KEY, AMOUNT, ATTRIBUTES, CAMPAIGN, CHANNEL, CLOSE_DATE, EXTERNAL_KEY,
    OUTCOME, PERSON, PRODUCT, QUEUE, REASON, SOURCE, STAGE, text,
};
use crate::codec::spec::{Aggregate, CommandSpec, Extras, FieldSpec, Kind, Place};
use crate::codec::{NOTE_BYTES_MAX, ParseError, Values};
use leadline_domain::id::{AccountId, ContactId, OpportunityId};
use leadline_domain::lead::command::{Capture, Command, Convert, CreateOrUse, OpportunityChoice};
use leadline_domain::lead::{Owner, Phase, RejectOutcome};
use leadline_domain::sealed::FieldSet;
use leadline_engine::submission::Body;

/// What most commands of a lead are like.
const LEAD: CommandSpec = CommandSpec {
    name: "",
    path: "",
    aggregate: Aggregate::Lead,
    opens: false,
    about: "",
    fields: &[],
    extras: Extras::Refused,
    example: "{}",
    build: |_| Ok(Body::Lead(Command::Settle)),
};

pub(super) const COMMANDS: &[CommandSpec] = &[
    CommandSpec {
        name: "CaptureLead",
        path: "capture",
        opens: true,
        about: "First interest, or another sign of it by somebody known.",
        fields: &[PERSON, &[SOURCE, CAMPAIGN, CHANNEL], AMOUNT, &[EXTERNAL_KEY]],
        extras: Extras::Custom,
        example: r#"{"email":"ada@example.org","first_name":"Ada","last_name":"Byron","company":"Engines Ltd","source":"Web","campaign":"spring","channel":"webinar","amount_cents":250000,"currency":"EUR","external_key":"crm-1","custom":{"size":"12"}}"#,
        build: |values| Ok(Body::Lead(Command::Capture(Box::new(capture(values))))),
        ..LEAD
    },
    CommandSpec {
        name: "UpdateLeadDetails",
        path: "update-details",
        about: "Change details.",
        fields: &[PERSON, AMOUNT],
        example: r#"{"phone":"+49 30 1234567","amount_cents":300000}"#,
        build: |values| {
            let amount = values.amount();
            Ok(Body::Lead(Command::UpdateDetails {
                person: None,
                fields: FieldSet::default(),
                amount,
            }))
        },
        ..LEAD
    },
    CommandSpec {
        name: "SetLeadSource",
        path: "set-source",
        about: "Set the lead source.",
        fields: &[&[SOURCE.required()]],
        example: r#"{"source":"Referral"}"#,
        build: |values| Ok(Body::Lead(Command::SetSource { source: values.need("source")? })),
        ..LEAD
    },
    CommandSpec {
        name: "LinkCampaign",
        path: "link-campaign",
        about: "Link to a campaign.",
        fields: &[&[CAMPAIGN.required()]],
        example: r#"{"campaign":"spring"}"#,
        build: |values| {
            Ok(Body::Lead(Command::LinkCampaign { campaign: values.need("campaign")? }))
        },
        ..LEAD
    },
    CommandSpec {
        name: "RecordTouch",
        path: "record-touch",
        about: "Record an interaction.",
        fields: &[&[CHANNEL, CAMPAIGN, SOURCE]],
        example: r#"{"channel":"email","campaign":"spring"}"#,
        build: |values| {
            Ok(Body::Lead(Command::RecordTouch {
                channel: values.text("channel"),
                campaign: values.text("campaign"),
                source: values.text("source"),
            }))
        },
        ..LEAD
    },
    CommandSpec {
        name: "AssignLead",
        path: "assign",
        about: "Give it to a person or to a queue: exactly one of the two.",
        fields: &[&[text("owner", "The person."), QUEUE, REASON]],
        example: r#"{"owner":"sam","reason":"territory"}"#,
        build: assign,
        ..LEAD
    },
    CommandSpec {
        name: "LogContactAttempt",
        path: "log-contact-attempt",
        about: "Somebody tried to reach the prospect.",
        fields: &[&[CHANNEL, OUTCOME]],
        example: r#"{"channel":"phone","outcome":"no answer"}"#,
        build: |values| {
            Ok(Body::Lead(Command::LogContactAttempt {
                channel: values.text("channel"),
                outcome: values.text("outcome"),
            }))
        },
        ..LEAD
    },
    CommandSpec {
        name: "LogResponse",
        path: "log-response",
        about: "The prospect was answered.",
        fields: &[&[CHANNEL, OUTCOME]],
        example: r#"{"channel":"phone","outcome":"call back"}"#,
        build: |values| {
            Ok(Body::Lead(Command::LogResponse {
                channel: values.text("channel"),
                outcome: values.text("outcome"),
            }))
        },
        ..LEAD
    },
    CommandSpec {
        name: "MarkMQL",
        path: "mark-mql",
        about: "Hand over to sales: marketing-qualified.",
        build: |_| Ok(Body::Lead(Command::MarkMql)),
        ..LEAD
    },
    CommandSpec {
        name: "RevokeMQL",
        path: "revoke-mql",
        about: "Take the hand-over back.",
        fields: &[&[REASON]],
        example: r#"{"reason":"marked by mistake"}"#,
        build: |values| Ok(Body::Lead(Command::RevokeMql { reason: values.text("reason") })),
        ..LEAD
    },
    CommandSpec {
        name: "AcceptSAL",
        path: "accept-sal",
        about: "Sales takes responsibility.",
        build: |_| Ok(Body::Lead(Command::AcceptSal)),
        ..LEAD
    },
    CommandSpec {
        name: "RejectSAL",
        path: "reject-sal",
        about: "Sales sends it back.",
        fields: &[&[REASON, REJECT_OUTCOME]],
        example: r#"{"reason":"no_budget","outcome":"nurture"}"#,
        build: |values| {
            Ok(Body::Lead(Command::RejectSal {
                reason: values.text("reason"),
                outcome: values.text("outcome").as_deref().and_then(RejectOutcome::named),
            }))
        },
        ..LEAD
    },
    CommandSpec {
        name: "QualifyLead",
        path: "qualify",
        about: "Need and means are confirmed.",
        build: |_| Ok(Body::Lead(Command::Qualify)),
        ..LEAD
    },
    CommandSpec {
        name: "Disqualify",
        path: "disqualify",
        about: "No business to be had.",
        fields: &[&[REASON]],
        example: r#"{"reason":"no_need"}"#,
        build: |values| Ok(Body::Lead(Command::Disqualify { reason: values.text("reason") })),
        ..LEAD
    },
    CommandSpec {
        name: "ReopenLead",
        path: "reopen",
        about: "Bring an unqualified lead back.",
        fields: &[&[REOPEN_TO, REASON]],
        example: r#"{"to":"working","reason":"called again"}"#,
        build: |values| {
            Ok(Body::Lead(Command::Reopen {
                to: values.text("to").as_deref().and_then(Phase::named),
                reason: values.text("reason"),
            }))
        },
        ..LEAD
    },
    CommandSpec {
        name: "Recycle",
        path: "recycle",
        about: "Send to nurturing.",
        fields: &[&[REASON]],
        example: r#"{"reason":"timing"}"#,
        build: |values| Ok(Body::Lead(Command::Recycle { reason: values.text("reason") })),
        ..LEAD
    },
    CommandSpec {
        name: "ConvertLead",
        path: "convert",
        about: "Become account, contact and perhaps opportunity, in one step. Without details it opens all three.",
        fields: &[
            &[ACCOUNT_KEY, ACCOUNT_ID, CONTACT_ID, OPPORTUNITY_ID, NO_OPPORTUNITY, NO_REASON],
            AMOUNT,
            &[CLOSE_DATE, STAGE, PRODUCT, ATTRIBUTES],
        ],
        extras: Extras::Attributes,
        example: r#"{"account":"engines-ltd","amount_cents":250000,"close_date":"2026-06-30","stage":"Proposal","product":"Mill","attributes":{"segment":"industry"}}"#,
        build: |values| Ok(Body::Lead(Command::Convert(Box::new(convert(values)?)))),
        ..LEAD
    },
    CommandSpec {
        name: "EnqueueWork",
        path: "enqueue-work",
        about: "Let work wait in a queue.",
        fields: &[&[QUEUE.required()]],
        example: r#"{"queue":"first call"}"#,
        build: |values| Ok(Body::Lead(Command::EnqueueWork { queue: values.need("queue")? })),
        ..LEAD
    },
    CommandSpec {
        name: "ClaimWork",
        path: "claim-work",
        about: "Take the work.",
        fields: &[&[QUEUE.required()]],
        example: r#"{"queue":"first call"}"#,
        build: |values| Ok(Body::Lead(Command::ClaimWork { queue: values.need("queue")? })),
        ..LEAD
    },
    CommandSpec {
        name: "CompleteWork",
        path: "complete-work",
        about: "The work is done.",
        fields: &[&[QUEUE.required()]],
        example: r#"{"queue":"first call"}"#,
        build: |values| Ok(Body::Lead(Command::CompleteWork { queue: values.need("queue")? })),
        ..LEAD
    },
    CommandSpec {
        name: "CancelWork",
        path: "cancel-work",
        about: "The work is no longer wanted.",
        fields: &[&[QUEUE.required()]],
        example: r#"{"queue":"first call"}"#,
        build: |values| Ok(Body::Lead(Command::CancelWork { queue: values.need("queue")? })),
        ..LEAD
    },
    CommandSpec {
        name: "AddNote",
        path: "add-note",
        about: "Add a note.",
        fields: &[&[NOTE]],
        example: r#"{"note":"Asked for a price list."}"#,
        build: |_| Ok(Body::Lead(Command::AddNote { note: None })),
        ..LEAD
    },
    CommandSpec {
        name: "RecordConversion",
        path: "record-conversion",
        about: "A conversion without an opportunity, such as a purchase on the site.",
        fields: &[AMOUNT],
        example: r#"{"amount_cents":4900}"#,
        build: |values| Ok(Body::Lead(Command::RecordConversion { amount: values.amount() })),
        ..LEAD
    },
];

const NOTE: FieldSpec =
    FieldSpec::new("note", Kind::Text(NOTE_BYTES_MAX), "The text: personal, sealed.")
        .at(Place::Note)
        .required();
const REJECT_OUTCOME: FieldSpec = FieldSpec::new(
    "outcome",
    Kind::OneOf(&["return", "nurture", "disqualify"]),
    "What follows; back to marketing where absent.",
);
const REOPEN_TO: FieldSpec = FieldSpec::new(
    "to",
    Kind::OneOf(&["new", "working", "nurturing"]),
    "The phase in which it goes on; working where absent.",
);
const CONTACT_ID: FieldSpec =
    FieldSpec::new("contact_id", Kind::Id, "A contact of the account, instead of a new one.");
const OPPORTUNITY_ID: FieldSpec = FieldSpec::new(
    "opportunity_id",
    Kind::Id,
    "An open opportunity to attach, instead of a new one.",
);
const NO_OPPORTUNITY: FieldSpec =
    FieldSpec::new("no_opportunity", Kind::Flag, "Open no opportunity.");
const NO_REASON: FieldSpec = text("no_opportunity_reason", "Why there is no opportunity.");

fn capture(values: &mut Values<'_>) -> Capture {
    Capture {
        subject: None,
        person: None,
        again: None,
        fields: FieldSet::default(),
        source: values.text("source"),
        campaign: values.text("campaign"),
        channel: values.text("channel"),
        amount: values.amount(),
    }
}

fn assign(values: &mut Values<'_>) -> Result<Body, ParseError> {
    let to = match (values.text("owner"), values.text("queue")) {
        (Some(owner), None) => Owner::Person(owner),
        (None, Some(queue)) => Owner::Queue(queue),
        (None, None) => return Err(ParseError::missing("owner")),
        (Some(_), Some(_)) => {
            return Err(ParseError::invalid("owner", "give `owner` or `queue`, not both"));
        }
    };
    Ok(Body::Lead(Command::Assign { to, reason: values.text("reason") }))
}

fn convert(values: &mut Values<'_>) -> Result<Convert, ParseError> {
    let account = values.id("account_id");
    if account.is_some() && values.has_account_key() {
        return Err(ParseError::invalid("account_id", "give `account` or `account_id`, not both"));
    }
    let account = account.map_or(CreateOrUse::Create, |id| CreateOrUse::Use(AccountId(id)));
    let contact = values.id("contact_id");
    let contact = contact.map_or(CreateOrUse::Create, |id| CreateOrUse::Use(ContactId(id)));
    Ok(Convert {
        account,
        contact,
        opportunity: opportunity(values)?,
        attributes: values.attributes(),
    })
}

fn opportunity(values: &mut Values<'_>) -> Result<OpportunityChoice, ParseError> {
    let attached = values.id("opportunity_id");
    let reason = values.text("no_opportunity_reason");
    let none = values.flag("no_opportunity") || reason.is_some();
    let amount = values.amount();
    let close_date = values.time("close_date");
    let (stage, product) = (values.text("stage"), values.text("product"));
    let details = amount.is_some() || close_date.is_some() || stage.is_some() || product.is_some();
    match (attached, none) {
        (None, false) => Ok(OpportunityChoice::Create { amount, close_date, stage, product }),
        (Some(_), true) => Err(ParseError::invalid(
            "opportunity_id",
            "attach an opportunity or say that there is none, not both",
        )),
        (_, _) if details => Err(ParseError::invalid(
            "opportunity_id",
            "`amount_cents`, `close_date`, `stage` and `product` are of a new opportunity",
        )),
        (Some(id), false) => Ok(OpportunityChoice::Attach(OpportunityId(id))),
        (None, true) => Ok(OpportunityChoice::None { reason }),
    }
}
