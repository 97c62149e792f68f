//! Online features by name, as Feast's feature server answers them: `POST /get-online-features`.
//!
//! Differences: a value older than its view's ttl is null with the status `OUTSIDE_MAX_AGE`; a request
//! without a view's join key is refused. <https://docs.feast.dev/reference/feature-servers>

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Int64Array, RecordBatch, StringArray};
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, SecondsFormat};
use forebay_core::Fault;
use forebay_core::ml::FeatureView;
use forebay_ml::online::{Found, Value};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};

use crate::body;
use crate::refusal::Refusal;
use crate::router::App;

/// Entities of one request.
const MOST_ROWS: usize = 100_000;

#[derive(Deserialize)]
struct Asked {
    /// Each `view:feature`.
    #[serde(default)]
    features: Vec<String>,
    feature_service: Option<Json>,
    /// Join key and its values.
    entities: BTreeMap<String, Vec<Json>>,
    #[serde(default)]
    full_feature_names: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    metadata: Metadata<'a>,
    results: Vec<Column>,
}

#[derive(Serialize)]
struct Metadata<'a> {
    feature_names: Vec<&'a str>,
}

#[derive(Default, Serialize)]
struct Column {
    values: Vec<Json>,
    statuses: Vec<&'static str>,
    event_timestamps: Vec<String>,
}

pub async fn online(State(app): State<Arc<App>>, request: Request) -> Response {
    match answer(&app, request).await {
        Ok(response) => response,
        Err(refusal) => refused(&refusal),
    }
}

/// Feast's clients raise the class that an error names.
fn refused(refusal: &Refusal) -> Response {
    let class = match refusal.status {
        StatusCode::NOT_FOUND => "FeastObjectNotFoundException",
        _ => "FeastError",
    };
    let detail = json!({"module": "feast.errors", "class": class, "message": refusal.message});
    json_response(refusal.status, Json::String(detail.to_string()).to_string())
}

fn json_response(status: StatusCode, body: impl IntoResponse) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn answer(app: &App, request: Request) -> Result<Response, Refusal> {
    let (head, sent) = request.into_parts();
    let sent = body::read(&head.headers, sent, app.options.body_limit).await?;
    let asked: Asked = serde_json::from_slice(&sent)
        .map_err(|error| unfit(format!("the body is no request for features: {error}")))?;
    if asked.feature_service.is_some() {
        return Err(Refusal::not_found(
            "there are no feature services: name the features, each as view:feature",
        ));
    }
    let entities = entities(&asked.entities)?;
    let mut views = Views::new(app, &entities);
    let mut names: Vec<String> = asked.entities.keys().cloned().collect();
    let mut results: Vec<Column> = asked.entities.values().map(|keys| of_keys(keys)).collect();
    for feature in &asked.features {
        let (view, name) = feature
            .split_once(':')
            .ok_or_else(|| unfit(format!("'{feature}' is not a feature's name: view:feature")))?;
        results.push(views.column(view, name)?);
        names.push(match asked.full_feature_names {
            true => format!("{view}__{name}"),
            false => name.to_owned(),
        });
    }
    if let Some(name) = twice(&names) {
        return Err(unfit(format!(
            "'{name}' would be in the answer twice: ask with full_feature_names"
        )));
    }
    let feature_names = names.iter().map(String::as_str).collect();
    let answer = Answer {
        metadata: Metadata { feature_names },
        results,
    };
    let body = serde_json::to_vec(&answer)
        .map_err(|e| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, e.to_string()))?;
    Ok(json_response(StatusCode::OK, body))
}

fn twice(names: &[String]) -> Option<&String> {
    let mut seen = BTreeSet::new();
    names.iter().find(|name| !seen.insert(*name))
}

fn unfit(message: impl Into<String>) -> Refusal {
    Refusal::new(StatusCode::UNPROCESSABLE_ENTITY, message)
}

fn entities(asked: &BTreeMap<String, Vec<Json>>) -> Result<RecordBatch, Refusal> {
    let rows = asked.values().next().map_or(0, Vec::len);
    if asked.is_empty() || asked.values().any(|values| values.len() != rows) {
        return Err(unfit(
            "entities must have join keys with equally many values",
        ));
    }
    if rows > MOST_ROWS {
        return Err(unfit(format!("{rows} entities are more than {MOST_ROWS}")));
    }
    let columns: Result<Vec<_>, Refusal> = asked
        .iter()
        .map(|(name, values)| Ok((name, keys(name, values)?)))
        .collect();
    RecordBatch::try_from_iter_with_nullable(columns?.into_iter().map(|(n, c)| (n, c, true)))
        .map_err(|error| unfit(error.to_string()))
}

/// All values of one kind, which the first that is not null has.
fn keys(name: &str, values: &[Json]) -> Result<ArrayRef, Refusal> {
    fn all<T>(values: &[Json], read: impl Fn(&Json) -> Option<T>) -> Option<Vec<Option<T>>> {
        let read = |value: &Json| match value {
            Json::Null => Some(None),
            value => read(value).map(Some),
        };
        values.iter().map(read).collect()
    }
    let column: Option<ArrayRef> = match values.iter().find(|value| !value.is_null()) {
        None | Some(Json::String(_)) => all(values, |v| v.as_str().map(str::to_owned))
            .map(|values| Arc::new(StringArray::from(values)) as ArrayRef),
        Some(Json::Bool(_)) => {
            all(values, Json::as_bool).map(|values| Arc::new(BooleanArray::from(values)) as _)
        }
        Some(_) => all(values, Json::as_i64).map(|values| Arc::new(Int64Array::from(values)) as _),
    };
    column.ok_or_else(|| {
        unfit(format!(
            "the values of '{name}' must all be texts, whole numbers or booleans"
        ))
    })
}

fn of_keys(keys: &[Json]) -> Column {
    let mut column = Column::default();
    for key in keys {
        column.push(key.clone(), "PRESENT", 0);
    }
    column
}

impl Column {
    fn push(&mut self, value: Json, status: &'static str, event_time: i64) {
        self.values.push(value);
        self.statuses.push(status);
        self.event_timestamps.push(rfc3339(event_time));
    }
}

fn rfc3339(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// The views of a request, each read once.
struct Views<'a> {
    app: &'a App,
    entities: &'a RecordBatch,
    read: Vec<(&'a FeatureView, String, Vec<Found>)>,
}

impl<'a> Views<'a> {
    fn new(app: &'a App, entities: &'a RecordBatch) -> Self {
        Self {
            app,
            entities,
            read: Vec::new(),
        }
    }

    fn column(&mut self, view: &str, feature: &str) -> Result<Column, Refusal> {
        let at = match self.read.iter().position(|(_, name, _)| name == view) {
            Some(at) => at,
            None => self.add(view)?,
        };
        let (definition, _, found) = &self.read[at];
        let index = definition
            .features
            .iter()
            .position(|known| known.name == feature);
        let index = index.ok_or_else(|| {
            Refusal::not_found(format!("feature view '{view}' has no feature '{feature}'"))
        })?;
        let mut column = Column::default();
        for found in found {
            match &found.row {
                None => column.push(Json::Null, "NOT_FOUND", 0),
                Some(row) if !found.usable => {
                    column.push(Json::Null, "OUTSIDE_MAX_AGE", row.event_time);
                }
                Some(row) => {
                    let value = row.values.get(index).map_or(Json::Null, plain);
                    column.push(value, "PRESENT", row.event_time);
                }
            }
        }
        Ok(column)
    }

    fn add(&mut self, name: &str) -> Result<usize, Refusal> {
        let view = self.app.backend.feature_view(name).ok_or_else(|| {
            Refusal::not_found(format!("there is no feature view '{name}' online"))
        })?;
        let lacking = view
            .join_keys()
            .into_iter()
            .find(|key| self.entities.column_by_name(key).is_none());
        if let Some(key) = lacking {
            return Err(unfit(format!(
                "feature view '{name}' is looked up by '{key}', which the entities lack"
            )));
        }
        let found = self.app.backend.online_rows(name, view, self.entities);
        let found = found.map_err(|problem| match problem.fault {
            Fault::User => unfit(problem.message),
            _ => Refusal::from(problem),
        })?;
        self.read.push((view, name.to_owned(), found));
        Ok(self.read.len() - 1)
    }
}

/// As the JSON form of Feast's protocol buffers: times are seconds, and numbers that JSON lacks are
/// texts.
fn plain(value: &Value) -> Json {
    match value {
        Value::Null => Json::Null,
        Value::Bool(value) => json!(value),
        Value::Int(value) => json!(value),
        Value::Float(value) if value.is_nan() => json!("NaN"),
        Value::Float(value) if value.is_infinite() && *value > 0.0 => json!("Infinity"),
        Value::Float(value) if value.is_infinite() => json!("-Infinity"),
        Value::Float(value) => json!(value),
        Value::Text(value) => json!(value),
        Value::Timestamp(micros) => json!(micros.div_euclid(1_000_000)),
    }
}
