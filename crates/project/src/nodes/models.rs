//! Models: `models/**/*.sql` and `models/**/*.py`.

use forebay_core::graph::{Access, Language, Materialized, Model};
use forebay_core::{Diagnostic, ResourceType, Spec, suggest};

use super::contracts::{check_contract, contract, keys};
use super::external::external;
use super::incremental::incremental;
use super::{Cx, Outcome, Parsed, Subject, definition, reader, relation};
use serde_json::{Value as Json, json};

use crate::config::{Reader, Setting, from_json, merge};
use crate::problems::Problems;
use crate::properties::Patch;
use crate::python;
use crate::scan::SqlFile;

pub(crate) fn model(cx: &Cx<'_>, sql: &SqlFile, patch: Option<&Patch>) -> Outcome {
    let subject = Subject::new(cx, ResourceType::Model, |file| &file.models, sql, patch);
    read(cx, subject).unwrap_or(Outcome::Broken)
}

fn read(cx: &Cx<'_>, subject: Subject<'_>) -> Option<Outcome> {
    let mut written = subject.config.clone();
    cx.override_settings(subject.section, &subject.fqn, &mut written);
    // What is switched off from outside may name what is not installed: it is not run, unless it
    // may switch itself on.
    let off = reader(cx, &written, subject.what()).flag("enabled") == Some(false);
    let language = language(&subject);
    let mut parsed = match (off && !subject.sql.raw().contains("enabled"), language) {
        (true, Language::Sql) => tried(cx, &subject).unwrap_or_else(|| Parsed::unread(written)),
        (true, Language::Python) => Parsed::unread(written),
        (false, Language::Sql) => subject.parse(cx)?,
        (false, Language::Python) => python(cx, &subject)?,
    };
    let reader = reader(cx, &parsed.config, subject.what());
    let off = reader.flag("enabled") == Some(false);
    reader.misspelt();
    reader.choice("on_configuration_change", ON_CHANGE);
    let relation = relation(cx, &subject.naming(), &reader)?;
    let (materialized, unfit) = match language {
        Language::Sql => materialized(cx, &reader, &relation.name),
        Language::Python => of_python(cx, &reader, &relation.name),
    };
    let Some(materialized) = materialized else {
        reader.check_types();
        return None;
    };
    let place = relation.clone();
    let relation = Some(relation).filter(|_| materialized != Materialized::Ephemeral);
    let patch = subject.patch;
    keys(cx, &subject, &mut parsed.calls);
    let model = Model {
        materialized,
        language,
        raw_sql: subject.sql.raw().to_owned(),
        contract: contract(&reader, patch),
        access: reader.choice("access", ACCESS).unwrap_or_default(),
        version: subject.version().cloned(),
        deprecation_date: patch.and_then(|patch| patch.deprecation_date.clone()),
    };
    if model.access == Access::Public && model.materialized == Materialized::Ephemeral {
        let message = format!("{} is ephemeral, and cannot be public", reader.what);
        let problem = Diagnostic::error(message).at(reader.at("access"));
        cx.problems
            .push(problem.hint("others have no table to read"));
    }
    let unordered = unordered(cx, &reader, &model);
    let broken = check_contract(&reader, patch, &model);
    let spec = Spec::Model(model);
    let subject_file = subject.sql;
    let mut draft = Box::new(subject.draft(cx, parsed, relation, place, spec));
    draft.detail.broken = definition(cx, subject_file)
        .or(unfit)
        .or(unordered)
        .or(broken);
    if language == Language::Python {
        draft.detail.template = None;
    }
    Some(match off {
        true => Outcome::Disabled(Some(draft)),
        false => Outcome::Draft(draft),
    })
}

/// Of a model that is switched off from outside: a macro may switch it on, and what is not installed is none of its
/// problems.
fn tried(cx: &Cx<'_>, subject: &Subject<'_>) -> Option<Parsed> {
    let problems = Problems::default();
    let quiet = Cx {
        problems: &problems,
        ..*cx
    };
    let parsed = subject.parse(&quiet)?;
    let off = reader(&quiet, &parsed.config, subject.what()).flag("enabled") == Some(false);
    if !off {
        cx.problems.take_in(problems);
    }
    Some(parsed)
}

fn language(subject: &Subject<'_>) -> Language {
    match subject.sql.file.ends_with(".py") {
        true => Language::Python,
        false => Language::Sql,
    }
}

/// What the file says, without being run.
fn python(cx: &Cx<'_>, subject: &Subject<'_>) -> Option<Parsed> {
    if subject.sql.raw().trim().is_empty() {
        let mut config = subject.config.clone();
        cx.override_settings(subject.section, &subject.fqn, &mut config);
        return Some(Parsed::unread(config));
    }
    let found = match python::read(&subject.sql.file, subject.sql.raw()) {
        Ok(found) => found,
        Err(problems) => {
            problems
                .into_iter()
                .for_each(|problem| cx.problems.push(problem));
            return None;
        }
    };
    let mut config = subject.config.clone();
    // As in dbt: what the project says of all models is not said of those in Python.
    let of_project = |setting: &Setting| setting.at.file.ends_with("dbt_project.yml");
    if config.get("materialized").is_some_and(of_project) {
        config.shift_remove("materialized");
    }
    let mut inline = found.config;
    // As dbt notes them.
    if !(found.asked.is_empty() && found.asked_of_meta.is_empty()) {
        for (what, asked) in [("config", found.asked), ("meta", found.asked_of_meta)] {
            let (keys, defaults): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
            inline.insert(format!("{what}_keys_used"), json!(keys));
            inline.insert(format!("{what}_keys_defaults"), json!(defaults));
        }
    }
    merge(
        &mut config,
        from_json(&inline, |name| subject.config_key(name)),
    );
    cx.override_settings(subject.section, &subject.fqn, &mut config);
    let parsed = Parsed {
        calls: found.calls,
        ..Parsed::unread(config)
    };
    parsed.with_hooks(cx, &subject.scope(cx))
}

/// A table, unless it says that it is incremental. Anything else is an error when it runs.
fn of_python(
    cx: &Cx<'_>,
    reader: &Reader<'_>,
    alias: &str,
) -> (Option<Materialized>, Option<Diagnostic>) {
    match reader.text("materialized").as_deref() {
        None | Some("table") => (Some(Materialized::Table), None),
        Some("external") => written(cx, reader, alias),
        Some("incremental") => (incremental(reader).map(Materialized::Incremental), None),
        Some(other) => {
            let message = format!(
                "{} is written in Python, and cannot be a {other}",
                reader.what
            );
            let problem = Diagnostic::error(message).at(reader.at("materialized"));
            let problem = problem.hint("it can be a table or incremental");
            (
                Some(Materialized::Table),
                Some(reader.problems.postpone(problem)),
            )
        }
    }
}

/// What dbt would do with a materialized view whose settings have changed. Ours is built again in any case.
const ON_CHANGE: &[(&str, ())] = &[("apply", ()), ("continue", ()), ("fail", ())];

const ACCESS: &[(&str, Access)] = &[
    ("private", Access::Private),
    ("protected", Access::Protected),
    ("public", Access::Public),
];

/// A file besides; where it cannot be written, the model does not run.
fn written(
    cx: &Cx<'_>,
    reader: &Reader<'_>,
    alias: &str,
) -> (Option<Materialized>, Option<Diagnostic>) {
    let root = cx.shared.target.text("external_root").unwrap_or(".");
    match external(reader, root, alias) {
        Ok(export) => (Some(Materialized::External(export)), None),
        Err(problem) => (
            Some(Materialized::Table),
            Some(reader.problems.postpone(*problem)),
        ),
    }
}

/// By name, and built by us unless the project has macros of its own for it. What keeps the model alone from running
/// comes beside it.
fn materialized(
    cx: &Cx<'_>,
    reader: &Reader<'_>,
    alias: &str,
) -> (Option<Materialized>, Option<Diagnostic>) {
    let setting = reader.config.get("materialized");
    if let Some(setting) = setting.filter(|setting| !setting.value.is_string()) {
        reader.wrong("materialized", setting, "a text");
        return (None, None);
    }
    let name = reader.text("materialized");
    let name = name.as_deref().unwrap_or("view");
    let strategy = reader.text("incremental_strategy");
    let strategy = strategy.as_deref().filter(|_| name == "incremental");
    if name != "ephemeral" && cx.shared.is_overridden(name, strategy) {
        let unfit = match strategy {
            Some("microbatch") => not_in_batches(cx, reader),
            _ => None,
        };
        let name = name.to_owned();
        return (Some(Materialized::Custom { name }), unfit);
    }
    let built_in = match name {
        "table" => Some(Materialized::Table),
        "view" => Some(Materialized::View),
        "ephemeral" => Some(Materialized::Ephemeral),
        "external" => return written(cx, reader, alias),
        "incremental" => incremental(reader).map(Materialized::Incremental),
        "materialized_view" if cx.shared.target.kind == "duckdb" => {
            let message = format!(
                "{} is a materialized view, which DuckDB has not",
                reader.what
            );
            let problem = Diagnostic::error(message).at(reader.at("materialized"));
            let problem = problem.hint("make it a table: its rows change when it is built again");
            let problem = reader.problems.postpone(problem);
            return (Some(Materialized::Table), Some(problem));
        }
        "materialized_view" => {
            let message = format!(
                "{} is built as a table: its rows change when it is built again",
                reader.what
            );
            let problem = Diagnostic::warning(message).at(reader.at("materialized"));
            reader.problems.push(problem);
            Some(Materialized::Table)
        }
        name => {
            let known = BUILT_IN.iter().copied();
            let message = format!(
                "{} wants the materialization '{name}', which nobody has",
                reader.what
            );
            let problem = Diagnostic::warning(message).at(reader.at("materialized"));
            reader
                .problems
                .push(problem.maybe_hint(suggest::nearest(name, known)));
            Some(Materialized::Custom {
                name: name.to_owned(),
            })
        }
    };
    (built_in, None)
}

const BUILT_IN: &[&str] = &[
    "table",
    "view",
    "ephemeral",
    "incremental",
    "external",
    "materialized_view",
];

/// DuckDB's adapter asks for partitions and an order before it leaves them aside: another's way to say them is an
/// error of the model.
fn unordered(cx: &Cx<'_>, reader: &Reader<'_>, model: &Model) -> Option<Diagnostic> {
    let is_stored = matches!(
        model.materialized,
        Materialized::Table | Materialized::Incremental(_)
    );
    if cx.shared.target.kind != "duckdb" || !is_stored {
        return None;
    }
    let written = |name: &str| {
        let setting = reader.config.get(name)?;
        (!setting.value.is_null()).then_some(setting)
    };
    let names = [["partitioned_by", "partition_by"], ["sorted_by", "sort_by"]];
    for names in names {
        let said = |name: &&str| written(name).is_some_and(|said| said.value != "");
        let Some(name) = names.into_iter().find(said) else {
            continue;
        };
        let setting = written(name)?;
        let is_name = match &setting.value {
            Json::Array(items) => !items.is_empty() && items.iter().all(Json::is_string),
            one => one.is_string(),
        };
        if !is_name {
            let message = format!(
                "'{name}' of {} is no column and no list of them",
                reader.what
            );
            let problem = Diagnostic::error(message).at(setting.at.clone());
            let problem = problem.hint(format!(
                "DuckDB's adapter takes names alone, and leaves them aside: remove it, or write {name}='a_column'"
            ));
            return Some(reader.problems.postpone(problem));
        }
    }
    None
}

/// As in dbt, a strategy of the project's own takes all rows at once, unless a flag asks for batches; our macros take
/// them in no batches.
fn not_in_batches(cx: &Cx<'_>, reader: &Reader<'_>) -> Option<Diagnostic> {
    if cx.shared.is_strategy_overridden("microbatch") && !cx.project.file.batched_strategies {
        return None;
    }
    let message = format!(
        "{} runs in batches, which macros of the project cannot do",
        reader.what
    );
    let problem = Diagnostic::error(message).at(reader.at("incremental_strategy"));
    let problem = problem.hint("the project has a macro in the place of a built-in one");
    Some(reader.problems.postpone(problem))
}
