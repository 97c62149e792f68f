//! `/experiments/<name>/traces` and `/traces/<id>`

use std::collections::BTreeMap;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use forebay_store::{Assessment, Error, Search, Store, Trace as Stored, TraceState};
use forebay_ui::page::{Asked, AssessmentRow, SpanRow, Status, Trace, TraceRow, Traces};
use serde_json::Value;

use super::experiments::{or_misread, own_tags};
use super::{Shared, pairs, tracked, training};

const SHOWN: usize = 50;
/// Spans of one trace that are shown.
const SPANS: usize = 1_000;
/// Characters of what went into a span or came out of it.
const LONGEST: usize = 20_000;

pub async fn traces(
    State(app): Shared,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = Asked::read(pairs(query.as_deref()));
    tracked(&app, list(&app.tracking.store, &name, asked))
}

fn list(store: &Store, name: &str, asked: Asked) -> Result<Traces, Error> {
    let experiment = store.experiment_by_name(name)?;
    let (found, misread) = or_misread(store.search_traces(
        &[experiment.id],
        &Search {
            filter: &asked.filter,
            limit: SHOWN,
            page_token: &asked.page,
            ..Search::default()
        },
    ))?;
    Ok(Traces {
        experiment: experiment.name,
        traces: found.items.iter().map(row).collect(),
        asked,
        misread,
        next: found.next,
    })
}

fn row(trace: &Stored) -> TraceRow {
    TraceRow {
        id: trace.id.clone(),
        name: trace
            .tags
            .get("mlflow.traceName")
            .unwrap_or(&trace.id)
            .clone(),
        status: match trace.state {
            TraceState::Ok => Status::Success,
            TraceState::Error => Status::Error,
            TraceState::InProgress => Status::Running,
            TraceState::Unspecified => Status::Queued,
        },
        started_ms: trace.started_ms,
        duration_ms: trace.duration_ms,
        request: trace.request_preview.clone(),
        response: trace.response_preview.clone(),
    }
}

pub async fn trace(State(app): Shared, Path(id): Path<String>) -> Response {
    tracked(&app, one(&app.tracking.store, &id))
}

fn one(store: &Store, id: &str) -> Result<Trace, Error> {
    let found = store.trace(id)?;
    let spans = store.spans(id)?;
    let spans = spans
        .iter()
        .take(SPANS)
        .filter_map(|text| serde_json::from_str(text).ok());
    let run = match found.metadata.get("mlflow.sourceRun") {
        Some(run) => training::run_link(store, run)?,
        None => None,
    };
    Ok(Trace {
        trace: row(&found),
        experiment: store.experiment(found.experiment_id)?.name,
        run,
        tags: own_tags(&found.tags),
        metadata: own_tags(&found.metadata),
        assessments: found.assessments.iter().map(assessment).collect(),
        spans: tree(spans.collect()),
    })
}

fn assessment(assessment: &Assessment) -> AssessmentRow {
    AssessmentRow {
        name: assessment.name.clone(),
        kind: assessment.kind.as_str().to_owned(),
        value: assessment.value.clone(),
        valid: assessment.is_valid,
    }
}

/// Spans in the order of a tree: whatever has no parent here is a root, and a circle loses nothing.
fn tree(spans: Vec<Value>) -> Vec<SpanRow> {
    let ids: Vec<&str> = spans.iter().map(|span| text(&span["span_id"])).collect();
    let mut children: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let mut roots = Vec::new();
    for (place, span) in spans.iter().enumerate() {
        let parent = text(&span["parent_span_id"]);
        match ids.contains(&parent) && parent != ids[place] {
            true => children.entry(parent).or_default().push(place),
            false => roots.push(place),
        }
    }
    let mut seen = vec![false; spans.len()];
    let mut rows = Vec::new();
    for start in roots.into_iter().chain(0..spans.len()) {
        let mut open = vec![(start, 0)];
        while let Some((place, depth)) = open.pop() {
            if std::mem::replace(&mut seen[place], true) {
                continue;
            }
            rows.push(span(&spans[place], depth));
            let below = children.get(ids[place]).into_iter().flatten().rev();
            open.extend(below.map(|child| (*child, depth + 1)));
        }
    }
    rows
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn span(span: &Value, depth: usize) -> SpanRow {
    let mut attributes = BTreeMap::new();
    for pair in span["attributes"].as_array().into_iter().flatten() {
        attributes.insert(text(&pair["key"]).to_owned(), plain(&pair["value"]));
    }
    let mut take = |key: &str| attributes.remove(key).unwrap_or_default();
    let shown = |text: String| forebay_ui::format::clip(&text, LONGEST);
    let (kind, inputs, outputs) = (
        take("mlflow.spanType").trim_matches('"').to_owned(),
        shown(take("mlflow.spanInputs")),
        shown(take("mlflow.spanOutputs")),
    );
    let finished_ns = span["end_time_unix_nano"].as_i64();
    attributes.retain(|key, _| key != "mlflow.traceRequestId");
    SpanRow {
        name: text(&span["name"]).to_owned(),
        kind,
        status: match (text(&span["status"]["code"]), finished_ns) {
            ("STATUS_CODE_ERROR", _) => Status::Error,
            (_, None) => Status::Running,
            _ => Status::Success,
        },
        depth,
        started_ns: span["start_time_unix_nano"].as_i64().unwrap_or_default(),
        finished_ns,
        inputs,
        outputs,
        message: shown(text(&span["status"]["message"]).to_owned()),
        attributes: attributes.into_iter().collect(),
    }
}

/// OpenTelemetry's value as text; what is no text is JSON.
fn plain(value: &Value) -> String {
    match json(value) {
        Value::String(text) => text,
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

/// `{"kvlist_value": {"values": [{"key": "a", "value": {"int_value": 1}}]}}` as `{"a": 1}`.
fn json(value: &Value) -> Value {
    let Some((kind, inner)) = value.as_object().and_then(|object| object.iter().next()) else {
        return Value::Null;
    };
    let values = || inner["values"].as_array().into_iter().flatten();
    match kind.as_str() {
        "array_value" => values().map(json).collect(),
        "kvlist_value" => {
            let pair = |pair: &Value| (text(&pair["key"]).to_owned(), json(&pair["value"]));
            Value::Object(values().map(pair).collect())
        }
        _ => inner.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn spans_stand_below_their_parent_and_none_is_lost() {
        let span =
            |id: &str, parent: &str| json!({"span_id": id, "parent_span_id": parent, "name": id});
        let spans = vec![
            span("b", "a"),
            span("a", ""),
            span("d", "b"),
            span("c", "a"),
            span("x", "y"),
            span("y", "x"),
        ];
        let rows = tree(spans);
        let order: Vec<(&str, usize)> = rows
            .iter()
            .map(|row| (row.name.as_str(), row.depth))
            .collect();
        assert_eq!(
            order,
            [("a", 0), ("b", 1), ("d", 2), ("c", 1), ("x", 0), ("y", 1)]
        );
    }

    #[test]
    fn values_are_read_as_json_that_people_write() {
        let list = json!({"array_value": {"values": [{"int_value": 1}, {"string_value": "x"}]}});
        let pairs = json!({"kvlist_value": {"values": [{"key": "a", "value": list}]}});
        assert_eq!(plain(&pairs), r#"{"a":[1,"x"]}"#);
        assert_eq!(plain(&json!({"string_value": "x"})), "x");
        assert_eq!(plain(&json!({})), "");
    }
}
