//! What the protocol tells about server and models: metadata, readiness, configuration, statistics.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::kind::Datatype;
use super::{Address, Served};
use crate::backend::{Backend, Lookup};
use crate::refusal::Refusal;
use crate::router::App;

type Shared = State<Arc<App>>;

const PLATFORM: &str = "forebay";

pub async fn server(State(app): Shared) -> Json<Value> {
    Json(json!({
        "name": "forebay",
        "version": app.options.shell.version,
        "extensions": ["binary_tensor_data", "model_configuration", "statistics", "model_repository"],
    }))
}

pub async fn live() -> Json<Value> {
    Json(json!({ "live": true }))
}

/// Ready once every inference service of the project answers.
fn is_ready(backend: &dyn Backend) -> bool {
    let names = backend.service_names();
    names
        .iter()
        .all(|name| matches!(backend.lookup(name), Lookup::Ready(_)))
}

fn status(ready: bool) -> StatusCode {
    match ready {
        true => StatusCode::OK,
        false => StatusCode::SERVICE_UNAVAILABLE,
    }
}

pub async fn ready(State(app): Shared) -> Response {
    let ready = is_ready(&*app.backend);
    (status(ready), Json(json!({ "ready": ready }))).into_response()
}

/// SageMaker's health check: an empty answer.
pub async fn ping(State(app): Shared) -> StatusCode {
    status(is_ready(&*app.backend))
}

pub async fn models(State(app): Shared) -> Json<Value> {
    Json(json!({ "models": app.backend.service_names() }))
}

/// Answers about the model at the address with what `tell` says of it.
fn about(app: &App, address: &Address, tell: impl FnOnce(&Served) -> Value) -> Response {
    match address.served(&*app.backend) {
        Ok(served) => Json(tell(&served)).into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

fn outputs(served: &Served, tensor: impl Fn(&str, Datatype) -> Value) -> Vec<Value> {
    let outputs = served.outputs.iter();
    outputs
        .map(|(name, datatype)| tensor(name, *datatype))
        .collect()
}

pub async fn metadata(State(app): Shared, Path(address): Path<Address>) -> Response {
    let tensor = |name: &str, datatype: Datatype| json!({ "name": name, "datatype": datatype.name(), "shape": [-1] });
    about(&app, &address, |served| {
        let inputs = served
            .inputs
            .iter()
            .map(|input| tensor(&input.name, input.kind.datatype()));
        json!({
            "name": served.name,
            "versions": [served.version],
            "platform": PLATFORM,
            "inputs": inputs.collect::<Vec<_>>(),
            "outputs": outputs(served, tensor),
        })
    })
}

pub async fn model_ready(State(app): Shared, Path(address): Path<Address>) -> Response {
    match address.served(&*app.backend) {
        Ok(served) => Json(json!({ "name": served.name, "ready": true })).into_response(),
        Err(Refusal { status, .. }) if status == StatusCode::SERVICE_UNAVAILABLE => (
            status,
            Json(json!({ "name": address.model, "ready": false })),
        )
            .into_response(),
        Err(refusal) => refusal.into_response(),
    }
}

/// Triton's model configuration, as far as it has a meaning here.
pub async fn config(State(app): Shared, Path(address): Path<Address>) -> Response {
    let tensor = |name: &str, datatype: Datatype| {
        let data_type = match datatype {
            Datatype::Bytes => "TYPE_STRING".to_owned(),
            other => format!("TYPE_{}", other.name()),
        };
        json!({ "name": name, "data_type": data_type, "dims": [-1] })
    };
    about(&app, &address, |served| {
        let inputs = served.inputs.iter().map(|input| {
            let mut described = tensor(&input.name, input.kind.datatype());
            described["optional"] = Value::from(!input.required);
            described
        });
        json!({
            "name": served.name,
            "platform": PLATFORM,
            "backend": PLATFORM,
            "max_batch_size": 0,
            "input": inputs.collect::<Vec<_>>(),
            "output": outputs(served, tensor),
        })
    })
}

pub async fn stats(State(app): Shared, Path(address): Path<Address>) -> Response {
    about(
        &app,
        &address,
        |served| json!({ "model_stats": [model_stats(&*app.backend, served)] }),
    )
}

pub async fn all_stats(State(app): Shared) -> Json<Value> {
    let backend = &*app.backend;
    let ready = ready_services(backend);
    let stats: Vec<Value> = ready
        .iter()
        .map(|served| model_stats(backend, served))
        .collect();
    Json(json!({ "model_stats": stats }))
}

fn ready_services(backend: &dyn Backend) -> Vec<Arc<Served>> {
    let found = |name: String| match backend.lookup(&name) {
        Lookup::Ready(served) => Some(served),
        _ => None,
    };
    backend
        .service_names()
        .into_iter()
        .filter_map(found)
        .collect()
}

fn model_stats(backend: &dyn Backend, served: &Served) -> Value {
    let stats = backend.stats(&served.name);
    let duration =
        |count: u64, seconds: f64| json!({ "count": count, "ns": (seconds * 1e9) as u64 });
    json!({
        "name": served.name,
        "version": served.version,
        "inference_count": stats.predictions,
        "execution_count": stats.answered,
        "inference_stats": {
            "success": duration(stats.answered, stats.seconds),
            "fail": duration(stats.refused, 0.0),
        },
    })
}

/// The request's body, often empty, could only ask to leave out what is not ready: nothing is read.
pub async fn index(State(app): Shared, _: Request) -> Json<Value> {
    let backend = &*app.backend;
    let entry = |name: String| match backend.lookup(&name) {
        Lookup::Ready(served) => {
            json!({ "name": name, "version": served.version, "state": "READY", "reason": "" })
        }
        _ => json!({
            "name": name, "version": "", "state": "UNAVAILABLE", "reason": "no model version yet"
        }),
    };
    Json(Value::from(
        backend
            .service_names()
            .into_iter()
            .map(entry)
            .collect::<Vec<_>>(),
    ))
}
