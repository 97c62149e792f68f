//! MLflow's REST protocol.

mod artifacts;
mod attacks;
mod forms;
mod scenarios;
mod traces;
mod webhooks;

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use forebay_server::router;
use serde_json::{Value, json};

use crate::fake::{self, Fake, HOST, send, text};

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
