//! Operations that are no command of their own: reads, streams, batches, policies, keys, the service itself.

use crate::operation::{Gives, Handler, Parameter, Takes, asked, part, sent};
use crate::{batch, commands, imports, keys, reads, service, streams};
use axum::http::Method;

pub(super) const ID: Parameter =
    part("id", "Its id, or `key:` and the key that the source system knows it by.");
const NAME: Parameter = part("name", "Name of the view.");
const AS_OF: Parameter = asked("as_of", "As of when: an RFC 3339 time or a position of the log.");
const AXIS: Parameter =
    asked("axis", "Of an `as_of` time: `true` as we know it today, `known` as it was known then.");
const AFTER: Parameter = asked("after", "Only what lies after this position.");
const LIMIT: Parameter = asked("limit", "Most events: 1 to 500.");
const SEEN: Parameter = sent("Last-Event-ID", "Go on after this position.");
pub(super) const CONDITIONS: [Parameter; 4] = [
    asked("wait", "Reply after this view has applied the command, or after 5 seconds."),
    sent("Idempotency-Key", "Unique for ever: the same command under the same key happens once."),
    sent("If-Match", "The quoted version that the target must have."),
    sent("traceparent", "W3C trace context; its trace id is kept with the events."),
];

/// One operation.
pub(super) struct Row {
    pub(super) method: Method,
    pub(super) path: &'static str,
    pub(super) name: &'static str,
    pub(super) tag: &'static str,
    pub(super) about: &'static str,
    pub(super) parameters: &'static [Parameter],
    pub(super) takes: Takes,
    pub(super) gives: Gives,
    pub(super) success: u16,
    pub(super) handler: Handler,
}

const LEADS: Row = Row {
    method: Method::GET,
    path: "/v1/leads",
    name: "leads",
    tag: "leads",
    about: "Leads as they stand, by filters.",
    parameters: &[
        asked("phase", "Only leads in this phase."),
        asked("owner", "Only leads of this person."),
        asked("queue", "Only leads in this queue."),
        asked("source", "Only leads of this source."),
        asked("cursor", "Where the next page begins, as the last one said."),
        asked("limit", "Most leads: 1 to 500; 100 where absent."),
        AS_OF,
        AXIS,
    ],
    takes: Takes::Nothing,
    gives: Gives::Json("The leads, as `rows` of flat objects."),
    success: 200,
    handler: Handler::Keyed(reads::leads),
};
const VIEW: Row = Row { tag: "views", ..LEADS };
const EVENT: Row = Row { tag: "events", ..LEADS };
const KEY: Row = Row { tag: "keys", parameters: &[], ..LEADS };
const POLICY: Row = Row { tag: "policies", method: Method::POST, gives: Gives::Reply, ..LEADS };
const IMPORT: Row = Row { tag: "imports", ..LEADS };
const SERVICE: Row = Row { tag: "service", parameters: &[], ..LEADS };

/// All of them.
pub(super) const ROWS: &[Row] = &[
    Row { ..LEADS },
    Row {
        path: "/v1/leads/{id}",
        name: "lead",
        about: "One lead, as it stands or stood.",
        parameters: &[ID, AS_OF, AXIS],
        gives: Gives::Json("The lead, as one flat object."),
        handler: Handler::Keyed(reads::lead),
        ..LEADS
    },
    Row {
        path: "/v1/leads/{id}/history",
        name: "history",
        about: "Everything that happened to a lead and what came of it, oldest first.",
        parameters: &[ID, AFTER, LIMIT],
        gives: Gives::Json("`events`, `next` and `head`."),
        handler: Handler::Keyed(reads::history),
        ..LEADS
    },
    Row {
        path: "/v1/views/{name}",
        name: "view",
        about: "A view, caught up to the head of the log. Each view has parameters of its own besides.",
        parameters: &[NAME, AS_OF, AXIS],
        gives: Gives::Json("One document: `rows` of flat objects and totals."),
        handler: Handler::Keyed(reads::view),
        ..VIEW
    },
    Row {
        path: "/v1/views/{name}/checksum",
        name: "view_checksum",
        about: "A digest of a view's rows and position, to compare with another's.",
        parameters: &[NAME],
        gives: Gives::Json("`checksum` and `position`."),
        handler: Handler::Keyed(reads::checksum),
        ..VIEW
    },
    Row {
        method: Method::POST,
        path: "/v1/views/{name}/rebuild",
        name: "rebuild_view",
        about: "Build a view anew from the log, beside the one that answers, then swap. For admins.",
        parameters: &[NAME],
        gives: Gives::Json("The position that the new rows reflect."),
        handler: Handler::Keyed(reads::rebuild),
        ..VIEW
    },
    Row {
        path: "/v1/views/{name}/stream",
        name: "view_stream",
        about: "An event whenever the view has moved; its id is the view's new position.",
        parameters: &[NAME, AFTER, SEEN],
        gives: Gives::Text("text/event-stream", "Events of type `moved`."),
        handler: Handler::Keyed(streams::moves),
        ..VIEW
    },
    Row {
        path: "/v1/events",
        name: "events",
        about: "A page of the log.",
        parameters: &[AFTER, LIMIT],
        gives: Gives::Json("`events`, `next` (where the next page begins) and `head`."),
        handler: Handler::Keyed(reads::events),
        ..EVENT
    },
    Row {
        path: "/v1/events/stream",
        name: "event_stream",
        about: "The log as it grows, without gap or repeat; ids are positions.",
        parameters: &[AFTER, SEEN],
        gives: Gives::Text("text/event-stream", "Events of the log by their types."),
        handler: Handler::Keyed(streams::events),
        ..EVENT
    },
    Row {
        path: "/v1/events/{position}",
        name: "explain",
        about: "One event with the rule, inputs and policies that led to it.",
        parameters: &[part("position", "Its position in the log.")],
        gives: Gives::Json("The event."),
        handler: Handler::Keyed(reads::explain),
        ..EVENT
    },
    Row {
        method: Method::POST,
        path: "/v1/commands",
        name: "commands",
        tag: "commands",
        about: "Up to 1,000 commands, handled in order; one result each, in order.",
        parameters: &[],
        takes: Takes::Text(
            batch::BATCHES,
            "A JSON array, or one object a line: `type`, `target`, `payload`, `idempotency_key`, `occurred_at`, `if_version`.",
        ),
        gives: Gives::Json(
            "One result per command with its `status`, in order; a line each where lines were sent.",
        ),
        handler: Handler::Keyed(batch::run),
        ..LEADS
    },
    Row {
        method: Method::POST,
        path: "/v1/imports",
        name: "import",
        about: "Import history: a command feed, one JSON object a line, plain or gzip, at most 1 GiB. For admins.",
        parameters: &[
            asked("name", "Name of the file; gzip where it ends in `.gz`."),
            asked("strict", "`true` refuses names that no catalogue knows."),
            asked("enforce_policies", "`true` judges the past by today's policies."),
            asked("dry_run", "`true` checks every line and changes nothing."),
        ],
        takes: Takes::Text(imports::FILES, "The lines."),
        gives: Gives::Json("`id`: ask for it to see how far it has come."),
        success: 202,
        handler: Handler::Keyed(imports::start),
        ..IMPORT
    },
    Row {
        path: "/v1/imports/{import}",
        name: "import_report",
        about: "How far an import has come, or what it came to. For admins.",
        parameters: &[part("import", "Id of the import.")],
        gives: Gives::Json("`state`, counts, and refused lines with number, code and reason."),
        handler: Handler::Keyed(imports::show),
        ..IMPORT
    },
    Row {
        path: "/v1/policies",
        name: "publish_policy",
        about: "Publish a policy version. It never changes again.",
        parameters: &CONDITIONS,
        takes: Takes::Text(commands::JSON, "The policy: `kind`, `name`, `version` and its rules."),
        handler: Handler::Keyed(commands::publish),
        ..POLICY
    },
    Row {
        path: "/v1/policies/{policy}/activate",
        name: "activate_policy",
        about: "Put a published policy version in force.",
        parameters: &[
            part("policy", "The version, as `name@version`."),
            CONDITIONS[0],
            CONDITIONS[1],
            CONDITIONS[2],
            CONDITIONS[3],
        ],
        takes: Takes::Text(commands::JSON, "Nothing, or `effective_from`: an RFC 3339 time."),
        handler: Handler::Keyed(commands::activate),
        ..POLICY
    },
    Row {
        path: "/v1/keys",
        name: "keys",
        about: "API keys, without secrets. For admins.",
        gives: Gives::Json("`keys`: id, label, role, whether revoked."),
        handler: Handler::Keyed(keys::list),
        ..KEY
    },
    Row {
        method: Method::POST,
        path: "/v1/keys",
        name: "create_key",
        about: "Create an API key. For admins.",
        takes: Takes::Text(commands::JSON, "`label` and `role`."),
        gives: Gives::Json("The key: `key` is what to send after `Bearer`, shown this once."),
        success: 201,
        handler: Handler::Keyed(keys::create),
        ..KEY
    },
    Row {
        method: Method::DELETE,
        path: "/v1/keys/{key}",
        name: "revoke_key",
        about: "Revoke an API key. For admins.",
        parameters: &[part("key", "Public id of the key.")],
        gives: Gives::Json("The key's id."),
        handler: Handler::Keyed(keys::revoke),
        ..KEY
    },
    Row {
        method: Method::POST,
        path: "/v1/keys/{key}/revoke",
        name: "revoke_key_by_post",
        about: "The same, for callers that cannot send DELETE.",
        parameters: &[part("key", "Public id of the key.")],
        gives: Gives::Json("The key's id."),
        handler: Handler::Keyed(keys::revoke),
        ..KEY
    },
    Row {
        path: "/healthz",
        name: "health",
        about: "Whether the process lives.",
        gives: Gives::Json("That it lives."),
        handler: Handler::Open(service::health),
        ..SERVICE
    },
    Row {
        path: "/readyz",
        name: "ready",
        about: "Whether the log can be written and views are near its head; 503 where not.",
        gives: Gives::Json("`ready`, and what is not."),
        handler: Handler::Open(service::ready),
        ..SERVICE
    },
    Row {
        path: "/metrics",
        name: "metrics",
        about: "Metrics of the process.",
        gives: Gives::Text("text/plain", "Prometheus's text format."),
        handler: Handler::Open(service::metrics),
        ..SERVICE
    },
    Row {
        path: "/openapi.json",
        name: "openapi",
        about: "This description.",
        gives: Gives::Json("OpenAPI 3.1."),
        handler: Handler::Open(service::description),
        ..SERVICE
    },
    Row {
        path: "/docs",
        name: "docs",
        about: "This description for people.",
        gives: Gives::Text("text/html", "One page."),
        handler: Handler::Open(service::docs),
        ..SERVICE
    },
    Row {
        path: "/docs/style.css",
        name: "docs_style",
        about: "The style of that page.",
        gives: Gives::Text("text/css", "A style sheet."),
        handler: Handler::Open(service::style),
        ..SERVICE
    },
];
