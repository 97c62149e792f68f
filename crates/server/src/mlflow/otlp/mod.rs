//! `POST /v1/traces`: spans by OpenTelemetry's protocol, as any of its exporters sends them.
//!
//! <https://opentelemetry.io/docs/specs/otlp/#otlphttp>, in protobuf. The header
//! `x-mlflow-experiment-id` says in which experiment the traces are; `x-mlflow-run-id` may name a run.

mod form;
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

const PROTOBUF: HeaderValue = HeaderValue::from_static("application/x-protobuf");

pub async fn export(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    sent: Body,
) -> Result<Response, Problem> {
    if headers.get(header::CONTENT_TYPE) != Some(&PROTOBUF) {
        return Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "spans are taken as application/x-protobuf (OTEL_EXPORTER_OTLP_TRACES_PROTOCOL=http/protobuf)",
        )
        .into());
    }
    let named = |name: &str| Some(headers.get(name)?.to_str().ok()?.to_owned());
    let experiment = named("x-mlflow-experiment-id").ok_or_else(|| {
        Problem::invalid("the header x-mlflow-experiment-id must name an experiment")
    })?;
    let experiment = experiment_id(Some(experiment))?;
    let run_id = named("x-mlflow-run-id");
    let body = body::read(&headers, sent, app.options.body_limit).await?;
    let tracking = app.tracking.clone();
    let kept = tokio::task::spawn_blocking(move || keep(&tracking, experiment, run_id, &body));
    match kept.await {
        // An empty message: everything was taken.
        Ok(kept) => kept.map(|()| ([(header::CONTENT_TYPE, PROTOBUF)], Vec::new()).into_response()),
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(Problem::failed(error.to_string())),
    }
}

fn keep(
    tracking: &Tracking,
    experiment: i64,
    run_id: Option<String>,
    body: &[u8],
) -> Result<(), Problem> {
    let sent = message::Export::decode(body)
        .map_err(|error| Problem::invalid(format!("the body is no export of spans: {error}")))?;
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
