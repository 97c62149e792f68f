//! `POST /v1/traces`: spans by OpenTelemetry's protocol, as any of its exporters sends them.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>, in protobuf or JSON. The header
//! `x-mlflow-experiment-id` says in which experiment the traces are; `x-mlflow-run-id` may name a run.

mod form;
mod json;
mod message;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use prost::Message;

use super::value::experiment_id;
use super::{Problem, Tracking};
use crate::body;
use crate::refusal::Refusal;
use crate::router::App;

/// How an export is written, and the answer to it.
#[derive(Clone, Copy)]
enum Encoding {
    Protobuf,
    Json,
}

impl Encoding {
    fn of(headers: &HeaderMap) -> Option<Self> {
        let kind = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
        match kind.split(';').next().unwrap_or_default().trim() {
            "application/x-protobuf" => Some(Encoding::Protobuf),
            "application/json" => Some(Encoding::Json),
            _ => None,
        }
    }

    fn read(self, body: &[u8]) -> Result<message::Export, Problem> {
        let read = match self {
            Encoding::Protobuf => message::Export::decode(body).map_err(|error| error.to_string()),
            Encoding::Json => serde_json::from_slice(body).map_err(|error| error.to_string()),
        };
        read.map_err(|why| Problem::invalid(format!("the body is no export of spans: {why}")))
    }

    /// An empty message: everything was taken.
    fn taken(self) -> Response {
        let (kind, body) = match self {
            Encoding::Protobuf => ("application/x-protobuf", ""),
            Encoding::Json => ("application/json", "{}"),
        };
        (
            [(header::CONTENT_TYPE, HeaderValue::from_static(kind))],
            body,
        )
            .into_response()
    }
}

pub async fn export(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    let Some(encoding) = Encoding::of(&headers) else {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "spans are taken as application/x-protobuf or application/json",
        )
        .into());
    };
    let named = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let experiment = named("x-mlflow-experiment-id").ok_or_else(|| {
        Problem::invalid("the header x-mlflow-experiment-id must name an experiment")
    })?;
    let experiment = experiment_id(Some(experiment))?;
    let run_id = named("x-mlflow-run-id");
    let body = body::read(&headers, sent, app.options.body_limit).await?;
    let tracking = app.tracking.clone();
    let kept = tokio::task::spawn_blocking(move || {
        keep(&tracking, experiment, run_id, &encoding.read(&body)?)
    });
    match kept.await {
        Ok(kept) => kept.map(|()| encoding.taken()),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(Problem::failed(error.to_string())),
    }
}

fn keep(
    tracking: &Tracking,
    experiment: i64,
    run_id: Option<String>,
    sent: &message::Export,
) -> Result<(), Problem> {
    let spans = sent
        .resource_spans
        .iter()
        .flat_map(|resource| &resource.scope_spans);
    let spans = spans.flat_map(|scope| &scope.spans).map(form::span);
    let spans = spans.collect::<Result<Vec<_>, _>>()?;
    let artifacts = |path: &str| tracking.artifacts.uri(path);
    tracking.store.log_spans(experiment, &spans, artifacts)?;
    if let Some(run_id) = run_id {
        let mut ids: Vec<String> = spans.into_iter().map(|span| span.trace_id).collect();
        ids.dedup();
        tracking.store.link_traces_to_run(&ids, &run_id)?;
    }
    Ok(())
}
