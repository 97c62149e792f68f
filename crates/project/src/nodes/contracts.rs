//! Contracts of models: what they promise, and whether the promise can be kept.

use forebay_core::contract::{Constraint, ConstraintKind, Contract};
use forebay_core::graph::{Language, Materialized, Model};
use forebay_core::incremental::OnSchemaChange;
use forebay_core::{Diagnostic, Location};

use super::{Cx, Subject};
use crate::config::Reader;
use crate::jinja::RefCall;
use crate::properties::Patch;

/// What a foreign key points at, its model depends on.
pub(super) fn keys(cx: &Cx<'_>, subject: &Subject<'_>, calls: &mut Vec<RefCall>) {
    let Some(patch) = subject.patch else {
        return;
    };
    let columns = patch
        .columns
        .values()
        .flat_map(|column| &column.constraints);
    for constraint in patch.constraints.iter().chain(columns) {
        let Some(to) = &constraint.to else {
            continue;
        };
        match RefCall::parse(to) {
            Some(call) if calls.contains(&call) => {}
            Some(call) => calls.push(call),
            None => cx.problems.push(
                Diagnostic::error(format!(
                    "a foreign key of {} points at '{to}'",
                    subject.what()
                ))
                .at(constraint.at.as_ref().unwrap_or(&patch.at).clone())
                .hint("write to: ref('model') or to: source('source', 'table')"),
            ),
        }
    }
}

/// A contract needs columns, and a primary key is declared in one place. Of a model that no property file describes
/// the lack is an error when it runs, and given back.
pub(super) fn check_contract(
    reader: &Reader<'_>,
    patch: Option<&Patch>,
    model: &Model,
) -> Option<Diagnostic> {
    let wrong = |at: Option<&Location>, message: String, hint: &str| {
        let place = at.or(patch.map(|patch| &patch.at)).cloned();
        let place = place.unwrap_or_else(|| reader.at("contract"));
        let problem = Diagnostic::error(message).at(place);
        reader.problems.push(problem.hint(hint));
    };
    let what = &reader.what;
    if model.contract.enforced && model.language == Language::Python {
        let message = format!("{what} is written in Python, and cannot have an enforced contract");
        wrong(None, message, "contracts are for models in SQL");
        return None;
    }
    let empty = patch.is_none_or(|patch| patch.columns.is_empty());
    if model.contract.enforced && empty {
        let message = format!("{what} has an enforced contract and no columns");
        let hint = "describe its columns with their data_type in a property file";
        if patch.is_none() {
            let problem = Diagnostic::error(message).at(reader.at("contract"));
            return Some(reader.problems.postpone(problem.hint(hint)));
        }
        wrong(None, message, hint);
    }
    if let (true, Materialized::Incremental(incremental)) =
        (model.contract.enforced, &model.materialized)
        && !matches!(
            incremental.on_schema_change,
            OnSchemaChange::AppendNewColumns | OnSchemaChange::Fail
        )
    {
        let message = format!("{what} has an enforced contract and lets its columns change");
        wrong(
            None,
            message,
            "set on_schema_change to append_new_columns or fail",
        );
    }
    let is_key = |constraint: &Constraint| constraint.kind == ConstraintKind::PrimaryKey;
    let columns = patch.into_iter().flat_map(|patch| patch.columns.values());
    let keyed = columns.filter(|column| column.constraints.iter().any(is_key));
    let keyed: Vec<&str> = keyed.map(|column| column.name.as_str()).collect();
    let of_table = model.contract.constraints.iter().any(is_key);
    let columns = patch.into_iter().flat_map(|patch| patch.columns.values());
    let mut keys = columns.flat_map(|column| &column.constraints);
    let last = keys.rfind(|key| is_key(key));
    if keyed.len() > 1 || (of_table && !keyed.is_empty()) {
        let message = format!("{what} has more than one primary key: {}", keyed.join(", "));
        wrong(
            last.and_then(|key| key.at.as_ref()),
            message,
            "declare a key of several columns once, under constraints: of the model",
        );
    }
    None
}

pub(super) fn contract(reader: &Reader<'_>, patch: Option<&Patch>) -> Contract {
    let written = reader.map("contract");
    let enforced = written.and_then(|map| map.get("enforced")?.as_bool());
    let constraints = patch.map(|patch| patch.constraints.clone());
    Contract {
        enforced: enforced.unwrap_or(false),
        constraints: constraints.unwrap_or_default(),
    }
}
