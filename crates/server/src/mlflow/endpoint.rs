//! How a method of MLflow's protocol is answered: requests become values, values answers.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, MethodRouter, on};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::{Problem, Tracking, methods};
use crate::body;
use crate::refusal::Refusal;
use crate::router::App;

/// A method of the protocol: its values come from the body, the query and the path.
pub struct Endpoint {
    method: Method,
    /// Below `/api`, as `2.0/mlflow/runs/get`.
    path: String,
    call: Call,
}

type Call = Arc<dyn Fn(&Tracking, &Asked) -> Result<Vec<u8>, Problem> + Send + Sync>;

/// What was sent.
struct Asked {
    body: Bytes,
    /// Of the query and the path: a name may come several times.
    named: Vec<(String, String)>,
}

impl Endpoint {
    /// The same below a prefix.
    pub fn below(mut self, prefix: &str) -> Self {
        self.path = format!("{prefix}/{}", self.path);
        self
    }
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
        path: path.to_owned(),
        call: Arc::new(call),
    }
}

pub fn get<A: DeserializeOwned + 'static, R: Serialize + 'static>(
    path: &'static str,
    answer: fn(&Tracking, A) -> Result<R, Problem>,
) -> Endpoint {
    endpoint(Method::GET, path, answer)
}

pub fn post<A: DeserializeOwned + 'static, R: Serialize + 'static>(
    path: &'static str,
    answer: fn(&Tracking, A) -> Result<R, Problem>,
) -> Endpoint {
    endpoint(Method::POST, path, answer)
}

pub fn patch<A: DeserializeOwned + 'static, R: Serialize + 'static>(
    path: &'static str,
    answer: fn(&Tracking, A) -> Result<R, Problem>,
) -> Endpoint {
    endpoint(Method::PATCH, path, answer)
}

pub fn delete<A: DeserializeOwned + 'static, R: Serialize + 'static>(
    path: &'static str,
    answer: fn(&Tracking, A) -> Result<R, Problem>,
) -> Endpoint {
    endpoint(Method::DELETE, path, answer)
}

/// Every method under both of its addresses: programs ask `/api`, MLflow's pages `/ajax-api`.
pub fn routes() -> Vec<(String, MethodRouter<Arc<App>>)> {
    let both = |endpoint: &Endpoint| {
        ["/api", "/ajax-api"].map(|prefix| (format!("{prefix}/{}", endpoint.path), route(endpoint)))
    };
    methods::all().iter().flat_map(both).collect()
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
