//! Snapshots: `{% snapshot %}` blocks, and those that property files describe in full.

use std::sync::Arc;

use forebay_core::graph::{HardDeletes, Snapshot, SnapshotNames, SnapshotStrategy};
use forebay_core::{Diagnostic, Location, Relation, ResourceType, Spec, suggest};

use super::naming::{alias, placed};
use super::{Cx, Draft, Naming, Outcome, Parsed, Section, Subject, reader, relation};
use crate::config::Reader;
use crate::files;
use crate::problems::Problems;
use crate::properties::Patch;
use crate::scan::SqlFile;
use crate::snapshot::strategy_macro;

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
            has_mark: false,
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
    let enabled = reader(cx, &parsed.config, subject.what()).flag("enabled");
    if enabled == Some(false) {
        // What is wrong with it is nobody's problem.
        let problems = Problems::default();
        let quiet = Cx {
            problems: &problems,
            ..*cx
        };
        return Some(Outcome::Disabled(draft(&quiet, subject, parsed)));
    }
    draft(cx, subject, parsed).map(Outcome::Draft)
}

fn draft(cx: &Cx<'_>, subject: Subject<'_>, parsed: Parsed) -> Option<Box<Draft>> {
    let reader = reader(cx, &parsed.config, subject.what());
    reader.misspelt();
    reader.check_materialized("snapshot");
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
    let (strategy, broken) = strategy(cx, &reader, &place)?;
    let spec = Spec::Snapshot(Snapshot {
        raw_sql: subject.sql.raw().to_owned(),
        unique_key,
        strategy,
        hard_deletes: hard_deletes(&reader),
        valid_to_current: reader.text("dbt_valid_to_current"),
        names: names(&reader),
    });
    let relation = snapshot_relation(cx, &subject.naming(), &reader)?;
    let place = relation.clone();
    let mut draft = Box::new(subject.draft(cx, parsed, Some(relation), place, spec));
    draft.detail.broken = broken;
    Some(draft)
}

/// `target_schema` is taken as it is; `schema` goes through the project's naming rule.
fn snapshot_relation(cx: &Cx<'_>, naming: &Naming<'_>, reader: &Reader<'_>) -> Option<Relation> {
    match reader.text("target_schema") {
        Some(schema) => {
            let relation = Relation::new(schema, alias(cx, naming, reader)?);
            Some(placed(cx, cx.shared.quoting, relation))
        }
        None => relation(cx, naming, reader),
    }
}

/// Of a strategy that nobody has: what is wrong with it when it runs.
fn strategy(
    cx: &Cx<'_>,
    reader: &Reader<'_>,
    place: &Location,
) -> Option<(SnapshotStrategy, Option<Diagnostic>)> {
    let Some(name) = reader.text("strategy") else {
        missing(
            reader,
            place,
            "strategy",
            "strategy='timestamp' with updated_at, or strategy='check' with check_cols",
        );
        return None;
    };
    let (package, project) = (&cx.package.name, &cx.project.name);
    let own = strategy_macro(&cx.shared.macros, package, project, &name).is_some();
    Some(match name.as_str() {
        _ if own => (SnapshotStrategy::Custom { name }, None),
        "timestamp" => (timestamp(reader, place)?, None),
        "check" => (check(reader, place)?, None),
        name => {
            let problem =
                Diagnostic::error(format!("'{name}' is no 'strategy' of {}", reader.what))
                    .at(reader.at("strategy"))
                    .maybe_hint(suggest::nearest(name, ["timestamp", "check"]))
                    .hint("timestamp, check, or a macro snapshot_<name>_strategy of the project");
            let name = name.to_owned();
            let problem = reader.problems.postpone(problem);
            (SnapshotStrategy::Custom { name }, Some(problem))
        }
    })
}

fn missing(reader: &Reader<'_>, place: &Location, what: &str, hint: &str) {
    let problem = Diagnostic::error(format!("{} has no {what}", reader.what));
    reader.problems.push(problem.at(place.clone()).hint(hint));
}

fn timestamp(reader: &Reader<'_>, place: &Location) -> Option<SnapshotStrategy> {
    if reader.get("check_cols").is_some() {
        let message = format!(
            "{} compares by its timestamp, and can have no check_cols",
            reader.what
        );
        let problem = Diagnostic::error(message).at(reader.at("check_cols"));
        reader
            .problems
            .push(problem.hint("leave out check_cols, or set strategy='check'"));
        return None;
    }
    let updated_at = reader.text("updated_at");
    if updated_at.is_none() {
        let hint = "the timestamp strategy compares that column";
        missing(reader, place, "updated_at", hint);
    }
    updated_at.map(|updated_at| SnapshotStrategy::Timestamp { updated_at })
}

fn check(reader: &Reader<'_>, place: &Location) -> Option<SnapshotStrategy> {
    let Some(setting) = reader.config.get("check_cols") else {
        let hint = "name the columns to compare, or 'all'";
        missing(reader, place, "check_cols", hint);
        return None;
    };
    let columns = match setting.value.as_str() {
        Some("all") => Vec::new(),
        None if setting.value.is_array() => reader.texts("check_cols"),
        _ => {
            reader.wrong("check_cols", setting, "'all' or a list of columns");
            return None;
        }
    };
    let updated_at = reader.text("updated_at");
    Some(SnapshotStrategy::Check {
        columns,
        updated_at,
    })
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
