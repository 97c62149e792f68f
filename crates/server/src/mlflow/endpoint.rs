//! Which of MLflow's methods is answered by what: one list. Requests become values, values answers.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, MethodRouter, on};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Problem, Tracking, experiments, logged_models, plain, registry, runs};
use crate::body;
use crate::refusal::Refusal;
use crate::router::App;

/// A method of the protocol: its values come from the body, the query and the path.
struct Endpoint {
    method: Method,
    path: &'static str,
    call: Call,
}

type Call = Arc<dyn Fn(&Tracking, &Asked) -> Result<Vec<u8>, Problem> + Send + Sync>;

/// What was sent.
struct Asked {
    body: Bytes,
    /// Of the query and the path: a name may come several times.
    named: Vec<(String, String)>,
}

fn endpoint<A, R>(
    method: Method,
    path: &'static str,
    answer: fn(&Tracking, A) -> Result<R, Problem>,
) -> Endpoint
where
    A: DeserializeOwned + 'static,
    R: Serialize + 'static,
{
    let call = move |tracking: &Tracking, asked: &Asked| {
        let answered = answer(tracking, asked.read()?)?;
        serde_json::to_vec(&answered).map_err(|error| Problem::failed(error.to_string()))
    };
    Endpoint {
        method,
        path,
        call: Arc::new(call),
    }
}

fn get<A: DeserializeOwned + 'static, R: Serialize + 'static>(
    path: &'static str,
    answer: fn(&Tracking, A) -> Result<R, Problem>,
) -> Endpoint {
    endpoint(Method::GET, path, answer)
}

fn post<A: DeserializeOwned + 'static, R: Serialize + 'static>(
    path: &'static str,
    answer: fn(&Tracking, A) -> Result<R, Problem>,
) -> Endpoint {
    endpoint(Method::POST, path, answer)
}

fn patch<A: DeserializeOwned + 'static, R: Serialize + 'static>(
    path: &'static str,
    answer: fn(&Tracking, A) -> Result<R, Problem>,
) -> Endpoint {
    endpoint(Method::PATCH, path, answer)
}

fn delete<A: DeserializeOwned + 'static, R: Serialize + 'static>(
    path: &'static str,
    answer: fn(&Tracking, A) -> Result<R, Problem>,
) -> Endpoint {
    endpoint(Method::DELETE, path, answer)
}

/// The methods below `/api/2.0/mlflow/`.
fn endpoints() -> Vec<Endpoint> {
    vec![
        post("experiments/create", experiments::create),
        get("experiments/get", experiments::get),
        get("experiments/get-by-name", experiments::get_by_name),
        get("experiments/search", experiments::search),
        post("experiments/search", experiments::search),
        post("experiments/update", experiments::update),
        post("experiments/delete", experiments::delete),
        post("experiments/restore", experiments::restore),
        post("experiments/set-experiment-tag", experiments::set_tag),
        post("experiments/delete-experiment-tag", experiments::delete_tag),
        post("runs/create", runs::create),
        get("runs/get", runs::get),
        post("runs/search", runs::search),
        post("runs/update", runs::update),
        post("runs/delete", runs::delete),
        post("runs/restore", runs::restore),
        post("runs/log-metric", runs::log_metric),
        post("runs/log-parameter", runs::log_parameter),
        post("runs/log-batch", runs::log_batch),
        post("runs/set-tag", runs::set_tag),
        post("runs/delete-tag", runs::delete_tag),
        post("runs/log-inputs", runs::log_inputs),
        post("runs/outputs", runs::log_outputs),
        get("metrics/get-history", runs::metric_history),
        get("artifacts/list", plain::list_run_artifacts),
        post("logged-models", logged_models::create),
        post("logged-models/search", logged_models::search),
        get("logged-models/{model_id}", logged_models::get),
        patch("logged-models/{model_id}", logged_models::finalize),
        delete("logged-models/{model_id}", logged_models::delete),
        post("logged-models/{model_id}/params", logged_models::log_params),
        patch("logged-models/{model_id}/tags", logged_models::set_tags),
        delete(
            "logged-models/{model_id}/tags/{tag_key}",
            logged_models::delete_tag,
        ),
        get(
            "logged-models/{model_id}/artifacts/directories",
            plain::list_model_artifacts,
        ),
        post("registered-models/create", registry::create_model),
        get("registered-models/get", registry::get_model),
        get("registered-models/search", registry::search_models),
        patch("registered-models/update", registry::update_model),
        post("registered-models/rename", registry::rename_model),
        delete("registered-models/delete", registry::delete_model),
        post("registered-models/set-tag", registry::set_model_tag),
        delete("registered-models/delete-tag", registry::delete_model_tag),
        get(
            "registered-models/get-latest-versions",
            registry::latest_versions,
        ),
        post(
            "registered-models/get-latest-versions",
            registry::latest_versions,
        ),
        post("registered-models/alias", registry::set_alias),
        get("registered-models/alias", registry::get_alias),
        delete("registered-models/alias", registry::delete_alias),
        post("model-versions/create", registry::create_version),
        get("model-versions/get", registry::get_version),
        get("model-versions/search", registry::search_versions),
        patch("model-versions/update", registry::update_version),
        post(
            "model-versions/transition-stage",
            registry::transition_stage,
        ),
        delete("model-versions/delete", registry::delete_version),
        post("model-versions/set-tag", registry::set_version_tag),
        delete("model-versions/delete-tag", registry::delete_version_tag),
        get("model-versions/get-download-uri", registry::download_uri),
    ]
}

/// Every method under both of its addresses: programs ask `/api`, MLflow's pages `/ajax-api`.
pub fn routes() -> Vec<(String, MethodRouter<Arc<App>>)> {
    let mut routes = Vec::new();
    for prefix in ["/api", "/ajax-api"] {
        for endpoint in endpoints() {
            let path = format!("{prefix}/2.0/mlflow/{}", endpoint.path);
            routes.push((path, route(&endpoint)));
        }
        let others = [
            get("3.0/mlflow/server-info", plain::server_info),
            get("2.0/mlflow-artifacts/artifacts", plain::list_artifacts),
        ];
        for endpoint in others {
            routes.push((format!("{prefix}/{}", endpoint.path), route(&endpoint)));
        }
    }
    routes
}

fn route(endpoint: &Endpoint) -> MethodRouter<Arc<App>> {
    let method =
        MethodFilter::try_from(endpoint.method.clone()).expect("the list has common methods");
    let call = Arc::clone(&endpoint.call);
    on(
        method,
        async move |State(app): State<Arc<App>>,
                    Path(path): Path<Vec<(String, String)>>,
                    request: Request| {
            match answer(&app, call, path, request).await {
                Ok(json) => (StatusCode::OK, [(header::CONTENT_TYPE, JSON)], json).into_response(),
                Err(problem) => problem.into_response(),
            }
        },
    )
}

const JSON: HeaderValue = HeaderValue::from_static("application/json");

async fn answer(
    app: &App,
    call: Call,
    path: Vec<(String, String)>,
    request: Request,
) -> Result<Vec<u8>, Problem> {
    let (head, sent) = request.into_parts();
    let body = body::read(&head.headers, sent, app.options.body_limit).await?;
    if !body.is_empty() {
        check_is_json(&head.headers)?;
    }
    let query = head.uri.query().unwrap_or_default().as_bytes();
    let query = url::form_urlencoded::parse(query).into_owned();
    let asked = Asked {
        body,
        named: query.chain(path).collect(),
    };
    let tracking = app.tracking.clone();
    // The store blocks; a search may do so for a while, and other requests go on beside it.
    let called = tokio::task::spawn_blocking(move || call(&tracking, &asked)).await;
    match called {
        Ok(answer) => answer,
        Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
        Err(error) => Err(Problem::failed(error.to_string())),
    }
}

/// A form of another site's page can post texts, but cannot call them JSON.
fn check_is_json(headers: &HeaderMap) -> Result<(), Problem> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|v| v.to_str().ok());
    let kind = kind
        .unwrap_or_default()
        .split(';')
        .next()
        .unwrap_or_default()
        .trim();
    match kind.eq_ignore_ascii_case("application/json") {
        true => Ok(()),
        false => Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            format!("the body's Content-Type must be application/json, not '{kind}'"),
        )
        .into()),
    }
}

impl Asked {
    fn read<A: DeserializeOwned>(&self) -> Result<A, Problem> {
        let wrong = |error: serde_json::Error| {
            Problem::invalid(format!("the request is not as expected: {error}"))
        };
        if self.named.is_empty() && !self.body.is_empty() {
            return serde_json::from_slice(&self.body).map_err(wrong);
        }
        let mut values = match self.body.is_empty() {
            true => Map::new(),
            false => serde_json::from_slice::<Map<String, Value>>(&self.body).map_err(wrong)?,
        };
        let mut seen: Vec<&str> = Vec::new();
        for (name, value) in &self.named {
            let value = Value::String(value.clone());
            match values.get_mut(name) {
                Some(Value::Array(list)) if seen.contains(&name.as_str()) => list.push(value),
                Some(known) if seen.contains(&name.as_str()) => {
                    *known = Value::Array(vec![known.take(), value])
                }
                _ => drop(values.insert(name.clone(), value)),
            }
            seen.push(name);
        }
        serde_json::from_value(Value::Object(values)).map_err(wrong)
    }
}
