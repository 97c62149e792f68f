//! MLflow's REST protocol: forms, codes, paging, artifacts; and every known way to misuse it.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use forebay_server::router;
use serde_json::{Value, json};

use crate::fake::{self, Fake, HOST, bytes, get, send, text};

const API: &str = "/api/2.0/mlflow";
const ARTIFACTS: &str = "/api/2.0/mlflow-artifacts/artifacts";

struct Server {
    app: Router,
    folder: tempfile::TempDir,
}

fn server() -> Server {
    let folder = tempfile::tempdir().unwrap();
    let tracking = fake::tracking_at(&folder.path().join("root"));
    let app = router(Arc::new(Fake::default()), tracking, fake::options());
    Server { app, folder }
}

impl Server {
    async fn send(&self, method: &str, path: &str, body: impl Into<Body>) -> (u16, Response<Body>) {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", HOST);
        let request = request.header("content-type", "application/json");
        let (status, response) = send(&self.app, request.body(body.into()).unwrap()).await;
        (status.as_u16(), response)
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> (u16, Value) {
        let body = if body.is_null() {
            String::new()
        } else {
            body.to_string()
        };
        let path = if path.starts_with('/') {
            path.to_owned()
        } else {
            format!("{API}/{path}")
        };
        let (status, response) = self.send(method, &path, body).await;
        let text = text(response).await;
        (
            status,
            serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}")),
        )
    }

    async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call("POST", path, body).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    async fn get(&self, path: &str) -> Value {
        let (status, answer) = self.call("GET", path, Value::Null).await;
        assert_eq!(status, 200, "{path}: {answer}");
        answer
    }

    /// Status and error code of a request that must fail.
    async fn refused(&self, method: &str, path: &str, body: Value) -> (u16, String) {
        let (status, answer) = self.call(method, path, body).await;
        assert!(status >= 400, "{method} {path}: {answer}");
        assert!(
            answer["message"]
                .as_str()
                .is_some_and(|message| !message.is_empty()),
            "{answer}"
        );
        (status, answer["error_code"].as_str().unwrap().to_owned())
    }

    async fn run(&self) -> String {
        let run = self
            .post(
                "runs/create",
                json!({"experiment_id": "0", "start_time": 5}),
            )
            .await;
        run["run"]["info"]["run_id"].as_str().unwrap().to_owned()
    }

    fn root(&self) -> std::path::PathBuf {
        self.folder.path().join("root")
    }
}

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
            "/api/3.0/mlflow/traces",
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
async fn bodies_that_are_no_request_are_refused_as_such() {
    let server = server();
    let path = format!("{API}/runs/create");
    let nested = format!("{{\"status\":{}{}", "[".repeat(9_000), "]".repeat(9_000));
    let nan = r#"{"run_id": "r", "key": "m", "value": NaN, "timestamp": 1}"#;
    for (path, body) in [
        ("runs/create", "{"),
        ("runs/create", &"[".repeat(50_000)),
        ("runs/update", &nested),
        ("runs/log-metric", nan),
    ] {
        let (status, response) = server
            .send("POST", &format!("{API}/{path}"), body.to_owned())
            .await;
        let said = text(response).await;
        assert_eq!(status, 400, "{said}");
        assert!(said.contains("INVALID_PARAMETER_VALUE"), "{said}");
    }
    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "",
    ] {
        let request = Request::post(&path)
            .header("host", HOST)
            .header("content-type", kind);
        let (status, _) = send(&server.app, request.body(Body::from("{}")).unwrap()).await;
        assert_eq!(status, 415, "{kind}");
    }
    let (status, response) = server.send("POST", &path, vec![b' '; 200_000]).await;
    assert_eq!(
        (status, text(response).await.contains("error_code")),
        (413, true)
    );
    let huge = json!({"experiment_ids": ["0"], "filter": "params.a = 'b' AND ".repeat(4_000)});
    assert_eq!(server.refused("POST", "runs/search", huge).await.0, 400);
}

#[tokio::test]
async fn strangers_may_not_ask() {
    let server = server();
    for path in [
        &format!("{API}/experiments/search"),
        ARTIFACTS,
        "/get-artifact?path=x&run_id=y",
    ] {
        let request = Request::get(path).header("host", "evil.example:8600");
        let (status, response) = send(&server.app, request.body(Body::empty()).unwrap()).await;
        assert_eq!(status, 403, "{path}");
        assert!(text(response).await.contains("PERMISSION_DENIED"));
    }
    for (method, path) in [
        ("POST", format!("{API}/runs/create")),
        ("PUT", format!("{ARTIFACTS}/0/x")),
    ] {
        let request = Request::builder()
            .method(method)
            .uri(&path)
            .header("host", HOST);
        let request = request
            .header("origin", "http://evil.example")
            .header("content-type", "application/json");
        assert_eq!(
            send(&server.app, request.body(Body::from("{}")).unwrap())
                .await
                .0,
            403,
            "{method}"
        );
    }
}

#[tokio::test]
async fn artifacts_go_up_and_down_in_pieces() {
    let server = server();
    let path = format!("{ARTIFACTS}/0/r/artifacts/data/some%20file.bin");
    let pieces = (0..300_u32).map(|n| Ok::<_, std::io::Error>(vec![n as u8; 1_000]));
    let (status, _) = server
        .send(
            "PUT",
            &path,
            Body::from_stream(futures::stream::iter(pieces)),
        )
        .await;
    assert_eq!(status, 200, "larger than the limit of other bodies");
    let whole: Vec<u8> = (0..300_u32).flat_map(|n| vec![n as u8; 1_000]).collect();
    let (status, response) = send(&server.app, get(&path)).await;
    assert_eq!(status, 200);
    assert_eq!(response.headers()["content-length"], "300000");
    assert_eq!(bytes(response).await, whole);
    let mut part = get(&path);
    part.headers_mut()
        .insert("range", "bytes=999-1000".parse().unwrap());
    let (status, response) = send(&server.app, part).await;
    assert_eq!(
        (status.as_u16(), &response.headers()["content-range"]),
        (206, &"bytes 999-1000/300000".parse().unwrap())
    );
    assert_eq!(bytes(response).await, [0, 1]);
    let mut beyond = get(&path);
    beyond
        .headers_mut()
        .insert("range", "bytes=300000-".parse().unwrap());
    assert_eq!(send(&server.app, beyond).await.0, 416);
    let listed = server.get(&format!("{ARTIFACTS}?path=0/r/artifacts")).await;
    assert_eq!(listed, json!({"files": [{"path": "data", "is_dir": true}]}));
    let listed = server
        .get(&format!("{ARTIFACTS}?path=0/r/artifacts/data"))
        .await;
    assert_eq!(
        listed,
        json!({"files": [{"path": "some file.bin", "is_dir": false, "file_size": 300_000}]})
    );
    assert_eq!(
        server.get(ARTIFACTS).await,
        json!({"files": [{"path": "0", "is_dir": true}]}),
        "no uploads are shown"
    );
    assert_eq!(
        server
            .send("DELETE", &format!("{ARTIFACTS}/0/r"), "")
            .await
            .0,
        200
    );
    assert_eq!(send(&server.app, get(&path)).await.0, 404);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_what_was_there() {
    let server = server();
    let path = format!("{ARTIFACTS}/0/a.txt");
    assert_eq!(server.send("PUT", &path, "whole").await.0, 200);
    let pieces = vec![Ok(vec![b'x'; 10]), Err(std::io::Error::other("gone"))];
    let (status, _) = server
        .send(
            "PUT",
            &path,
            Body::from_stream(futures::stream::iter(pieces)),
        )
        .await;
    assert_eq!(status, 400);
    assert_eq!(text(send(&server.app, get(&path)).await.1).await, "whole");
    assert_eq!(
        std::fs::read_dir(server.root().join(".uploads"))
            .unwrap()
            .count(),
        0
    );
}

#[tokio::test]
async fn a_page_among_the_artifacts_is_data_to_the_browser() {
    let server = server();
    let id = server.run().await;
    let html = "<script>alert(1)</script>";
    let path = format!("{ARTIFACTS}/0/{id}/artifacts/x.html");
    assert_eq!(server.send("PUT", &path, html).await.0, 200);
    for path in [path, format!("/get-artifact?run_uuid={id}&path=x.html")] {
        let (status, response) = send(&server.app, get(&path)).await;
        assert_eq!(status, 200);
        let headers = response.headers();
        assert_eq!(headers["content-type"], "application/octet-stream");
        assert_eq!(headers["x-content-type-options"], "nosniff");
        assert!(
            headers["content-disposition"]
                .to_str()
                .unwrap()
                .starts_with("attachment; filename=\"x.html\"")
        );
        assert!(
            headers["content-security-policy"]
                .to_str()
                .unwrap()
                .starts_with("sandbox")
        );
        assert_eq!(text(response).await, html);
    }
    let listed = server.get(&format!("artifacts/list?run_id={id}")).await;
    assert_eq!(
        listed["files"],
        json!([{"path": "x.html", "is_dir": false, "file_size": 25}])
    );
    assert_eq!(
        listed["root_uri"],
        format!("mlflow-artifacts:/0/{id}/artifacts")
    );
}

#[tokio::test]
async fn no_path_leads_out_of_the_artifacts() {
    let server = server();
    let id = server.run().await;
    std::fs::create_dir_all(server.root()).unwrap();
    std::fs::write(server.folder.path().join("secret"), "secret").unwrap();
    let paths = [
        "..%2fsecret",
        "%2e%2e/secret",
        "%2e%2e%2fsecret",
        "%252e%252e%252fsecret",
        "../secret",
        "./../secret",
        "a/../../secret",
        "%2Fetc%2Fpasswd",
        "/etc/passwd",
        "//etc/passwd",
        "a;/../../secret",
        "..%5csecret",
        "..%00",
        "a%00b",
        "%c0%ae%c0%ae/secret",
        ".uploads/x",
        "a/%2e",
        "a//b",
    ];
    for path in paths {
        for method in ["GET", "PUT", "DELETE"] {
            let (status, response) = server
                .send(method, &format!("{ARTIFACTS}/{path}"), "x")
                .await;
            let said = text(response).await;
            assert!(
                matches!(status, 400 | 404),
                "{method} {path}: {status} {said}"
            );
            assert!(!said.contains("root:"), "{said}");
        }
        for place in [
            format!("{ARTIFACTS}?path={path}"),
            format!("{API}/artifacts/list?run_id={id}&path={path}"),
            format!("/get-artifact?run_uuid={id}&path={path}"),
        ] {
            let (status, response) = server.send("GET", &place, "").await;
            let said = text(response).await;
            assert!(
                status >= 400
                    || said == "{}"
                    || said.contains("root_uri") && !said.contains("files"),
                "{place}: {said}"
            );
        }
    }
    assert_eq!(
        std::fs::read_to_string(server.folder.path().join("secret")).unwrap(),
        "secret"
    );
    assert_eq!(std::fs::read_dir(server.folder.path()).unwrap().count(), 2);
}

#[tokio::test]
async fn locations_outside_the_artifacts_are_refused() {
    let server = server();
    let bad = [
        "/etc",
        "file:///etc",
        "file:/etc",
        "FILE:///etc",
        "//proc/self/root",
        "..\\x",
        "mlflow-artifacts:/../x",
        "mlflow-artifacts:/%2e%2e/x",
        "mlflow-artifacts://127.0.0.1:1/x",
        "http://169.254.169.254/latest",
        "http:///#/../../etc/",
        "https://[::1]/x",
        "http://2130706433/",
        "s3://bucket/../x",
        "s3://b/x?a#/../b",
    ];
    for (n, location) in bad.iter().enumerate() {
        let body = json!({"name": format!("e{n}"), "artifact_location": location});
        assert_eq!(
            server.refused("POST", "experiments/create", body).await.0,
            400,
            "{location}"
        );
    }
    server
        .post("registered-models/create", json!({"name": "m"}))
        .await;
    let prompt = json!([{"key": "mlflow.prompt.is_prompt", "value": "true"}]);
    for source in bad
        .into_iter()
        .chain(["models:/../x", "runs:/nope/x", "models:/m-nope", "dummy"])
    {
        for tags in [json!([]), prompt.clone()] {
            if source == "dummy" && tags == prompt {
                continue;
            }
            let body = json!({"name": "m", "source": source, "tags": tags});
            let (status, _) = server.refused("POST", "model-versions/create", body).await;
            assert!(matches!(status, 400 | 404), "{source}");
        }
    }
    // A place that only clients reach may be named, and is never opened here.
    let body = json!({"name": "m", "source": "s3://bucket/model"});
    server.post("model-versions/create", body).await;
    let uri = server
        .get("model-versions/get-download-uri?name=m&version=1")
        .await;
    assert_eq!(uri["artifact_uri"], "s3://bucket/model");
    let (status, _) = server
        .send(
            "GET",
            "/model-versions/get-artifact?name=m&version=1&path=MLmodel",
            "",
        )
        .await;
    assert_eq!(status, 400);
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

#[tokio::test]
async fn the_server_says_what_it_is() {
    let server = server();
    let (_, response) = send(&server.app, get("/version")).await;
    assert_eq!(text(response).await, forebay_server::mlflow::VERSION);
    let info = server.get("/api/3.0/mlflow/server-info").await;
    assert_eq!(info["multipart_uploads_enabled"], false);
    assert_eq!(server.get("/ajax-api/3.0/mlflow/server-info").await, info);
}
