//! API keys: created, listed, revoked.

use crate::commands::{JSON, document};
use crate::operation::Answer;
use crate::problem::Problem;
use crate::request::{Call, check_content_type};
use axum::http::StatusCode;
use leadline_capture::codec::BODY_BYTES_MAX;
use leadline_engine::role::Role;
use serde::Deserialize;
use serde_json::json;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    label: String,
    role: String,
}

/// Creates a key. Its secret is shown this once.
pub(crate) fn create(mut call: Call) -> Answer {
    Box::pin(async move {
        check_content_type(&call.headers, JSON)?;
        let body = call.take_body(BODY_BYTES_MAX).await?;
        let wanted: Wanted = serde_json::from_slice(&body).map_err(|_| {
            Problem::malformed("malformed_json", "a key is asked for by `label` and `role`")
        })?;
        let role = Role::named(&wanted.role).ok_or_else(|| {
            let names = Role::ALL.map(Role::name).join(", ");
            Problem::malformed("field_invalid", format!("`role` takes one of: {names}"))
        })?;
        let key = call.api.engine.create_key(&call.caller, &wanted.label, role).await?;
        let json =
            json!({"id": key.id, "key": key.bearer, "label": wanted.label, "role": role.name()});
        let mut response = document(json.to_string().into_bytes());
        *response.status_mut() = StatusCode::CREATED;
        Ok(response)
    })
}

/// Lists the keys, without secrets.
pub(crate) fn list(call: Call) -> Answer {
    Box::pin(async move {
        let keys = call.api.engine.list_keys(&call.caller)?;
        Ok(document(keys.to_string().into_bytes()))
    })
}

/// Revokes a key.
pub(crate) fn revoke(call: Call) -> Answer {
    Box::pin(async move {
        let key = call.path("key")?;
        call.api.engine.revoke_key(&call.caller, key).await?;
        Ok(document(json!({"id": key, "revoked": true}).to_string().into_bytes()))
    })
}
