//! Snapshots: `{% snapshot %}` blocks, and those that property files describe in full.

use std::sync::Arc;

use forebay_core::graph::{HardDeletes, Snapshot, SnapshotNames, SnapshotStrategy};
use forebay_core::{Diagnostic, Location, Relation, ResourceType, Spec};
use serde_json::Value as Json;

use super::naming::alias;
use super::{Cx, Naming, Outcome, Section, Subject, reader, relation};
use crate::config::Reader;
use crate::files;
use crate::properties::Patch;
use crate::scan::SqlFile;

/// Snapshots of property files as SQL that reads their relation: `select * from {{ ref('x') }}`.
pub(crate) fn yaml_snapshots<'a>(
    patches: &'a [Patch],
    folders: &'a [String],
) -> impl Iterator<Item = SqlFile> + 'a {
    patches.iter().filter_map(|patch| {
        let (relation, at) = patch.relation.as_ref()?;
        let braces: &[char] = &['{', '}', ' '];
        let call = relation.trim_matches(braces);
        let text: Arc<str> = Arc::from(format!("select * from {{{{ {call} }}}}"));
        let folder = folders
            .iter()
            .find(|folder| patch.file.starts_with(folder.as_str()));
        Some(SqlFile {
            name: patch.name.clone(),
            file: patch.file.clone(),
            at: at.clone(),
            folder: folder.cloned().unwrap_or_default(),
            range: 0..text.len(),
            text,
            template: format!("{}#{}", patch.file, patch.name),
        })
    })
}

pub(crate) fn snapshot(cx: &Cx<'_>, sql: &SqlFile, patch: Option<&Patch>) -> Outcome {
    let section: Section = |file| &file.snapshots;
    let mut subject = Subject::new(cx, ResourceType::Snapshot, section, sql, patch);
    // One file may have several: those of a file have its name among their folders.
    if sql.file.ends_with(".sql") {
        let last = subject.fqn.len() - 1;
        subject = subject.below(cx, last, files::stem(&sql.file));
    }
    read(cx, subject).unwrap_or(Outcome::Broken)
}

fn read(cx: &Cx<'_>, subject: Subject<'_>) -> Option<Outcome> {
    let parsed = subject.parse(cx)?;
    let reader = reader(cx, &parsed.config, subject.what());
    if reader.flag("enabled") == Some(false) {
        return Some(Outcome::Disabled(None));
    }
    reader.misspelt();
    let place = subject.sql.at.clone();
    let unique_key = reader.texts("unique_key");
    if unique_key.is_empty() {
        let message = format!("{} has no unique_key", reader.what);
        cx.problems.push(
            Diagnostic::error(message)
                .at(place.clone())
                .hint("config(unique_key='id', ...)"),
        );
        return None;
    }
    let spec = Spec::Snapshot(Snapshot {
        raw_sql: subject.sql.raw().to_owned(),
        unique_key,
        strategy: strategy(&reader, &place)?,
        hard_deletes: hard_deletes(&reader),
        valid_to_current: reader.text("dbt_valid_to_current"),
        names: names(&reader),
    });
    let relation = snapshot_relation(cx, &subject.naming(), &reader)?;
    let alias = relation.name.clone();
    Some(Outcome::Draft(Box::new(subject.draft(
        cx,
        parsed,
        Some(relation),
        alias,
        spec,
    ))))
}

/// `target_schema` is taken as it is; `schema` goes through the project's naming rule.
fn snapshot_relation(cx: &Cx<'_>, naming: &Naming<'_>, reader: &Reader<'_>) -> Option<Relation> {
    match reader.text("target_schema") {
        Some(schema) => Some(Relation::new(schema, alias(cx, naming, reader)?)),
        None => relation(cx, naming, reader),
    }
}

#[derive(Clone, Copy)]
enum Strategy {
    Timestamp,
    Check,
}

fn strategy(reader: &Reader<'_>, place: &Location) -> Option<SnapshotStrategy> {
    let strategies = [
        ("timestamp", Strategy::Timestamp),
        ("check", Strategy::Check),
    ];
    let missing = |what: &str, hint: &str| {
        let message = format!("{} has no {what}", reader.what);
        reader
            .problems
            .push(Diagnostic::error(message).at(place.clone()).hint(hint));
    };
    if reader.text("strategy").is_none() {
        missing(
            "strategy",
            "strategy='timestamp' with updated_at, or strategy='check' with check_cols",
        );
        return None;
    }
    match reader.choice("strategy", &strategies)? {
        Strategy::Timestamp => {
            let updated_at = reader.text("updated_at");
            if updated_at.is_none() {
                missing("updated_at", "the timestamp strategy compares that column");
            }
            Some(SnapshotStrategy::Timestamp {
                updated_at: updated_at?,
            })
        }
        Strategy::Check => {
            let setting = reader.config.get("check_cols").map(|s| &s.value);
            if setting.is_none() {
                missing("check_cols", "name the columns to compare, or 'all'");
                return None;
            }
            let all = setting.and_then(Json::as_str) == Some("all");
            let columns = if all {
                Vec::new()
            } else {
                reader.texts("check_cols")
            };
            Some(SnapshotStrategy::Check { columns })
        }
    }
}

fn hard_deletes(reader: &Reader<'_>) -> HardDeletes {
    let choices = [
        ("ignore", HardDeletes::Ignore),
        ("invalidate", HardDeletes::Invalidate),
        ("new_record", HardDeletes::NewRecord),
    ];
    let older = match reader.flag("invalidate_hard_deletes") {
        Some(true) => HardDeletes::Invalidate,
        _ => HardDeletes::Ignore,
    };
    reader.choice("hard_deletes", &choices).unwrap_or(older)
}

fn names(reader: &Reader<'_>) -> SnapshotNames {
    let mut names = SnapshotNames::default();
    for (key, name) in reader
        .map("snapshot_meta_column_names")
        .into_iter()
        .flatten()
    {
        let place = match key.as_str() {
            "dbt_scd_id" => &mut names.scd_id,
            "dbt_updated_at" => &mut names.updated_at,
            "dbt_valid_from" => &mut names.valid_from,
            "dbt_valid_to" => &mut names.valid_to,
            "dbt_is_deleted" => &mut names.is_deleted,
            _ => {
                let known = [
                    "dbt_scd_id",
                    "dbt_updated_at",
                    "dbt_valid_from",
                    "dbt_valid_to",
                    "dbt_is_deleted",
                ];
                let message = format!("'{key}' is no column that {} adds", reader.what);
                let problem =
                    Diagnostic::error(message).at(reader.at("snapshot_meta_column_names"));
                reader
                    .problems
                    .push(problem.hint(format!("one of: {}", known.join(", "))));
                continue;
            }
        };
        if let Some(name) = name.as_str() {
            *place = name.to_owned();
        }
    }
    names
}
