//! `POST /get-online-features`, as Feast's clients send it.

use serde_json::{Value, json};

use crate::fake;

async fn ask(request: &Value) -> (u16, Value) {
    fake::json(fake::post("/get-online-features", request.to_string())).await
}

#[tokio::test]
async fn features_come_by_column_with_their_status_and_time() {
    let request = json!({
        "features": ["planes:delay", "planes:age"],
        "entities": {"plane": [1, 2, 3, null]},
    });
    let (status, answer) = ask(&request).await;
    assert_eq!(status, 200);
    assert_eq!(
        answer["metadata"],
        json!({"feature_names": ["plane", "delay", "age"]})
    );
    assert_eq!(answer["results"][0]["values"], json!([1, 2, 3, null]));
    assert_eq!(
        answer["results"][1],
        json!({
            "values": [0.5, null, null, null],
            "statuses": ["PRESENT", "OUTSIDE_MAX_AGE", "NOT_FOUND", "NOT_FOUND"],
            "event_timestamps": [
                "2013-01-01T10:00:00.500Z",
                "2013-01-01T10:00:00.500Z",
                "1970-01-01T00:00:00Z",
                "1970-01-01T00:00:00Z",
            ],
        })
    );
    assert_eq!(
        answer["results"][2]["values"],
        json!([null, null, null, null])
    );
    assert_eq!(answer["results"][2]["statuses"][0], "PRESENT");

    let full = json!({
        "features": ["planes:delay"],
        "entities": {"plane": [1]},
        "full_feature_names": true,
    });
    let (_, answer) = ask(&full).await;
    assert_eq!(
        answer["metadata"]["feature_names"],
        json!(["plane", "planes__delay"])
    );
}

#[tokio::test]
async fn what_cannot_be_answered_is_an_error_of_feasts_form() {
    let cases = [
        (
            json!({"features": ["p:x"], "entities": {"plane": [1]}}),
            404,
            "no feature view 'p'",
        ),
        (
            json!({"features": ["planes:x"], "entities": {"plane": [1]}}),
            404,
            "no feature 'x'",
        ),
        (
            json!({"feature_service": "s", "entities": {"plane": [1]}}),
            404,
            "feature services",
        ),
        (
            json!({"features": ["delay"], "entities": {"plane": [1]}}),
            422,
            "view:feature",
        ),
        (
            json!({"features": ["planes:delay"], "entities": {"ship": [1]}}),
            422,
            "by 'plane'",
        ),
        (
            json!({"features": ["planes:delay"], "entities": {}}),
            422,
            "join keys",
        ),
        (
            json!({"features": [], "entities": {"a": [1], "b": []}}),
            422,
            "equally many",
        ),
        (
            json!({"features": [], "entities": {"a": [1, "x"]}}),
            422,
            "values of 'a'",
        ),
        (
            json!({"features": ["planes:delay"], "entities": {"plane": ["x"]}}),
            422,
            "have numbers",
        ),
        (
            json!({"features": ["planes:delay", "planes:delay"], "entities": {"plane": [1]}}),
            422,
            "twice",
        ),
        (json!([1]), 422, "no request"),
    ];
    for (request, wanted, words) in cases {
        let (status, answer) = ask(&request).await;
        assert_eq!(status, wanted, "{request}");
        let detail: Value = serde_json::from_str(answer.as_str().unwrap()).unwrap();
        assert_eq!(detail["module"], "feast.errors");
        let message = detail["message"].as_str().unwrap();
        assert!(message.contains(words), "{request}: {message}");
    }
}
