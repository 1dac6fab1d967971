//! What a key may not do for ever: make requests, and read.

use crate::place::{Place, limited, place};
use axum::body::Body;
use axum::http::{Request, header};
use http_body_util::BodyExt as _;
use leadline_engine::{Caller, Role};
use serde_json::json;
use std::num::NonZeroU32;
use tower::ServiceExt as _;

#[tokio::test]
async fn a_key_that_makes_too_many_requests_is_told_when_to_come_again() {
    let place = limited(NonZeroU32::new(3)).await;
    let (ann, bob) = (place.key(Role::Auditor).await, place.key(Role::Auditor).await);
    let ask = async |key: &str| place.call("GET", "/v1/leads", "", &[("authorization", key)]).await;
    let mut refused = ask(&ann).await;
    // Four within a second are enough; a slow machine may take more.
    for _ in 0..1_000 {
        if refused.status != 200 {
            break;
        }
        refused = ask(&ann).await;
    }
    assert_eq!((refused.status, refused.code().as_str()), (429, "rate_limited"), "{refused:?}");
    assert_eq!(refused.headers[header::RETRY_AFTER], "1");
    assert_eq!(refused.json()["retryable"], true);
    assert_eq!(ask(&bob).await.status, 200, "another key is another matter");
    let nobody = [("authorization", "Bearer nobody.secret")];
    for _ in 0..5 {
        assert_eq!(place.call("GET", "/v1/leads", "", &nobody).await.status, 401);
    }
}

async fn stream(place: &Place, key: &str, path: &str) -> Body {
    let request = Request::builder().uri(path).header(header::AUTHORIZATION, key);
    let request = request.body(Body::empty()).unwrap();
    place.router.clone().oneshot(request).await.unwrap().into_body()
}

/// The rest of a stream, as text.
async fn rest(body: Body) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

fn id(key: &str) -> &str {
    key.trim_start_matches("Bearer ").split('.').next().unwrap()
}

#[tokio::test]
async fn a_stream_ends_with_its_key_before_anything_that_came_after() {
    let place = place().await;
    for round in 0..20 {
        let key = place.key(Role::Auditor).await;
        let after = place.engine.head().borrow().0;
        let stream = stream(&place, &key, &format!("/v1/events/stream?after={after}")).await;
        let reading = tokio::spawn(rest(stream));
        place.post("/v1/leads", &json!({"company": format!("before-{round}")})).await;
        let (system, capture) = (Caller::system("test"), json!({"company": "after"}));
        // The revocation and what comes after it are written at once, in one commit where they meet.
        let (revoked, captured) = tokio::join!(
            place.engine.revoke_key(&system, id(&key)),
            place.post("/v1/leads", &capture),
        );
        revoked.unwrap();
        let events = place.get(&format!("/v1/events?after={after}")).await.json();
        let revocation = events["events"].as_array().unwrap().iter().find(|event| {
            event["type"] == "config.key_revoked" && event["data"]["key"] == id(&key)
        });
        let revocation = revocation.unwrap()["position"].as_u64().unwrap();
        let text = reading.await.unwrap();
        let last = text.lines().filter_map(|line| line.strip_prefix("id: ")).next_back();
        let last = last.map_or(0, |id| id.parse::<u64>().unwrap());
        assert!(last < revocation, "{last} was sent, {revocation} revoked, {captured:?}");
        assert!(text.contains("event: problem") && text.contains("unauthenticated"), "{text}");
    }
}

#[tokio::test]
async fn a_key_that_was_revoked_reads_nothing_old_either() {
    let place = place().await;
    for number in 0..300 {
        place.post("/v1/leads", &json!({"company": format!("Company {number}")})).await;
    }
    let key = place.key(Role::Auditor).await;
    let mut stream = stream(&place, &key, "/v1/events/stream?after=0").await;
    stream.frame().await.unwrap().unwrap();
    place.engine.revoke_key(&Caller::system("test"), id(&key)).await.unwrap();
    let text = rest(stream).await;
    assert!(text.starts_with("event: problem"), "{text}");
    let key = place.key(Role::Auditor).await;
    let stream = self::stream(&place, &key, "/v1/views/lead/stream").await;
    place.engine.revoke_key(&Caller::system("test"), id(&key)).await.unwrap();
    assert!(rest(stream).await.starts_with("event: problem"));
}
