//! What is answered, in which form, with which codes.

use serde_json::{Value, json};

use super::server;
use crate::fake::{get, send, text};

#[tokio::test]
async fn a_run_is_answered_in_protobufs_json() {
    let server = server();
    let created = server.post("runs/create", json!({
        "experiment_id": "0", "user_id": "ada", "run_name": "first", "start_time": "5", "nobody_knows": 1,
    })).await;
    let id = created["run"]["info"]["run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(id.len(), 32);
    assert_eq!(
        created["run"]["info"],
        json!({
            "run_id": id, "run_uuid": id, "run_name": "first", "experiment_id": "0", "user_id": "ada",
            "status": "RUNNING", "start_time": 5, "artifact_uri": format!("mlflow-artifacts:/0/{id}/artifacts"),
            "lifecycle_stage": "active",
        })
    );
    let batch = json!({
        "run_id": id,
        "metrics": [
            {"key": "loss", "value": 0.5, "timestamp": 1, "step": 0},
            {"key": "loss", "value": 0.25, "timestamp": "2", "step": "1"},
            {"key": "odd", "value": "NaN", "timestamp": 1},
            {"key": "edge", "value": "-Infinity", "timestamp": 1},
        ],
        "params": [{"key": "depth", "value": "3"}],
        "tags": [{"key": "team", "value": "flights"}],
    });
    assert_eq!(server.post("runs/log-batch", batch).await, json!({}));
    let run = server.get(&format!("runs/get?run_id={id}")).await;
    let data = &run["run"]["data"];
    assert_eq!(data["params"], json!([{"key": "depth", "value": "3"}]));
    assert_eq!(
        data["metrics"],
        json!([
            {"key": "edge", "value": "-Infinity", "timestamp": 1, "step": 0},
            {"key": "loss", "value": 0.25, "timestamp": 2, "step": 1},
            {"key": "odd", "value": "NaN", "timestamp": 1, "step": 0},
        ])
    );
    let history = server
        .get(&format!(
            "metrics/get-history?run_id={id}&metric_key=loss&max_results=1"
        ))
        .await;
    assert_eq!(history["metrics"].as_array().unwrap().len(), 1);
    let token = history["next_page_token"].as_str().unwrap();
    let rest = server
        .get(&format!(
            "metrics/get-history?run_id={id}&metric_key=loss&max_results=1&page_token={token}"
        ))
        .await;
    assert_eq!(rest["metrics"][0]["step"], 1);
    assert_eq!(rest.get("next_page_token"), None);
    let twin = server
        .get(&format!("/ajax-api/2.0/mlflow/runs/get?run_uuid={id}"))
        .await;
    assert_eq!(twin, run);
}

#[tokio::test]
async fn errors_have_mlflows_form_and_codes() {
    let server = server();
    let id = server.run().await;
    for (method, path, body, status, code) in [
        (
            "GET",
            "experiments/get?experiment_id=77",
            Value::Null,
            404,
            "RESOURCE_DOES_NOT_EXIST",
        ),
        (
            "GET",
            "experiments/get?experiment_id=x",
            Value::Null,
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "GET",
            "experiments/get",
            Value::Null,
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "experiments/create",
            json!({"name": "Default"}),
            400,
            "RESOURCE_ALREADY_EXISTS",
        ),
        (
            "GET",
            "runs/get?run_id=nope",
            Value::Null,
            404,
            "RESOURCE_DOES_NOT_EXIST",
        ),
        (
            "GET",
            "registered-models/get?name=nope",
            Value::Null,
            404,
            "RESOURCE_DOES_NOT_EXIST",
        ),
        (
            "GET",
            "nothing/here",
            Value::Null,
            404,
            "ENDPOINT_NOT_FOUND",
        ),
        (
            "POST",
            "/api/3.0/mlflow/issues/search",
            json!({}),
            404,
            "ENDPOINT_NOT_FOUND",
        ),
        ("DELETE", "runs/get", Value::Null, 405, "ENDPOINT_NOT_FOUND"),
        (
            "POST",
            "runs/create",
            json!({"start_time": "soon"}),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "runs/create",
            json!("text"),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "runs/create",
            json!(7),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "runs/search",
            json!({"filter": "a = 1 OR b = 2"}),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "runs/search",
            json!({"max_results": 50_001}),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "runs/log-parameter",
            json!({"run_id": id, "key": "a/../b", "value": "x"}),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "runs/log-parameter",
            json!({"run_id": id, "key": "p", "value": "x".repeat(6001)}),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "runs/log-metric",
            json!({"run_id": id, "key": "m", "value": 1}),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "registered-models/create",
            json!({"name": "a".repeat(300)}),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
        (
            "POST",
            "registered-models/create",
            json!({"name": "a/b"}),
            400,
            "INVALID_PARAMETER_VALUE",
        ),
    ] {
        let found = server.refused(method, path, body).await;
        assert_eq!(
            (found.0, found.1.as_str()),
            (status, code),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn the_server_says_what_it_is() {
    let server = server();
    let (_, response) = send(&server.app, get("/version")).await;
    assert_eq!(text(response).await, forebay_server::mlflow::VERSION);
    let info = server.get("/api/3.0/mlflow/server-info").await;
    assert_eq!(info["multipart_uploads_enabled"], false);
    assert_eq!(server.get("/ajax-api/3.0/mlflow/server-info").await, info);
}

#[tokio::test]
async fn a_registered_version_knows_its_run_and_its_files() {
    let server = server();
    let run = server.run().await;
    let model = json!({"experiment_id": "0", "name": "tree", "source_run_id": run, "params": [{"key": "d", "value": "3"}]});
    let model = server.post("logged-models", model).await["model"]["info"].clone();
    let id = model["model_id"].as_str().unwrap();
    assert_eq!(model["status"], "LOGGED_MODEL_PENDING");
    let (status, ready) = server
        .call(
            "PATCH",
            &format!("logged-models/{id}"),
            json!({"model_id": id, "status": "LOGGED_MODEL_READY"}),
        )
        .await;
    assert_eq!(
        (status, &ready["model"]["info"]["status"]),
        (200, &json!("LOGGED_MODEL_READY"))
    );
    server
        .post("registered-models/create", json!({"name": "late"}))
        .await;
    let source = format!("models:/{id}");
    let version = server
        .post(
            "model-versions/create",
            json!({"name": "late", "source": source, "model_id": id}),
        )
        .await;
    assert_eq!(version["model_version"]["run_id"], run.as_str());
    assert_eq!(version["model_version"]["version"], "1");
    let uri = server
        .get("model-versions/get-download-uri?name=late&version=1")
        .await;
    assert_eq!(uri["artifact_uri"], model["artifact_uri"]);
    server
        .post(
            "registered-models/alias",
            json!({"name": "late", "alias": "champion", "version": "1"}),
        )
        .await;
    let champion = server
        .get("registered-models/alias?name=late&alias=champion")
        .await;
    assert_eq!(champion["model_version"]["aliases"], json!(["champion"]));
    let none = server
        .refused(
            "GET",
            "registered-models/alias?name=late&alias=none",
            Value::Null,
        )
        .await;
    assert_eq!(none, (400, "INVALID_PARAMETER_VALUE".into()));
    let tagged = server.get(&format!("logged-models/{id}")).await;
    assert_eq!(
        tagged["model"]["info"]["tags"][0]["key"],
        "mlflow.modelVersions"
    );
    let alias = json!({"name": "late", "alias": "champion"});
    assert_eq!(
        server
            .call("DELETE", "registered-models/alias", alias)
            .await
            .0,
        200
    );
}
