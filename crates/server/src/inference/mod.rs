//! Open Inference Protocol, version 2, over HTTP, with the binary tensor extension.
//!
//! <https://github.com/kserve/open-inference-protocol>. An inference service is a model of the
//! protocol; its versions are those of the registered model, of which one is served at a time.
//! A request is one tensor for each input, of shape `[n]` or `[n, 1]`; the answer has one for each
//! output of the service: `score`, for most tasks `label`, `probability_<class>` of several classes,
//! `prediction_id` and `stale_features` (names separated by commas).

mod answer;
mod describe;
mod kind;
mod message;
mod rows;
mod served;
mod tensor;

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

pub use describe::{
    all_stats, config, index, live, metadata, model_ready, models, ping, ready, server, stats,
};
pub use rows::from_form;
pub use served::{Answered, Input, Served};

use forebay_core::Diagnostic;

use crate::backend::{Backend, Lookup};
use crate::body;
use crate::refusal::Refusal;
use crate::router::App;

/// Length in bytes of the JSON part, where binary tensors follow it.
const HEADER_LENGTH: &str = "inference-header-content-length";

/// The parts of `/v2/models/{model}[/versions/{version}]`.
#[derive(Deserialize)]
pub struct Address {
    model: String,
    version: Option<String>,
}

impl Address {
    /// The service that answers there.
    fn served(&self, backend: &dyn Backend) -> Result<Arc<Served>, Refusal> {
        let Lookup::Ready(served) = backend.lookup(&self.model) else {
            return Err(absent(backend, &self.model));
        };
        match &self.version {
            Some(version) if *version != served.version => Err(Refusal::not_found(format!(
                "version '{version}' of model '{}' is not served: version '{}' is",
                self.model, served.version
            ))),
            _ => Ok(served),
        }
    }
}

/// Why no service answers to the name.
pub fn absent(backend: &dyn Backend, name: &str) -> Refusal {
    if let Lookup::NotReady = backend.lookup(name) {
        return Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("model '{name}' is not ready: no version of it has passed its gates yet"),
        );
    }
    let names = backend.service_names();
    let known = match names.is_empty() {
        true => "no inference service is defined".to_owned(),
        false => format!("known are: {}", names.join(", ")),
    };
    Refusal::not_found(format!("model '{name}' is unknown; {known}"))
}

pub async fn infer(
    State(app): State<Arc<App>>,
    Path(address): Path<Address>,
    request: Request,
) -> Response {
    match answer(&app, &address, request).await {
        Ok(response) => response,
        Err(refusal) => refusal.into_response(),
    }
}

/// The rows of a request's JSON body, without the binary extension.
pub fn rows(served: &Served, body: &[u8]) -> Result<arrow::record_batch::RecordBatch, Diagnostic> {
    let read = || rows::from_tensors(served, &message::parse(body)?.inputs, &[]);
    read().map_err(|refusal: Refusal| Diagnostic::error(refusal.message))
}

async fn answer(app: &App, address: &Address, request: Request) -> Result<Response, Refusal> {
    let served = address.served(&*app.backend)?;
    let (head, sent) = request.into_parts();
    let sent = body::read(&head.headers, sent, app.options.body_limit).await?;
    let length = head.headers.get(HEADER_LENGTH);
    let length = length.map(|v| v.to_str().unwrap_or_default());
    let (json, binary) = message::split(&sent, length)?;
    let asked = message::parse(json)?;
    let outputs = answer::Outputs::asked(&served, &asked)?;
    let rows = rows::from_tensors(&served, &asked.inputs, binary)?;
    let answered = app.backend.infer(&served, rows).await?;
    Ok(answer::response(&served, &asked, outputs, &answered))
}
