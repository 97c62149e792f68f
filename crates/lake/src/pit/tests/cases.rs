//! The cases of `tests/pit_cases`: see its README for the format.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, BooleanArray, Float64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::DateTime;
use forebay_core::Span;
use serde_json::Value;

use super::super::{AsOfView, JoinKey};
use super::support::{View, ints, join_in, micros, session, texts};
use crate::Input;

#[tokio::test]
async fn every_case_gives_the_expected_rows() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/pit_cases");
    let mut seen = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|e| e == "json") {
            let case: Value =
                serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            check(&case).await;
            seen += 1;
        }
    }
    assert!(seen >= 22, "only {seen} cases were found");
}

async fn check(case: &Value) {
    let id = text(&case["id"]);
    let entity = table(&case["entity"]);
    let time = text(&case["entity"]["timestamp_column"]);
    let views = views(&case["feature_views"], &case["request"]);
    let (answer, _) = join_in(&session(1 << 30), vec![entity.clone()], time, views)
        .await
        .unwrap_or_else(|e| panic!("{id}: {e}"));

    let names: Vec<&str> = strings(&case["expected"]["columns"]);
    let fields = answer.schema();
    let answered: Vec<&str> = fields.fields().iter().map(|f| f.name().as_str()).collect();
    assert_eq!(answered, names, "{id}: columns");
    for (index, column) in entity.columns().iter().enumerate() {
        assert_eq!(
            answer.column(index),
            column,
            "{id}: the spine is unchanged, in its order"
        );
    }

    let expected = &case["expected"];
    let alternatives = match expected["any_of"].as_array() {
        Some(list) => list.clone(),
        None => vec![expected["rows"].clone()],
    };
    let got = rows(&answer);
    let wanted: Vec<Vec<String>> = alternatives
        .iter()
        .map(|rows_| rows(&expected_table(&fields, rows_)))
        .collect();
    assert!(
        wanted.contains(&got),
        "{id}: got {got:#?}, expected one of {wanted:#?}"
    );
}

fn views(list: &Value, request: &Value) -> Vec<View> {
    let mut views: Vec<View> = Vec::new();
    for requested in strings(&request["features"]) {
        let (name, feature) = requested.split_once(':').unwrap();
        let alias = &request["join_key_maps"][name];
        let definition = alias["view"].as_str().unwrap_or(name);
        let view = list
            .as_array()
            .unwrap()
            .iter()
            .find(|v| v["name"] == definition)
            .unwrap();
        let output = match request["full_feature_names"].as_bool() {
            Some(true) => format!("{name}__{feature}"),
            _ => feature.to_owned(),
        };
        let column = (stored(view, feature), output);
        match views.iter_mut().find(|v| v.view.name == name) {
            Some(known) => known.view.columns.push(column),
            None => views.push(build(name, view, request, &alias["join_key_map"], column)),
        }
    }
    views
}

fn build(
    name: &str,
    view: &Value,
    request: &Value,
    alias: &Value,
    column: (String, String),
) -> View {
    let source = &view["source"];
    let key = |key: &Value| {
        let key = text(&key["name"]);
        JoinKey {
            spine: alias[key].as_str().unwrap_or(key).to_owned(),
            view: stored(view, key),
        }
    };
    View {
        view: AsOfView {
            name: name.to_owned(),
            source: Input::Sql(String::new()),
            join_keys: view["join_keys"]
                .as_array()
                .unwrap()
                .iter()
                .map(key)
                .collect(),
            timestamp: text(&source["timestamp_field"]).to_owned(),
            created: source["created_timestamp_column"]
                .as_str()
                .map(str::to_owned),
            ttl: view["ttl_seconds"].as_i64().map(Span::from_secs),
            filter_by_created: request["filter_by_created_timestamp"].as_bool().unwrap(),
            columns: vec![column],
            event_time_as: None,
        },
        rows: vec![table(source)],
    }
}

/// What the source calls a column of the view.
fn stored(view: &Value, name: &str) -> String {
    let mapping = view["source"]["field_mapping"].as_object().unwrap();
    let old = mapping
        .iter()
        .find(|(_, new)| *new == name)
        .map(|(old, _)| old.as_str());
    old.unwrap_or(name).to_owned()
}

fn table(json: &Value) -> RecordBatch {
    let columns = json["columns"].as_array().unwrap();
    let arrays = columns.iter().enumerate().map(|(i, column)| {
        let cells = json["rows"].as_array().unwrap().iter().map(|row| &row[i]);
        (
            text(&column["name"]).to_owned(),
            array(text(&column["type"]), cells.collect()),
            true,
        )
    });
    RecordBatch::try_from_iter_with_nullable(arrays).unwrap()
}

fn array(kind: &str, cells: Vec<&Value>) -> ArrayRef {
    match kind {
        "int64" => ints(cells.iter().map(|v| v.as_i64())),
        "string" => texts(cells.iter().map(|v| v.as_str())),
        "float64" => Arc::new(cells.iter().map(|v| v.as_f64()).collect::<Float64Array>()),
        "bool" => Arc::new(cells.iter().map(|v| v.as_bool()).collect::<BooleanArray>()),
        time => {
            let zone = time
                .strip_prefix("timestamp[")
                .and_then(|t| t.strip_suffix(']'))
                .unwrap();
            let zone = (zone != "naive").then(|| zone.into());
            let instants = micros(cells.iter().map(|v| v.as_str().map(instant)));
            arrow::compute::cast(&instants, &DataType::Timestamp(TimeUnit::Microsecond, None))
                .and_then(|naive| match zone {
                    None => Ok(naive),
                    zone => arrow::compute::cast(
                        &instants,
                        &DataType::Timestamp(TimeUnit::Microsecond, zone),
                    ),
                })
                .unwrap()
        }
    }
}

fn instant(text: &str) -> i64 {
    let zoned = DateTime::parse_from_rfc3339(text)
        .or_else(|_| DateTime::parse_from_rfc3339(&format!("{}Z", text.replace(' ', "T"))));
    zoned
        .unwrap_or_else(|e| panic!("{text}: {e}"))
        .timestamp_micros()
}

/// Expected rows as a batch of the answer's types, so that both print alike.
fn expected_table(schema: &Arc<Schema>, rows: &Value) -> RecordBatch {
    let kind = |field: &Field| match field.data_type() {
        DataType::Int64 => "int64",
        DataType::Float64 => "float64",
        DataType::Boolean => "bool",
        DataType::Timestamp(..) => "timestamp[UTC]",
        _ => "string",
    };
    let columns = schema.fields().iter().enumerate().map(|(i, field)| {
        let cells = rows.as_array().unwrap().iter().map(|row| &row[i]);
        (
            field.name().clone(),
            array(kind(field), cells.collect()),
            true,
        )
    });
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// The rows as sorted texts: a multiset.
fn rows(batch: &RecordBatch) -> Vec<String> {
    let options = FormatOptions::default().with_null("null");
    let columns: BTreeMap<usize, ArrayFormatter<'_>> = batch
        .columns()
        .iter()
        .map(|c| ArrayFormatter::try_new(c, &options).unwrap())
        .enumerate()
        .collect();
    let row = |row| {
        columns
            .values()
            .map(|c| c.value(row).to_string())
            .collect::<Vec<_>>()
            .join(" | ")
    };
    let mut rows: Vec<String> = (0..batch.num_rows()).map(row).collect();
    rows.sort();
    rows
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(text).collect()
}
