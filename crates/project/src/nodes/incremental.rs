//! The settings of incremental models.

use forebay_core::incremental::{
    BatchSize, Incremental, IncrementalStrategy, Microbatch, OnSchemaChange, Partition, Updated,
    moment,
};
use forebay_core::{Diagnostic, suggest};
use serde_json::Value as Json;

use super::merge::merge;
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

/// As in dbt, most of it is asked when there is a table to add to.
pub(super) fn incremental(reader: &Reader<'_>) -> Option<Incremental> {
    let unique_key = keys(reader);
    let default = match unique_key.is_empty() {
        true => IncrementalStrategy::Append,
        false => IncrementalStrategy::DeleteInsert,
    };
    let written = reader
        .config
        .get("incremental_strategy")
        .filter(|s| !s.value.is_null() && s.value != "default");
    let mut unknown = None;
    let strategy = match written {
        None => default,
        Some(_) => match known_strategy(reader) {
            Ok(chosen) => strategy(reader, chosen)?,
            Err(problem) => {
                unknown = Some(*problem);
                default
            }
        },
    };
    let is_merge = matches!(strategy, IncrementalStrategy::Merge);
    let (updated, unfit) = match is_merge.then(|| updated(reader)) {
        None => (Updated::All, None),
        Some(Ok(updated)) => (updated, None),
        Some(Err(problem)) => (Updated::All, Some(problem)),
    };
    let (merge, no_merge) = match is_merge.then(|| merge(reader)) {
        None => (None, None),
        Some(Ok(merge)) => (merge, None),
        Some(Err(problem)) => (None, Some(problem)),
    };
    let keyed = matches!(strategy, IncrementalStrategy::Microbatch(_)) && !unique_key.is_empty();
    let keyed = keyed.then(|| {
        let message = format!("{} runs in batches, and has a unique_key", reader.what);
        Diagnostic::error(message)
            .at(reader.at("unique_key"))
            .hint("a batch takes the place of the rows of its time, not of rows by key: remove the key, or use merge")
    });
    let unfit = unknown
        .or(unfit)
        .or(no_merge)
        .or(keyed)
        .map(|problem| Box::new(reader.problems.postpone(problem)));
    let mut predicates = reader.texts("incremental_predicates");
    predicates.extend(reader.texts("predicates"));
    Some(Incremental {
        updated,
        merge,
        strategy,
        unique_key,
        on_schema_change: on_schema_change(reader),
        full_refresh: reader.flag("full_refresh"),
        predicates,
        unfit,
    })
}

/// As in dbt, an empty text is no key, and a column may be named twice.
fn keys(reader: &Reader<'_>) -> Vec<String> {
    let mut keys: Vec<String> = Vec::new();
    for key in reader.texts("unique_key") {
        let quoted = key.strip_prefix('"').and_then(|key| key.strip_suffix('"'));
        let key = quoted.filter(|name| !name.contains('"')).unwrap_or(&key);
        if !key.is_empty() && !keys.iter().any(|known| known == key) {
            keys.push(key.to_owned());
        }
    }
    keys
}

fn known_strategy(reader: &Reader<'_>) -> Result<Strategy, Box<Diagnostic>> {
    let text = reader.text("incremental_strategy").unwrap_or_default();
    let found = STRATEGIES.iter().find(|(name, _)| *name == text);
    found.map(|(_, strategy)| *strategy).ok_or_else(|| {
        let names: Vec<&str> = STRATEGIES.iter().map(|(name, _)| *name).collect();
        let message = format!("'{text}' is no 'incremental_strategy' of {}", reader.what);
        let problem = Diagnostic::error(message)
            .at(reader.at("incremental_strategy"))
            .maybe_hint(suggest::nearest(&text, names.iter().copied()));
        Box::new(problem.hint(format!("one of: {}", names.join(", "))))
    })
}

/// As in dbt, what nobody knows is nothing.
fn on_schema_change(reader: &Reader<'_>) -> OnSchemaChange {
    let text = reader
        .text("on_schema_change")
        .unwrap_or("ignore".to_owned());
    let found = ON_SCHEMA_CHANGE.iter().find(|(name, _)| *name == text);
    if found.is_none() {
        let names: Vec<&str> = ON_SCHEMA_CHANGE.iter().map(|(name, _)| *name).collect();
        let message = format!(
            "'{text}' is no 'on_schema_change' of {}, and counts as ignore",
            reader.what
        );
        let problem = Diagnostic::warning(message).at(reader.at("on_schema_change"));
        reader.problems.push(
            problem
                .maybe_hint(suggest::nearest(&text, names.iter().copied()))
                .hint(format!("one of: {}", names.join(", "))),
        );
    }
    found.map_or(OnSchemaChange::Ignore, |(_, change)| *change)
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

fn updated(reader: &Reader<'_>) -> Result<Updated, Diagnostic> {
    let only = reader.texts("merge_update_columns");
    let except = reader.texts("merge_exclude_columns");
    match (only.is_empty(), except.is_empty()) {
        (true, true) => Ok(Updated::All),
        (false, true) => Ok(Updated::Only(only)),
        (true, false) => Ok(Updated::Except(except)),
        (false, false) => {
            let message = format!(
                "{} has merge_update_columns and merge_exclude_columns",
                reader.what
            );
            let problem = Diagnostic::error(message).at(reader.at("merge_exclude_columns"));
            Err(problem.hint("each says which columns are updated: keep one of them"))
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
