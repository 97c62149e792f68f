//! Webhooks: what is told, how it is signed, what happens when nobody listens.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use forebay_server::mlflow::{Deliveries, Reach, announce_registered};
use forebay_server::router;
use forebay_store::registry::NewVersion;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use super::Server;
use crate::fake::{self, Fake};

/// What came: the head in small letters, and the body.
struct Told {
    head: String,
    body: String,
}

impl Told {
    fn field(&self, name: &str) -> &str {
        let found = self.head.lines().find_map(|line| line.strip_prefix(name));
        found
            .unwrap_or_else(|| panic!("no {name} in {}", self.head))
            .trim()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Listens, and answers with these statuses in turn, the last again and again.
async fn listener(statuses: &'static [u16]) -> (String, Receiver<Told>) {
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/hook", socket.local_addr().unwrap());
    let (sender, receiver) = channel(100);
    tokio::spawn(async move {
        for n in 0.. {
            let status = statuses[n.min(statuses.len() - 1)];
            answer(&socket, status, &sender).await;
        }
    });
    (url, receiver)
}

async fn answer(socket: &TcpListener, status: u16, sender: &Sender<Told>) {
    let (mut stream, _) = socket.accept().await.unwrap();
    let mut sent = Vec::new();
    let told = loop {
        stream.read_buf(&mut sent).await.unwrap();
        let text = String::from_utf8_lossy(&sent);
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let head = head.to_owned();
        let length = head.to_lowercase();
        let length = length
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"));
        if body.len() == length.unwrap().trim().parse::<usize>().unwrap() {
            break Told {
                head: head
                    .lines()
                    .map(|line| match line.split_once(':') {
                        Some((name, value)) => format!("{}:{value}\n", name.to_lowercase()),
                        None => format!("{line}\n"),
                    })
                    .collect(),
                body: body.to_owned(),
            };
        }
    };
    sender.send(told).await.unwrap();
    let answer = format!(
        "HTTP/1.1 {status} X\r\nContent-Length: 2\r\nLocation: http://127.0.0.1:1/\r\nConnection: close\r\n\r\nok"
    );
    stream.write_all(answer.as_bytes()).await.unwrap();
}

fn server(reach: Reach) -> Server {
    let folder = tempfile::tempdir().unwrap();
    let mut tracking = fake::tracking_at(&folder.path().join("root"));
    tracking.deliveries = Deliveries::new(reach);
    let app = router(Arc::new(Fake::default()), tracking, fake::options());
    Server { app, folder }
}

async fn hook(server: &Server, url: &str, events: &[(&str, &str)]) -> String {
    let event = |(entity, action): &(&str, &str)| json!({"entity": entity, "action": action});
    let events: Vec<Value> = events.iter().map(event).collect();
    let body = json!({"name": "chat", "url": url, "events": events, "secret": "s3cret"});
    let made = server.post("webhooks", body).await;
    assert!(!made.to_string().contains("s3cret"), "{made}");
    made["webhook"]["webhook_id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_happens_in_the_registry_is_told_and_signed() {
    let server = server(Reach::Anywhere);
    let (url, mut told) = listener(&[200]).await;
    hook(
        &server,
        &url,
        &[
            ("REGISTERED_MODEL", "CREATED"),
            ("MODEL_VERSION", "CREATED"),
            ("MODEL_VERSION_ALIAS", "CREATED"),
            ("MODEL_VERSION_TAG", "DELETED"),
            ("PROMPT_TAG", "SET"),
        ],
    )
    .await;
    server
        .post("registered-models/create", json!({"name": "late"}))
        .await;
    let first = told.recv().await.unwrap();
    assert_eq!(first.json()["entity"], "registered_model");
    assert_eq!(
        first.json()["data"],
        json!({"name": "late", "tags": {}, "description": ""})
    );
    let signed = format!(
        "{}.{}.{}",
        first.field("x-mlflow-delivery-id:"),
        first.field("x-mlflow-timestamp:"),
        first.body
    );
    let signature = first
        .field("x-mlflow-signature:")
        .strip_prefix("v1,")
        .unwrap();
    assert_eq!(STANDARD.decode(signature).unwrap().len(), 32);
    assert!(signed.len() > first.body.len() + 40);

    let version = json!({"name": "late", "source": "s3://bucket/model", "tags": [{"key": "a", "value": "b"}]});
    server.post("model-versions/create", version).await;
    let data = told.recv().await.unwrap().json()["data"].clone();
    assert_eq!(
        data,
        json!({
            "name": "late", "version": "1", "tags": {"a": "b"}, "description": null,
            "source": "s3://bucket/model", "run_id": null,
        })
    );
    let alias = json!({"name": "late", "alias": "champion", "version": "1"});
    server.post("registered-models/alias", alias.clone()).await;
    assert_eq!(told.recv().await.unwrap().json()["data"], alias);

    // Of a tag's setting nobody wants to know; a prompt's events are its own.
    let tag = json!({"name": "late", "version": "1", "key": "k", "value": "v"});
    server.post("model-versions/set-tag", tag).await;
    let prompt =
        json!({"name": "greet", "tags": [{"key": "mlflow.prompt.is_prompt", "value": "true"}]});
    server.post("registered-models/create", prompt).await;
    let tag = json!({"name": "greet", "key": "k", "value": "v"});
    server.post("registered-models/set-tag", tag.clone()).await;
    let last = told.recv().await.unwrap().json();
    assert_eq!(
        (&last["entity"], &last["action"], &last["data"]),
        (&json!("prompt_tag"), &json!("set"), &tag)
    );
    assert!(told.try_recv().is_err());
}

#[tokio::test]
async fn a_delivery_that_failed_is_tried_again_and_is_the_same() {
    let server = server(Reach::Anywhere);
    let (url, mut told) = listener(&[503, 200]).await;
    hook(&server, &url, &[("REGISTERED_MODEL", "CREATED")]).await;
    server
        .post("registered-models/create", json!({"name": "late"}))
        .await;
    let (first, second) = (told.recv().await.unwrap(), told.recv().await.unwrap());
    let id = "x-mlflow-delivery-id:";
    assert_eq!(
        (first.field(id), &first.body),
        (second.field(id), &second.body)
    );
}

#[tokio::test]
async fn a_test_says_what_came_back_and_follows_no_redirect() {
    let server = server(Reach::Anywhere);
    let (url, mut told) = listener(&[200, 302]).await;
    let id = hook(&server, &url, &[("MODEL_VERSION_ALIAS", "CREATED")]).await;
    let test = format!("webhooks/{id}/test");
    let result = server.post(&test, json!({})).await["result"].clone();
    assert_eq!(
        result,
        json!({"success": true, "response_status": 200, "response_body": "ok"})
    );
    assert_eq!(
        told.recv().await.unwrap().json()["data"]["alias"],
        "example_alias"
    );
    let event = json!({"event": {"entity": "PROMPT", "action": "CREATED"}});
    let result = server.post(&test, event).await["result"].clone();
    assert_eq!(result["response_status"], 302);
    assert_eq!(told.recv().await.unwrap().json()["entity"], "prompt");
    let url = json!({"url": "http://127.0.0.1:1/"});
    server.call("PATCH", &format!("webhooks/{id}"), url).await;
    let result = server.post(&test, json!({})).await["result"].clone();
    assert_eq!(result["success"], false);
    assert!(!result["error_message"].as_str().unwrap().is_empty());
}

/// A hook that was made where all addresses are allowed leads nowhere on a server that allows public ones.
#[tokio::test]
async fn an_inward_address_is_not_connected_to() {
    let (url, mut told) = listener(&[200]).await;
    let open = server(Reach::Anywhere);
    let id = hook(&open, &url, &[("PROMPT", "CREATED")]).await;
    assert_eq!(
        open.post(&format!("webhooks/{id}/test"), json!({})).await["result"]["success"],
        true
    );
    told.recv().await.unwrap();
    let shut = server(Reach::public_and(&[]));
    let body =
        json!({"name": "x", "url": url, "events": [{"entity": "PROMPT", "action": "CREATED"}]});
    assert_eq!(shut.refused("POST", "webhooks", body.clone()).await.0, 400);
    assert!(told.try_recv().is_err());
    let named = server(Reach::public_and(&["127.0.0.1".to_owned()]));
    named.post("webhooks", body).await;
}

/// As a build registers: in the store itself, with an alias.
#[tokio::test]
async fn a_version_that_a_build_registers_is_told_before_the_build_ends() {
    let folder = tempfile::tempdir().unwrap();
    let mut tracking = fake::tracking_at(&folder.path().join("root"));
    tracking.deliveries = Deliveries::new(Reach::Anywhere);
    let app = router(Arc::new(Fake::default()), tracking.clone(), fake::options());
    let server = Server { app, folder };
    let (url, mut told) = listener(&[503, 200]).await;
    let events = [
        ("MODEL_VERSION", "CREATED"),
        ("MODEL_VERSION_ALIAS", "CREATED"),
    ];
    hook(&server, &url, &events).await;
    let new = NewVersion {
        model: "late".to_owned(),
        run_id: "r1".to_owned(),
        source: "late/r1/model".to_owned(),
        ..NewVersion::default()
    };
    let store = &tracking.store;
    store.register_version(&new, Some("champion")).unwrap();
    let version = store.get_version("late", 1).unwrap();
    announce_registered(&tracking, &version).await;
    let mut said = Vec::new();
    while let Ok(one) = told.try_recv() {
        said.push(one.json());
    }
    // One of the two was tried again.
    assert_eq!(said.len(), 3);
    let of = |entity: &str| &said.iter().find(|one| one["entity"] == entity).unwrap()["data"];
    assert_eq!(of("model_version")["run_id"], "r1");
    assert_eq!(of("model_version_alias")["alias"], "champion");
}
