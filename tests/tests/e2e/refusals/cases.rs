//! The requests and what they are answered with.

/// Who sends a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Sender {
    /// Nobody: no key at all.
    Nobody,
    /// Somebody with a key that nobody made.
    Stranger,
    /// The holder of the key of this name.
    Of(&'static str),
}

/// The body of a request.
#[derive(Clone, Copy, Debug)]
pub(super) enum Body {
    /// As it is written.
    Written(&'static str),
    /// A field of this name with so many letters.
    Long(&'static str, usize),
    /// So many commands.
    Many(usize),
    /// An opportunity with so many attributes, each as long as one may be once it is stored.
    Attributes(usize),
}

impl Body {
    pub(super) fn text(self) -> String {
        match self {
            Self::Written(text) => text.to_owned(),
            Self::Long(name, letters) => format!("{{\"{name}\":\"{}\"}}", "x".repeat(letters)),
            Self::Attributes(attributes) => {
                let one = |number| format!("\"a{number}\":\"{}\"", "\\\"".repeat(1_024));
                let all: Vec<String> = (0..attributes).map(one).collect();
                format!("{{\"account\":\"NEVER\",\"attributes\":{{{}}}}}", all.join(","))
            }
            Self::Many(commands) => format!("[{}]", vec!["{}"; commands].join(",")),
        }
    }
}

/// A request and what it is answered with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Case {
    pub(super) sender: Sender,
    pub(super) method: &'static str,
    pub(super) path: &'static str,
    pub(super) header: Option<(&'static str, &'static str)>,
    pub(super) body: Body,
    pub(super) status: u16,
    pub(super) code: &'static str,
    /// Whether the first sending of the same command has left the attempt.
    pub(super) repeated: bool,
}

const fn post(path: &'static str, body: &'static str, status: u16, code: &'static str) -> Case {
    Case {
        sender: Sender::Of("admin"),
        method: "POST",
        path,
        header: None,
        body: Body::Written(body),
        status,
        code,
        repeated: false,
    }
}

const fn get(path: &'static str, status: u16, code: &'static str) -> Case {
    Case { method: "GET", ..post(path, "", status, code) }
}

/// An item of a batch.
const fn item(body: &'static str, status: u16, code: &'static str) -> Case {
    post("/v1/commands", body, status, code)
}

impl Case {
    const fn by(self, role: &'static str) -> Self {
        Self { sender: Sender::Of(role), ..self }
    }

    const fn from(self, sender: Sender) -> Self {
        Self { sender, ..self }
    }

    const fn with(self, name: &'static str, value: &'static str) -> Self {
        Self { header: Some((name, value)), ..self }
    }

    const fn of(self, body: Body) -> Self {
        Self { body, ..self }
    }

    const fn again(self) -> Self {
        Self { repeated: true, ..self }
    }
}

const LONG_KEY: &str = concat!(
    "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
    "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
    "kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk"
);

/// Under the policies that leadline ships.
pub(super) const CASES: &[Case] = &[
    // Malformed, and wrong types.
    post("/v1/leads", "", 422, "name_or_company_required"),
    post("/v1/leads", "{", 400, "malformed_json"),
    post("/v1/leads", "[]", 400, "malformed_json"),
    post("/v1/leads", "\"x\"", 400, "malformed_json"),
    post("/v1/leads", "{\"company\":\"a\"} trailing", 400, "malformed_json"),
    post("/v1/leads", "{\"company\":\"a\",\"company\":\"b\"}", 400, "malformed_json"),
    post("/v1/leads", "{\"company\":7}", 400, "field_invalid"),
    post("/v1/leads", "{\"company\":\"a\",\"amount_cents\":\"7\"}", 400, "field_invalid"),
    post("/v1/leads", "{\"company\":\"a\",\"amount_cents\":7.5}", 400, "field_invalid"),
    post(
        "/v1/leads",
        "{\"company\":\"a\",\"amount_cents\":7,\"currency\":\"euro\"}",
        400,
        "field_invalid",
    ),
    post("/v1/leads", "{\"company\":\"a\",\"occurred_at\":\"yesterday\"}", 400, "field_invalid"),
    post("/v1/leads", "{\"company\":[\"a\"]}", 400, "field_invalid"),
    post("/v1/leads/key:unqualified/reopen", "{\"to\":\"converted\"}", 400, "field_invalid"),
    post(
        "/v1/leads/key:mql/reject-sal",
        "{\"reason\":\"x\",\"outcome\":\"explode\"}",
        400,
        "field_invalid",
    ),
    post("/v1/leads/key:sal/convert", "{\"no_opportunity\":\"yes\"}", 400, "field_invalid"),
    post("/v1/leads/key:sal/convert", "{\"account_id\":\"7\"}", 400, "field_invalid"),
    post("/v1/keys", "{\"label\":\"x\",\"role\":\"king\"}", 400, "field_invalid"),
    post("/v1/keys", "{\"label\":\"\",\"role\":\"sales\"}", 400, "label_invalid"),
    post("/v1/leads", "{\"emial\":\"x\"}", 400, "unknown_field"),
    post("/v1/leads/key:new/mark-mql", "{\"why\":\"x\"}", 400, "unknown_field"),
    post("/v1/policies/short@1/activate", "{\"policy\":\"short@1\"}", 400, "unknown_field"),
    post("/v1/leads/key:new/set-source", "{}", 400, "field_missing"),
    post("/v1/campaigns", "{\"title\":\"Fair\"}", 400, "field_missing"),
    post("/v1/leads/12/mark-mql", "", 400, "target_invalid"),
    post("/v1/leads/%FF/mark-mql", "", 400, "path_invalid"),
    post("/v1/leads/key:%20/mark-mql", "", 400, "key_invalid"),
    post("/v1/leads", "{\"company\":\"a\"}", 400, "key_invalid").with("idempotency-key", ""),
    post("/v1/leads", "{\"company\":\"a\"}", 400, "key_invalid").with("idempotency-key", LONG_KEY),
    post("/v1/leads/key:new/add-note", "{\"note\":\"x\"}", 400, "if_match_invalid")
        .with("if-match", "2"),
    post("/v1/leads?wait=nothing", "{\"company\":\"a\"}", 400, "query_invalid"),
    post("/v1/leads?wait=lead&wait=sla", "{\"company\":\"a\"}", 400, "query_invalid"),
    post("/v1/leads?dry_run=true", "{\"company\":\"a\"}", 400, "query_invalid"),
    post("/v1/leads", "{}", 415, "media_type_unsupported").with("content-type", "text/plain"),
    post("/v1/imports", "no gzip", 400, "gzip_invalid").with("content-type", "application/gzip"),
    post("/v1/imports", "{}", 415, "media_type_unsupported"),
    post("/v1/imports?strict=perhaps", "", 400, "query_invalid")
        .with("content-type", "application/jsonl"),
    item("{\"type\":\"Dance\"}\n", 400, "command_unknown")
        .with("content-type", "application/x-ndjson"),
    item("[{\"type\":\"MarkMql\",\"target\":\"key:new\"}]", 400, "command_unknown"),
    item("[{\"type\":\"MarkMQL\"}]", 400, "target_missing"),
    item("[{\"type\":\"MarkMQL\",\"target\":\"new\"}]", 400, "target_invalid"),
    item("[{\"type\":\"EraseSubject\",\"target\":\"key:new\"}]", 400, "command_not_in_batch"),
    item("[{\"type\":\"MarkMQL\",\"target\":\"key:new\",\"colour\":1}]", 400, "malformed_json"),
    item("[{\"type\":\"CaptureLead\",\"payload\":{\"emial\":\"x\"}}]", 400, "unknown_field"),
    item("[{]", 400, "malformed_json"),
    // Oversized.
    post("/v1/leads", "", 413, "body_too_large").of(Body::Long("company", 1_100_000)),
    post("/v1/opportunities", "", 413, "command_too_large").of(Body::Attributes(50)),
    post("/v1/leads", "", 400, "field_too_long").of(Body::Long("company", 1_025)),
    post("/v1/leads/key:new/add-note", "", 400, "field_too_long").of(Body::Long("note", 16_385)),
    item("", 413, "too_many_commands").of(Body::Many(1_001)),
    // Unauthorised, and forbidden by role.
    get("/v1/leads", 401, "unauthenticated").from(Sender::Nobody),
    get("/v1/leads", 401, "unauthenticated").from(Sender::Stranger),
    get("/v1/leads", 401, "unauthenticated").by("revoked"),
    post("/v1/leads", "{\"company\":\"a\"}", 401, "unauthenticated").from(Sender::Nobody),
    post("/v1/leads", "{\"company\":\"a\"}", 401, "unauthenticated").by("revoked"),
    post("/v1/leads", "{", 401, "unauthenticated").from(Sender::Stranger),
    post("/v1/leads", "{\"company\":\"a\"}", 403, "forbidden").by("auditor"),
    post("/v1/leads/key:new/mark-mql", "", 403, "forbidden").by("sales"),
    post("/v1/leads/key:mql/accept-sal", "", 403, "forbidden").by("marketing"),
    post("/v1/leads/key:new/add-note", "{\"note\":\"x\"}", 403, "forbidden").by("integration"),
    post("/v1/subjects/key:new/erase", "", 403, "forbidden").by("marketing"),
    post("/v1/policies/short@1/activate", "", 403, "forbidden").by("sales"),
    get("/v1/leads", 403, "forbidden").by("integration"),
    get("/v1/events/stream", 403, "forbidden").by("integration"),
    get("/v1/keys", 403, "forbidden").by("auditor"),
    item("[{\"type\":\"MarkMQL\",\"target\":\"key:new\"}]", 403, "forbidden").by("auditor"),
    // Unknown targets and paths.
    post("/v1/leads/<nobody>/mark-mql", "", 404, "lead_unknown"),
    post("/v1/leads/key:nobody/mark-mql", "", 404, "lead_unknown"),
    post("/v1/subjects/key:nobody/erase", "", 404, "lead_unknown"),
    post("/v1/subjects/<nobody>/erase", "{\"through\":\"contact\"}", 404, "contact_unknown"),
    post("/v1/accounts/<nobody>/rename", "{\"name\":\"a\"}", 404, "account_unknown"),
    post("/v1/leads/key:sal/convert", "{\"account_id\":\"<nobody>\"}", 404, "account_unknown"),
    post("/v1/contacts/<nobody>/update", "{\"city\":\"a\"}", 404, "contact_unknown"),
    post("/v1/opportunities/<nobody>/close-won", "", 404, "opportunity_unknown"),
    post("/v1/opportunities/key:nobody/close-won", "", 404, "opportunity_unknown"),
    post("/v1/campaigns/key:nothing/start", "", 404, "campaign_unknown"),
    post("/v1/policies/short@9/activate", "", 404, "policy_unknown"),
    post("/v1/keys/lk0/revoke", "", 404, "key_unknown"),
    post("/v1/leads/key:new/cancel-work", "{\"queue\":\"nothing\"}", 404, "task_unknown"),
    post("/v1/leads/key:new/dance", "", 404, "route_unknown"),
    get("/v2/leads", 404, "route_unknown"),
    Case { method: "PUT", ..post("/v1/leads", "", 405, "method_not_allowed") },
    get("/v1/leads/key:nobody", 404, "not_found"),
    get("/v1/leads/<nowhere>/history", 404, "not_found"),
    get("/v1/leads/<gone>?as_of=1", 404, "not_found"),
    get("/v1/views/nothing", 404, "not_found"),
    get("/v1/views/nothing/stream", 404, "not_found"),
    get("/v1/events/999999999", 404, "not_found"),
    get("/v1/imports/<nobody>", 404, "not_found"),
    // Questions that make no sense.
    get("/v1/views/pipeline?as_of=soon", 400, "parameter_invalid"),
    get("/v1/views/pipeline?as_of=-1", 400, "parameter_invalid"),
    get("/v1/views/pipeline?as_of=2026-13-01T00:00:00Z", 400, "parameter_invalid"),
    get("/v1/views/pipeline?axis=both", 400, "parameter_invalid"),
    get("/v1/views/pipeline?colour=red", 400, "parameter_invalid"),
    get("/v1/views/attribution?model=guess", 400, "parameter_invalid"),
    get("/v1/leads/key:new?as_of=soon", 400, "parameter_invalid"),
    get("/v1/events?limit=0", 400, "query_invalid"),
    get("/v1/events?after=x", 400, "query_invalid"),
    get("/v1/events/stream?after=x", 400, "query_invalid"),
    get("/v1/events/x", 400, "query_invalid"),
    // Stale.
    post("/v1/leads/key:new/add-note", "{\"note\":\"x\"}", 412, "stale_version")
        .with("if-match", "\"9\""),
    item("[{\"type\":\"MarkMQL\",\"target\":\"key:new\",\"if_version\":7}]", 412, "stale_version"),
    // Repeated.
    post("/v1/leads", "{\"company\":\"Other\"}", 422, "idempotency_payload_mismatch")
        .with("idempotency-key", "once"),
    post("/v1/leads/key:new/qualify", "", 409, "transition_not_allowed")
        .with("idempotency-key", "refused once")
        .again(),
    // Conflicting.
    post("/v1/campaigns", "{\"key\":\"planned\"}", 409, "already_exists"),
    post(
        "/v1/opportunities",
        "{\"account_id\":\"<account>\",\"external_key\":\"deal\"}",
        409,
        "already_exists",
    ),
    post(
        "/v1/leads/key:new/update-details",
        "{\"email\":\"taken@example.org\"}",
        409,
        "match_key_taken",
    ),
    post("/v1/leads/key:new/qualify", "", 409, "transition_not_allowed"),
    post("/v1/leads/key:mql/mark-mql", "", 409, "already_mql"),
    post("/v1/leads/key:sal/accept-sal", "", 409, "already_accepted"),
    post("/v1/leads/key:qualified/qualify", "", 409, "already_qualified"),
    post("/v1/leads/key:converted/convert", "", 409, "already_converted"),
    post("/v1/leads/key:unqualified/disqualify", "{\"reason\":\"x\"}", 409, "already_unqualified"),
    post("/v1/leads/key:nurturing/recycle", "{\"reason\":\"x\"}", 409, "already_nurturing"),
    post("/v1/leads/key:new/accept-sal", "", 409, "not_mql"),
    post("/v1/leads/key:new/convert", "", 409, "not_qualified"),
    post("/v1/leads/key:queued/accept-sal", "", 409, "owner_is_queue").by("sales"),
    post("/v1/leads/key:held/assign", "{\"owner\":\"somebody\"}", 409, "same_owner"),
    post("/v1/leads/key:held/accept-sal", "", 403, "not_assignee").by("sales"),
    post(
        "/v1/leads/key:converted/update-details",
        "{\"city\":\"x\"}",
        409,
        "field_locked_after_conversion",
    ),
    post(
        "/v1/leads/key:dated/accept-sal",
        "{\"occurred_at\":\"2020-02-01T09:00:00Z\"}",
        409,
        "backdate_not_allowed",
    ),
    post("/v1/campaigns/key:ended/start", "", 409, "campaign_not_open"),
    post("/v1/opportunities/key:won/close-won", "", 409, "already_closed"),
    post("/v1/opportunities/key:deal/reopen", "", 409, "not_closed"),
    post(
        "/v1/policies",
        "{\"kind\":\"attribution\",\"name\":\"short\",\"version\":1,\"half_life_seconds\":1}",
        409,
        "version_immutable",
    ),
    // Against a rule.
    post("/v1/leads", "{\"source\":\"Web\"}", 422, "name_or_company_required"),
    post("/v1/leads", "{\"company\":\"a\",\"amount_cents\":-1}", 422, "amount_negative"),
    post("/v1/leads/key:new/record-touch", "{}", 422, "touch_empty"),
    post(
        "/v1/leads/key:new/record-touch",
        "{\"campaign\":\"planned\"}",
        422,
        "campaign_not_started",
    ),
    post("/v1/leads/key:new/record-touch", "{\"campaign\":\"ended\"}", 422, "campaign_ended"),
    post("/v1/leads/key:new/add-note", "{\"note\":\"\"}", 400, "field_missing"),
    post("/v1/leads/key:new/disqualify", "{}", 422, "reason_required"),
    post("/v1/leads/key:mql/reject-sal", "{}", 422, "reason_required"),
    post(
        "/v1/leads/key:sal/convert",
        "{\"no_opportunity\":true}",
        422,
        "no_opportunity_reason_required",
    ),
    // The account that it names is not opened, and its key stays free.
    post(
        "/v1/leads/key:sal/convert",
        "{\"account\":\"NEVER\",\"no_opportunity\":true}",
        422,
        "no_opportunity_reason_required",
    ),
    post("/v1/accounts/key:NEVER/rename", "{\"name\":\"a\"}", 404, "account_unknown"),
    post(
        "/v1/leads/key:sal/convert",
        "{\"account_id\":\"<account>\",\"contact_id\":\"<contact>\"}",
        422,
        "contact_not_in_account",
    ),
    post(
        "/v1/leads/key:dated/add-note",
        "{\"note\":\"x\",\"occurred_at\":\"2019-01-01T09:00:00Z\"}",
        422,
        "occurred_before_capture",
    ),
    post(
        "/v1/leads/key:new/mark-mql",
        "{\"occurred_at\":\"2999-01-01T09:00:00Z\"}",
        422,
        "occurred_in_future",
    ),
    post("/v1/opportunities", "{}", 422, "account_required"),
    post(
        "/v1/opportunities/key:deal/change-amount",
        "{\"amount_cents\":7,\"currency\":\"USD\"}",
        422,
        "currency_mismatch",
    ),
    post(
        "/v1/opportunities/key:deal/change-amount",
        "{\"amount_cents\":-7}",
        422,
        "amount_negative",
    ),
    post("/v1/opportunities/key:deal/close-lost", "{}", 422, "lost_reason_required"),
    post("/v1/policies", "{\"kind\":\"dance\"}", 422, "policy_invalid"),
    post(
        "/v1/policies",
        "{\"kind\":\"attribution\",\"name\":\"x\",\"version\":1,\"half_life_seconds\":1,\"colour\":1}",
        422,
        "policy_invalid",
    ),
    // Erased.
    post("/v1/leads/key:gone/add-note", "{\"note\":\"x\"}", 404, "lead_unknown"),
    post("/v1/leads/<gone>/add-note", "{\"note\":\"x\"}", 410, "erased"),
    post("/v1/leads/<gone>/update-details", "{\"city\":\"x\"}", 410, "erased"),
];

/// Under policies that register nothing and skip nothing.
pub(super) const STRICT_CASES: &[Case] = &[
    post("/v1/leads/key:new/mark-mql", "", 409, "step_disabled"),
    post("/v1/leads", "{\"company\":\"a\"}", 422, "source_required"),
    post("/v1/leads", "{\"company\":\"a\",\"source\":\"Fair\"}", 422, "source_unknown"),
    post("/v1/leads/key:new/disqualify", "{\"reason\":\"whim\"}", 422, "reason_unknown"),
    post(
        "/v1/opportunities/key:ground/advance-stage",
        "{\"stage\":\"Cellar\"}",
        422,
        "stage_unknown",
    ),
    post(
        "/v1/opportunities/key:stairs/advance-stage",
        "{\"stage\":\"First\"}",
        422,
        "backward_not_allowed",
    ),
    post(
        "/v1/opportunities/key:ground/advance-stage",
        "{\"stage\":\"Third\"}",
        422,
        "stage_skip_not_allowed",
    ),
    post(
        "/v1/leads/key:sal/convert",
        "{\"no_opportunity_reason\":\"none\"}",
        422,
        "opportunity_required",
    ),
];
