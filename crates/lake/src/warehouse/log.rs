//! What the Delta log tells besides the rows: commits and application transactions.

use std::collections::BTreeMap;

use deltalake::logstore::LogStoreRef;
use forebay_core::{Diagnostic, Relation};
use serde_json::{Map, Value};

use super::table::{Table, fault};
use crate::types::Commit;

/// The key in `commitInfo` that holds the writer's own metadata.
pub(crate) const METADATA: &str = "forebay";

/// The newest commits first, as many as are asked for and still in the log.
pub(crate) async fn history(
    relation: &Relation,
    table: &Table,
    limit: usize,
) -> Result<Vec<Commit>, Diagnostic> {
    let log = table.log();
    let mut commits = Vec::new();
    for version in (0..=table.version()).rev().take(limit) {
        let Some(actions) = read(relation, &log, version, "commitInfo").await? else {
            break;
        };
        let info = actions.into_iter().next().unwrap_or_default();
        commits.push(commit(version, &info));
    }
    Ok(commits)
}

fn commit(version: u64, info: &Map<String, Value>) -> Commit {
    let metadata = info.get(METADATA).and_then(Value::as_object);
    let pairs = metadata
        .into_iter()
        .flatten()
        .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
    let operation = info.get("operation").and_then(Value::as_str);
    Commit {
        version: version as i64,
        timestamp_ms: info.get("timestamp").and_then(Value::as_i64).unwrap_or(0),
        operation: operation.unwrap_or("UNKNOWN").to_owned(),
        metadata: pairs.collect(),
    }
}

/// Each application's newest transaction.
pub(crate) async fn transactions(
    relation: &Relation,
    table: &Table,
) -> Result<BTreeMap<String, i64>, Diagnostic> {
    let log = table.log();
    let mut newest = BTreeMap::new();
    for version in 0..=table.version() {
        let Some(actions) = read(relation, &log, version, "txn").await? else {
            return Err(Diagnostic::environment(format!(
                "the log of table '{relation}' was cut off: commit {version} is missing"
            )));
        };
        for txn in actions {
            let id = txn.get("appId").and_then(Value::as_str);
            let at = txn.get("version").and_then(Value::as_i64);
            if let (Some(id), Some(at)) = (id, at) {
                newest.insert(id.to_owned(), at);
            }
        }
    }
    Ok(newest)
}

/// The commit's actions of one kind. None: the commit is not in the log any more.
async fn read(
    relation: &Relation,
    log: &LogStoreRef,
    version: u64,
    kind: &str,
) -> Result<Option<Vec<Map<String, Value>>>, Diagnostic> {
    let bytes = log
        .read_commit_entry(version)
        .await
        .map_err(|e| fault(relation, e))?;
    let Some(bytes) = bytes else { return Ok(None) };
    let text = String::from_utf8_lossy(&bytes);
    // Most lines are files: only those that can be of the kind are parsed.
    let start = format!("{{\"{kind}\"");
    let lines = text.lines().filter(|line| line.starts_with(&start));
    let actions = lines.filter_map(|line| match serde_json::from_str(line) {
        Ok(Value::Object(mut action)) => match action.remove(kind) {
            Some(Value::Object(found)) => Some(found),
            _ => None,
        },
        _ => None,
    });
    Ok(Some(actions.collect()))
}
