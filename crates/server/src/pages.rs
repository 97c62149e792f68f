//! Pages for people: asks the backend for a page's data and has it rendered.
//!
//! Pages of what is tracked (runs, models, artifacts) ask the metadata store itself, as MLflow's
//! requests do; each has a module.

mod artifacts;
mod compare;
mod evaluated;
mod experiments;
mod models;
mod preview;
mod traces;
mod training;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use forebay_core::{Diagnostic, Fault, Relation};
use forebay_store::Error;
use forebay_ui::page::{Problem, Try};
use forebay_ui::{Page, link};
use serde::Deserialize;

use crate::backend::{Found, Lookup};
use crate::face::Face;
use crate::refusal::Refusal;
use crate::router::App;
use crate::{body, inference};

pub use artifacts::{
    logged_model as logged_model_artifacts, run as run_artifacts, version as version_artifacts,
};
pub use compare::compare;
pub use experiments::{experiment, experiments};
pub use models::{card, logged_model, model, models};
pub use traces::{trace, traces};
pub use training::training;

type Shared = State<Arc<App>>;

/// Own files only, nothing inline, never inside another site's frame.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; \
    connect-src 'self'; form-action 'self'; frame-src 'self'; base-uri 'none'; frame-ancestors 'none'";

fn html(app: &App, status: StatusCode, page: &dyn Page) -> Response {
    let head = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        ),
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(POLICY),
        ),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (
            header::REFERRER_POLICY,
            HeaderValue::from_static("same-origin"),
        ),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (status, head, app.options.shell.render(page)).into_response()
}

fn shown<P: Page>(app: &App, page: Result<P, Diagnostic>) -> Response {
    match page {
        Ok(page) => html(app, StatusCode::OK, &page),
        Err(diagnostic) => failed(app, &diagnostic),
    }
}

fn found<P: Page>(app: &App, page: Found<P>, what: &str) -> Response {
    match page {
        Ok(Some(page)) => html(app, StatusCode::OK, &page),
        Ok(None) => html(
            app,
            StatusCode::NOT_FOUND,
            &Problem::not_found(format!("There is no {what}.")),
        ),
        Err(diagnostic) => failed(app, &diagnostic),
    }
}

/// A page of what is tracked.
fn tracked<P: Page>(app: &App, page: Result<P, Error>) -> Response {
    match page {
        Ok(page) => html(app, StatusCode::OK, &page),
        Err(error) => failed_to_find(app, error),
    }
}

fn failed_to_find(app: &App, error: Error) -> Response {
    match error {
        Error::NotFound(said) => {
            let mut said = said;
            if let Some(first) = said.get(..1).map(str::to_uppercase) {
                said.replace_range(..1, &first);
            }
            html(
                app,
                StatusCode::NOT_FOUND,
                &Problem::not_found(format!("{said}.")),
            )
        }
        other => failed(app, &other.into()),
    }
}

/// Names and values of a query.
fn pairs(query: Option<&str>) -> Vec<(String, String)> {
    let pairs = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes());
    pairs
        .map(|(name, value)| (name.into_owned(), value.into_owned()))
        .collect()
}

fn failed(app: &App, diagnostic: &Diagnostic) -> Response {
    let status = match diagnostic.fault {
        Fault::User => StatusCode::UNPROCESSABLE_ENTITY,
        _ => StatusCode::INTERNAL_SERVER_ERROR,
    };
    tracing::error!("{diagnostic}");
    html(app, status, &Problem::of(diagnostic))
}

/// A refusal as a page.
pub fn refused(app: &App, refusal: &Refusal) -> Response {
    let mut problem = Problem::of(&Diagnostic::error(&refusal.message));
    problem.title = refusal
        .status
        .canonical_reason()
        .unwrap_or("Refused")
        .to_owned();
    html(app, refusal.status, &problem)
}

/// A server of tracking alone has nothing to show here but what is tracked.
pub async fn overview(State(app): Shared) -> Response {
    let without_nodes = app.backend.graph_values().nodes.is_empty();
    if without_nodes
        && app
            .tracking
            .store
            .runs(None, 1)
            .is_ok_and(|runs| !runs.is_empty())
    {
        return Redirect::to("/experiments").into_response();
    }
    shown(&app, app.backend.overview().await)
}

#[derive(Deserialize)]
pub struct GraphQuery {
    focus: Option<String>,
}

pub async fn graph(State(app): Shared, Query(query): Query<GraphQuery>) -> Response {
    let focus = query.focus.as_deref();
    let page = app.backend.graph(focus).await;
    found(&app, page, &format!("node '{}'", focus.unwrap_or_default()))
}

#[derive(Deserialize)]
pub struct NodeQuery {
    column: Option<String>,
}

pub async fn node(
    State(app): Shared,
    Path(id): Path<String>,
    Query(query): Query<NodeQuery>,
) -> Response {
    let page = app.backend.node(&id, query.column.as_deref()).await;
    found(&app, page, &format!("node '{id}'"))
}

pub async fn runs(State(app): Shared) -> Response {
    shown(&app, app.backend.runs().await)
}

pub async fn run(State(app): Shared, Path(id): Path<String>) -> Response {
    found(&app, app.backend.run(&id).await, &format!("run '{id}'"))
}

pub async fn tables(State(app): Shared) -> Response {
    shown(&app, app.backend.tables().await)
}

#[derive(Deserialize)]
pub struct TableQuery {
    version: Option<i64>,
}

pub async fn table(
    State(app): Shared,
    Path((schema, name)): Path<(String, String)>,
    Query(query): Query<TableQuery>,
) -> Response {
    let relation = Relation::new(schema, name);
    let page = app.backend.table(&relation, query.version).await;
    let what = match query.version {
        Some(version) => format!("version {version} of table {relation}"),
        None => format!("table {relation}"),
    };
    found(&app, page, &what)
}

pub async fn services(State(app): Shared) -> Response {
    shown(&app, app.backend.services().await)
}

pub async fn service(State(app): Shared, Path(name): Path<String>) -> Response {
    let page = app.backend.service(&name, None).await;
    found(&app, page, &format!("inference service '{name}'"))
}

pub async fn prediction(State(app): Shared, Path(id): Path<String>) -> Response {
    found(
        &app,
        app.backend.prediction(&id).await,
        &format!("prediction '{id}'"),
    )
}

/// The form of a service's page: one prediction, then the page that says why.
pub async fn predict(State(app): Shared, Path(name): Path<String>, request: Request) -> Response {
    let (head, sent) = request.into_parts();
    let answered = match body::read(&head.headers, sent, app.options.body_limit).await {
        Ok(form) => ask(&app, &name, &form).await,
        Err(refusal) => Err(refusal),
    };
    let refusal = match answered {
        Ok(id) => return Redirect::to(&link::prediction(&id)).into_response(),
        Err(refusal) => refusal,
    };
    let tried = Try {
        error: refusal.message.clone(),
    };
    match app.backend.service(&name, Some(tried)).await {
        Ok(Some(page)) => html(&app, refusal.status, &page),
        _ => refused(&app, &refusal),
    }
}

/// The id of the prediction for the form's values.
async fn ask(app: &App, name: &str, form: &[u8]) -> Result<String, Refusal> {
    let Lookup::Ready(served) = app.backend.lookup(name) else {
        return Err(inference::absent(&*app.backend, name));
    };
    let values: Vec<_> = url::form_urlencoded::parse(form).collect();
    let rows = inference::from_form(&served, &values)?;
    let answered = app.backend.infer(&served, rows).await?;
    let id = answered.first_id();
    id.ok_or_else(|| Diagnostic::internal("the service answered no row").into())
}

pub async fn metrics(State(app): Shared) -> Response {
    let text = app.metrics.text(&app.options.shell.version, &*app.backend);
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind)], Body::from(text)).into_response()
}

pub async fn nowhere(State(app): Shared, request: Request) -> Response {
    let path = request.uri().path();
    match Face::of(path) {
        Face::Page => html(
            &app,
            StatusCode::NOT_FOUND,
            &Problem::not_found("There is no such page."),
        ),
        face => face.refuse(
            &app,
            Refusal::not_found(format!("nothing answers at {path}")),
        ),
    }
}

pub async fn wrong_method(State(app): Shared, request: Request) -> Response {
    let message = format!("{} is not a method of this address", request.method());
    let refusal = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, message);
    Face::of(request.uri().path()).refuse(&app, refusal)
}
