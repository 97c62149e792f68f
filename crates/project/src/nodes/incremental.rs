//! The settings of incremental models.

use forebay_core::Diagnostic;
use forebay_core::incremental::{
    BatchSize, Incremental, IncrementalStrategy, Microbatch, OnSchemaChange, Partition, Updated,
    moment,
};
use serde_json::Value as Json;

use crate::config::Reader;

#[derive(Clone, Copy)]
enum Strategy {
    Append,
    Merge,
    DeleteInsert,
    InsertOverwrite,
    Microbatch,
}

const STRATEGIES: &[(&str, Strategy)] = &[
    ("append", Strategy::Append),
    ("merge", Strategy::Merge),
    ("delete+insert", Strategy::DeleteInsert),
    ("insert_overwrite", Strategy::InsertOverwrite),
    ("microbatch", Strategy::Microbatch),
];

const ON_SCHEMA_CHANGE: &[(&str, OnSchemaChange)] = &[
    ("ignore", OnSchemaChange::Ignore),
    ("fail", OnSchemaChange::Fail),
    ("append_new_columns", OnSchemaChange::AppendNewColumns),
    ("sync_all_columns", OnSchemaChange::SyncAllColumns),
];

const BATCH_SIZES: &[(&str, BatchSize)] = &[
    ("hour", BatchSize::Hour),
    ("day", BatchSize::Day),
    ("month", BatchSize::Month),
    ("year", BatchSize::Year),
];

/// Settings of dbt-duckdb's merge that change its result.
const OTHER_MERGES: &[&str] = &[
    "merge_clauses",
    "merge_insert_condition",
    "merge_on_using_columns",
    "merge_update_condition",
    "merge_update_set_expressions",
];

pub(super) fn incremental(reader: &Reader<'_>) -> Option<Incremental> {
    let unique_key = reader.texts("unique_key");
    let default = match unique_key.is_empty() {
        true => IncrementalStrategy::Append,
        false => IncrementalStrategy::DeleteInsert,
    };
    let written = reader
        .config
        .get("incremental_strategy")
        .filter(|s| !s.value.is_null() && s.value != "default");
    let strategy = match written {
        None => default,
        Some(_) => strategy(reader, reader.choice("incremental_strategy", STRATEGIES)?)?,
    };
    let mut predicates = reader.texts("incremental_predicates");
    predicates.extend(reader.texts("predicates"));
    Some(Incremental {
        updated: match strategy {
            IncrementalStrategy::Merge => updated(reader)?,
            _ => Updated::All,
        },
        strategy,
        unique_key,
        on_schema_change: reader
            .choice("on_schema_change", ON_SCHEMA_CHANGE)
            .unwrap_or_default(),
        full_refresh: reader.flag("full_refresh"),
        predicates,
    })
}

fn strategy(reader: &Reader<'_>, chosen: Strategy) -> Option<IncrementalStrategy> {
    Some(match chosen {
        Strategy::Append => IncrementalStrategy::Append,
        Strategy::Merge => IncrementalStrategy::Merge,
        Strategy::DeleteInsert => IncrementalStrategy::DeleteInsert,
        Strategy::InsertOverwrite => IncrementalStrategy::InsertOverwrite(partitions(reader)?),
        Strategy::Microbatch => IncrementalStrategy::Microbatch(microbatch(reader)?),
    })
}

/// Why the model cannot run: a setting of its merge that would change what it does.
pub(super) fn unknown_merge(reader: &Reader<'_>) -> Option<Diagnostic> {
    let written = |name: &&&str| {
        reader
            .config
            .get(**name)
            .is_some_and(|s| !s.value.is_null())
    };
    let name = OTHER_MERGES.iter().find(written)?;
    let message = format!("'{name}' of {} is not supported", reader.what);
    let hint = "merge_update_columns, merge_exclude_columns and incremental_predicates are";
    Some(Diagnostic::error(message).at(reader.at(name)).hint(hint))
}

fn updated(reader: &Reader<'_>) -> Option<Updated> {
    let only = reader.texts("merge_update_columns");
    let except = reader.texts("merge_exclude_columns");
    match (only.is_empty(), except.is_empty()) {
        (true, true) => Some(Updated::All),
        (false, true) => Some(Updated::Only(only)),
        (true, false) => Some(Updated::Except(except)),
        (false, false) => {
            refuse(
                reader,
                "merge_exclude_columns",
                "excludes merge_update_columns",
            );
            None
        }
    }
}

/// A column, several, or BigQuery's `{field: ..., granularity: ...}`.
fn partitions(reader: &Reader<'_>) -> Option<Vec<Partition>> {
    let Some(setting) = reader.config.get("partition_by") else {
        return Some(Vec::new());
    };
    let Json::Object(map) = &setting.value else {
        let column = |column| Partition {
            column,
            granularity: None,
        };
        return Some(
            reader
                .texts("partition_by")
                .into_iter()
                .map(column)
                .collect(),
        );
    };
    let text = |key: &str| map.get(key).and_then(Json::as_str);
    let Some(column) = text("field") else {
        refuse(reader, "partition_by", "names no field");
        return None;
    };
    let is_time = text("data_type").is_some_and(|kind| kind != "date" && kind != "int64");
    let granularity = match text("granularity") {
        Some(name) => {
            let found = BATCH_SIZES.iter().find(|(known, _)| *known == name);
            if found.is_none() {
                refuse(reader, "partition_by", "has an unknown granularity");
            }
            Some(found?.1)
        }
        // Times are in partitions of days unless they say otherwise.
        None => is_time.then_some(BatchSize::Day),
    };
    Some(vec![Partition {
        column: column.to_owned(),
        granularity,
    }])
}

fn microbatch(reader: &Reader<'_>) -> Option<Microbatch> {
    let missing = |name: &str, hint: &str| {
        let message = format!("{} runs in batches, and has no {name}", reader.what);
        let problem = Diagnostic::error(message).at(reader.at("incremental_strategy"));
        reader.problems.push(problem.hint(hint));
    };
    let event_time = reader.text("event_time");
    if event_time.is_none() {
        missing("event_time", "the column that says when");
    }
    let batch_size = reader.choice("batch_size", BATCH_SIZES);
    if batch_size.is_none() && reader.config.get("batch_size").is_none() {
        missing("batch_size", "one of: hour, day, month, year");
    }
    if reader.flag("concurrent_batches") == Some(true) {
        let message = format!("batches of {} run one by one", reader.what);
        let at = reader.at("concurrent_batches");
        reader.problems.push(Diagnostic::warning(message).at(at));
    }
    let begin = reader.text("begin");
    let begin_at = begin.as_deref().and_then(moment);
    match begin {
        None => missing("begin", "where the first batch starts: begin='2024-01-01'"),
        Some(_) if begin_at.is_none() => {
            refuse(reader, "begin", "is neither a date nor a date with a time");
        }
        Some(_) => {}
    }
    Some(Microbatch {
        event_time: event_time?,
        batch_size: batch_size?,
        begin: begin_at?,
        lookback: reader.whole("lookback").unwrap_or(1) as u32,
    })
}

fn refuse(reader: &Reader<'_>, name: &str, why: &str) {
    let message = format!("'{name}' of {} {why}", reader.what);
    let problem = Diagnostic::error(message).at(reader.at(name));
    reader.problems.push(problem);
}
