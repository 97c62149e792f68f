//! Traces of another MLflow's SQLite file, with their spans and assessments.

use rusqlite::types::ValueRef;
use rusqlite::{Connection, Row, Transaction};
use serde_json::{Map, Value, json};

use super::has;
use super::kept_span::span_content;
use crate::pairs::Pairs;
use crate::trace::take_over;
use crate::{Assessment, AssessmentKind, Error, Span, Trace, TraceState};

const TOKENS: &[&str] = &[
    "input_tokens",
    "output_tokens",
    "total_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
    "cache_creation_input_tokens_above_1hr",
];
const COSTS: &[&str] = &["input_cost", "output_cost", "total_cost"];

/// How many are new. What an older file lacks of them is left out.
pub(super) fn copy(t: &Transaction<'_>) -> Result<u64, Error> {
    if !has(t, "trace_info")? {
        return Ok(0);
    }
    let (has_spans, has_assessments) = (has(t, "spans")?, has(t, "assessments")?);
    let mut copied = 0;
    for mut trace in heads(t)? {
        trace.tags = pairs(t, "trace_tags", &trace.id)?;
        trace.metadata = pairs(t, "trace_request_metadata", &trace.id)?;
        add_columns(t, &mut trace)?;
        if has_assessments {
            trace.assessments = assessments(t, &trace.id)?;
        }
        let spans = match has_spans {
            true => spans(t, &trace.id)?,
            false => Vec::new(),
        };
        copied += u64::from(take_over(t, &trace, &spans)?);
    }
    if has(t, "entity_associations")? {
        t.execute(
            "insert or ignore into trace_runs select source_id, destination_id from other.entity_associations \
             where source_type = 'trace' and destination_type = 'run' and source_id in (select id from traces)",
            [],
        )?;
    }
    Ok(copied)
}

/// Of those that are not here.
fn heads(t: &Transaction<'_>) -> Result<Vec<Trace>, Error> {
    let mut select = t.prepare(
        "select i.request_id, x.id, i.client_request_id, i.status, i.timestamp_ms, i.execution_time_ms, \
         i.request_preview, i.response_preview from other.trace_info i \
         join other.experiments e on e.experiment_id = i.experiment_id join experiments x on x.name = e.name \
         where i.request_id not in (select id from traces)",
    )?;
    let text = |row: &Row<'_>, n| {
        row.get::<_, Option<String>>(n)
            .map(Option::unwrap_or_default)
    };
    let found = select.query_map([], |row| {
        Ok(Trace {
            id: row.get(0)?,
            experiment_id: row.get(1)?,
            client_request_id: text(row, 2)?,
            state: TraceState::parse(&text(row, 3)?).unwrap_or_default(),
            started_ms: row.get(4)?,
            duration_ms: row.get(5)?,
            request_preview: text(row, 6)?,
            response_preview: text(row, 7)?,
            ..Trace::default()
        })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn pairs(c: &Connection, table: &str, trace: &str) -> Result<Pairs, Error> {
    let sql = format!("select key, coalesce(value, '') from other.{table} where request_id = ?1");
    let mut select = c.prepare_cached(&sql)?;
    let found = select.query_map([trace], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Newer files keep some tags and metadata in columns of their own; clients read them as before.
fn add_columns(c: &Connection, trace: &mut Trace) -> Result<(), Error> {
    let mut select = c.prepare_cached("select * from other.trace_info where request_id = ?1")?;
    let value = |row: &Row<'_>, column: &str| match row.get_ref(column) {
        Ok(ValueRef::Text(text)) => json!(String::from_utf8_lossy(text)),
        Ok(ValueRef::Integer(number)) => json!(number),
        Ok(ValueRef::Real(number)) => json!(number),
        _ => Value::Null,
    };
    Ok(select.query_row([&trace.id.clone()], |row| {
        let (tags, metadata) = (&mut trace.tags, &mut trace.metadata);
        for (pairs, key, column) in [
            (tags, "mlflow.traceName", "trace_name"),
            (&mut *metadata, "mlflow.trace.session", "session_id"),
        ] {
            if let Value::String(text) = value(row, column) {
                pairs.insert(key.to_owned(), text);
            }
        }
        for (key, columns) in [
            ("mlflow.trace.tokenUsage", TOKENS),
            ("mlflow.trace.cost", COSTS),
        ] {
            let held = columns.iter().map(|name| (*name, value(row, name)));
            let held: Value = held
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.to_owned(), value))
                .collect::<Map<_, _>>()
                .into();
            if held != json!({}) {
                metadata.insert(key.to_owned(), held.to_string());
            }
        }
        Ok(())
    })?)
}

fn spans(c: &Connection, trace: &str) -> Result<Vec<Span>, Error> {
    let mut select = c.prepare_cached(
        "select trace_id, span_id, coalesce(parent_span_id, ''), coalesce(name, ''), coalesce(type, 'UNKNOWN'), \
         status, start_time_unix_nano, end_time_unix_nano, content from other.spans where trace_id = ?1",
    )?;
    let found = select.query_map([trace], |row| {
        Ok(Span {
            trace_id: row.get(0)?,
            id: row.get(1)?,
            parent_id: row.get(2)?,
            name: row.get(3)?,
            kind: row.get(4)?,
            status: row.get(5)?,
            started_ns: row.get(6)?,
            finished_ns: row.get(7)?,
            content: span_content(&json_of(row, 8)?).to_string(),
            ..Span::default()
        })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// Null where it is absent or no JSON.
fn json_of(row: &Row<'_>, n: usize) -> rusqlite::Result<Value> {
    let text: Option<String> = row.get(n)?;
    Ok(text
        .and_then(|text| serde_json::from_str(&text).ok())
        .unwrap_or_default())
}

fn assessments(c: &Connection, trace: &str) -> Result<Vec<Assessment>, Error> {
    let time =
        |column: &str| format!("strftime('%Y-%m-%dT%H:%M:%fZ', a.{column} / 1000.0, 'unixepoch')");
    let sql = format!(
        "select a.assessment_id, a.name, a.assessment_type, a.value, a.valid, coalesce(a.overrides, ''), a.error, \
         a.source_type, a.source_id, a.span_id, a.rationale, a.assessment_metadata, {}, {} \
         from other.assessments a where a.trace_id = ?1 order by a.created_timestamp, a.rowid",
        time("created_timestamp"),
        time("last_updated_timestamp")
    );
    let mut select = c.prepare_cached(&sql)?;
    let found = select.query_map([trace], |row| assessment(row, trace))?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

fn assessment(row: &Row<'_>, trace: &str) -> rusqlite::Result<Assessment> {
    let (name, kind, value): (String, String, Value) = (row.get(1)?, row.get(2)?, json_of(row, 3)?);
    let overrides: String = row.get(5)?;
    let text = |n| row.get::<_, Option<String>>(n).map(|text| json!(text));
    let mut held = json!({"value": value});
    let error = json_of(row, 6)?;
    if !error.is_null() {
        held["error"] = error;
    }
    if kind == "expectation" && (value.is_array() || value.is_object()) {
        let written = json!({"serialization_format": "JSON_FORMAT", "value": value.to_string()});
        held = json!({"serialized_value": written});
    }
    let mut content = json!({
        "assessment_name": name,
        "trace_id": trace,
        "source": {"source_type": text(7)?, "source_id": text(8)?},
        "create_time": text(12)?,
        "last_update_time": text(13)?,
        "span_id": text(9)?,
        "rationale": text(10)?,
        "metadata": json_of(row, 11)?,
    });
    if !overrides.is_empty() {
        content["overrides"] = json!(overrides);
    }
    if let Some(content) = content.as_object_mut() {
        content.retain(|_, value| !value.is_null());
        content.insert(kind.clone(), held);
    }
    Ok(Assessment {
        id: row.get(0)?,
        trace_id: trace.to_owned(),
        name,
        kind: AssessmentKind::parse(&kind),
        value: value.to_string(),
        is_valid: row.get(4)?,
        overrides,
        content: content.to_string(),
    })
}
