//! Answers as of then follow the policies of then.

use crate::place::place;
use serde_json::json;

#[tokio::test]
async fn attribution_as_of_a_position_does_not_change_with_a_later_policy() {
    let place = place().await;
    let capture = json!({"company": "Engines Ltd", "source": "Web"});
    let captured = place.post("/v1/leads", &capture).await.json();
    let lead = format!("/v1/leads/{}", captured["id"].as_str().unwrap());
    for (channel, days) in [("fair", 20), ("email", 1)] {
        let at = place.engine.now().plus_millis(-days * 86_400_000).to_string();
        let touch = json!({"channel": channel, "occurred_at": at});
        let touched = place.post(&format!("{lead}/record-touch"), &touch).await;
        assert_eq!(touched.status, 200, "{touched:?}");
    }
    let order = json!({"amount_cents": 1_000});
    let bought = place.post(&format!("{lead}/record-conversion"), &order).await.json();
    let then = format!("/v1/views/attribution?model=linear&as_of={}", bought["position"]);
    let present = "/v1/views/attribution?model=linear";
    let (before, first) = (place.get(&then).await.json(), place.get(present).await.json());
    let policy = json!({"kind": "attribution", "name": "short", "version": 1, "window_days": 7,
        "half_life_seconds": 60});
    assert_eq!(place.post("/v1/policies", &policy).await.status, 200);
    let activated = place.post("/v1/policies/short@1/activate", &json!({})).await;
    assert_eq!(activated.status, 200, "{activated:?}");
    let mut after = place.get(&then).await.json();
    // The view has come further; the answer has not changed.
    after["position"] = before["position"].clone();
    assert_eq!(after, before);
    assert_ne!(place.get(present).await.json()["rows"], first["rows"]);
}
