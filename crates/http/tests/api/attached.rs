//! An opportunity that was there before the lead was converted into it.

use crate::place::{Place, place};
use serde_json::{Value, json};

async fn accepted(place: &Place) -> String {
    let capture = json!({"company": "Engines Ltd", "source": "Web"});
    let captured = place.post("/v1/leads", &capture).await.json();
    let lead = format!("/v1/leads/{}", captured["id"].as_str().unwrap());
    for (step, body) in [
        ("record-touch", json!({"channel": "email"})),
        ("mark-mql", json!({})),
        ("accept-sal", json!({})),
    ] {
        assert_eq!(place.post(&format!("{lead}/{step}"), &body).await.status, 200, "{step}");
    }
    lead
}

async fn rows(place: &Place, view: &str, table: &str) -> Vec<Value> {
    let view = place.get(&format!("/v1/views/{view}")).await;
    view.json()[table].as_array().unwrap().clone()
}

#[tokio::test]
async fn its_win_counts_for_the_lead_in_every_view() {
    let place = place().await;
    let open = json!({"account": "ACME", "amount_cents": 10_000, "stage": "Proposal",
        "external_key": "o/1", "attributes": {"region": "north"}});
    let opened = place.post("/v1/opportunities", &open).await.json();
    let (id, account) = (&opened["id"], &opened["events"]);
    let account = account.as_array().unwrap().iter().find(|one| one["type"] == "account.opened");
    let account = account.unwrap()["stream"].as_str().unwrap().trim_start_matches("account-");
    let path = format!("/v1/opportunities/{}", id.as_str().unwrap());
    let advance = json!({"stage": "Negotiation"});
    assert_eq!(place.post(&format!("{path}/advance-stage"), &advance).await.status, 200);
    let lead = accepted(&place).await;
    let convert = json!({"account_id": account, "opportunity_id": id});
    let converted = place.post(&format!("{lead}/convert"), &convert).await;
    assert_eq!(converted.status, 200, "{converted:?}");
    let before = rows(&place, "pipeline?by=source", "rows").await;
    assert_eq!((before.len(), &before[0]["count"]), (1, &json!(1)), "{before:?}");
    assert_eq!(place.post(&format!("{path}/close-won"), &json!({})).await.status, 200);
    let read = place.get(&lead).await.json();
    assert_eq!((&read["outcome"], &read["won_minor"]), (&json!("won"), &json!(10_000)), "{read}");
    assert_eq!((&read["opportunity"], &read["phase"]), (id, &json!("converted")));
    for (view, table, column) in
        [("conversion", "rows", "won"), ("pipeline", "rows", "won"), ("funnel", "stages", "won")]
    {
        let rows = rows(&place, view, table).await;
        let won: i64 = rows.iter().filter_map(|row| row[column].as_i64()).max().unwrap();
        assert_eq!(won, 1, "{view}: {rows:?}");
    }
    let attributed = rows(&place, "attribution?model=last", "rows").await;
    assert!(
        attributed
            .iter()
            .any(|row| row["group"] == "email" && row["credit_revenue_minor"] == 10_000),
        "{attributed:?}"
    );
    // The key of the opportunity leads to the lineage that it is in now.
    let lineage = rows(&place, "timeline?root=key:o%2F1", "rows").await;
    let types: Vec<&str> = lineage.iter().filter_map(|row| row["type"].as_str()).collect();
    assert!(types.contains(&"lead.captured") && types.contains(&"opportunity.won"), "{types:?}");
}
