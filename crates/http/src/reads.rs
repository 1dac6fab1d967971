//! Questions: leads, histories, views, events.

use crate::commands::document;
use crate::operation::Answer;
use crate::problem::Problem;
use crate::request::{Call, position};
use axum::http::{HeaderValue, header};
use leadline_domain::refusal::shown;
use leadline_engine::Error;
use leadline_engine::query::PAGE_EVENTS_MAX;
use leadline_engine::role::Role;
use leadline_log::Position;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The view of leads as they stand.
const LEADS: &str = "lead";

fn answer(json: &Value) -> axum::response::Response {
    document(serde_json::to_vec(json).unwrap_or_default())
}

/// One lead, as it stands or stood.
pub(crate) fn lead(call: Call) -> Answer {
    Box::pin(async move {
        let (target, query) = (call.target()?, call.query()?);
        let parts = &call.api;
        let lead = parts.engine.lead(&parts.projections, &call.caller, &target, query).await?;
        let version = lead.get("version").and_then(Value::as_u64);
        let mut response = answer(&lead);
        if let Some(version) = version
            && let Ok(tag) = HeaderValue::try_from(format!("\"{version}\""))
        {
            response.headers_mut().insert(header::ETAG, tag);
        }
        Ok(response)
    })
}

/// Leads, by filters.
pub(crate) fn leads(call: Call) -> Answer {
    Box::pin(async move {
        let query = call.query()?;
        let parts = &call.api;
        let found = parts.engine.view(&parts.projections, &call.caller, LEADS, query).await?;
        Ok(answer(&found))
    })
}

/// A view.
pub(crate) fn view(call: Call) -> Answer {
    Box::pin(async move {
        let (name, query) = (call.path("name")?, call.query()?);
        let parts = &call.api;
        let found = parts.engine.view(&parts.projections, &call.caller, name, query).await?;
        Ok(answer(&found))
    })
}

/// A digest of a view.
pub(crate) fn checksum(call: Call) -> Answer {
    Box::pin(async move {
        let name = call.path("name")?;
        let parts = &call.api;
        let found = parts.engine.view_checksum(&parts.projections, &call.caller, name).await?;
        Ok(answer(&found))
    })
}

/// Rebuilds a view beside the one that answers, then swaps.
pub(crate) fn rebuild(call: Call) -> Answer {
    Box::pin(async move {
        if call.caller.role != Role::Admin {
            let what = "rebuild views".to_owned();
            return Err(Error::Forbidden { role: call.caller.role.name(), what }.into());
        }
        let name = call.path("name")?.to_owned();
        let api = call.api.clone();
        // Goes on where the caller goes away: a rebuild that is begun is best finished.
        let rebuilt = tokio::spawn(async move {
            let rebuilt = api.projections.rebuild(&api.engine, &name, |_, _| ()).await?;
            Ok::<_, Problem>(json!({
                "view": name,
                "position": rebuilt.position.0,
                "same": rebuilt.same,
            }))
        });
        let rebuilt = rebuilt.await.map_err(|error| Error::failed("rebuild", error))??;
        Ok(answer(&rebuilt))
    })
}

/// Where a page begins and how long it is.
fn page(mut query: BTreeMap<String, String>) -> Result<(Position, usize), Problem> {
    let after = query.remove("after").map(|text| position("after", &text)).transpose()?;
    let limit = query.remove("limit").map(|text| text.parse::<usize>()).transpose();
    let limit =
        limit.ok().filter(|limit| limit.is_none_or(|limit| (1..=PAGE_EVENTS_MAX).contains(&limit)));
    let limit = limit.ok_or_else(|| {
        let detail = format!("`limit` takes a whole number from 1 to {PAGE_EVENTS_MAX}");
        Problem::malformed("query_invalid", detail)
    })?;
    if let Some((name, _)) = query.first_key_value() {
        let detail =
            format!("there is no parameter `{}`; there are `after` and `limit`", shown(name));
        return Err(Problem::malformed("query_invalid", detail));
    }
    Ok((after.unwrap_or(Position::START), limit.unwrap_or(PAGE_EVENTS_MAX)))
}

/// Everything that happened to a lead.
pub(crate) fn history(call: Call) -> Answer {
    Box::pin(async move {
        let (target, (after, limit)) = (call.target()?, page(call.query()?)?);
        let found = call.api.engine.history(&call.caller, &target, after, limit).await?;
        Ok(answer(&found))
    })
}

/// A page of the log.
pub(crate) fn events(call: Call) -> Answer {
    Box::pin(async move {
        let (after, limit) = page(call.query()?)?;
        Ok(answer(&call.api.engine.events(&call.caller, after, limit).await?))
    })
}

/// Why an event came about.
pub(crate) fn explain(call: Call) -> Answer {
    Box::pin(async move {
        let at = position("position", call.path("position")?)?;
        Ok(answer(&call.api.engine.explain(&call.caller, at).await?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_bounds() {
        let read = |text: &str| page(crate::request::query(&text.parse().unwrap()).unwrap());
        assert_eq!(read("/x"), Ok((Position(0), PAGE_EVENTS_MAX)));
        assert_eq!(read("/x?after=7&limit=1"), Ok((Position(7), 1)));
        for text in ["/x?limit=0", "/x?limit=501", "/x?after=-1", "/x?befor=1"] {
            assert!(read(text).is_err(), "{text}");
        }
    }
}
