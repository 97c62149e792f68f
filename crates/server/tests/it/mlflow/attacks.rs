//! Every known way to misuse the server.

use axum::body::Body;
use axum::http::Request;
use serde_json::json;

use super::{API, ARTIFACTS, server};
use crate::fake::{HOST, get, send, text};

#[tokio::test]
async fn bodies_that_are_no_request_are_refused_as_such() {
    let server = server();
    let path = format!("{API}/runs/create");
    let nested = format!("{{\"status\":{}{}", "[".repeat(9_000), "]".repeat(9_000));
    let nan = r#"{"run_id": "r", "key": "m", "value": NaN, "timestamp": 1}"#;
    for (path, body) in [
        ("runs/create", "{"),
        ("runs/create", "5"),
        ("runs/create", "\"text\""),
        ("runs/create", "[]"),
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

/// The guard stands before all of them, also before what comes to be added.
#[tokio::test]
async fn no_route_answers_a_stranger() {
    let server = server();
    let paths = forebay_server::paths();
    assert!(paths.len() > 150, "{}", paths.len());
    for path in paths {
        let path = path.replace(['{', '}', '*'], "");
        for method in ["GET", "POST", "PUT", "PATCH", "DELETE"] {
            let foreign = Request::builder().method(method).uri(&path);
            let foreign = foreign.header("host", "evil.example").body(Body::empty());
            let (status, _) = send(&server.app, foreign.unwrap()).await;
            assert_eq!(status, 403, "{method} {path}");
        }
    }
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
