//! Functions of the database: known, referred to, and in the manifest. None is made: the engine has no functions of a
//! project's own, and dbt's adapter for DuckDB cannot make them either.

use forebay_core::graph::Function;
use forebay_core::{Diagnostic, Location, ResourceType, Spec};
use serde_json::{Map, Value as Json, json};

use super::{Cx, Outcome, Section, Subject, reader, relation};
use crate::config::{Config, to_written};
use crate::properties::Patch;
use crate::scan::SqlFile;

pub(crate) fn function(cx: &Cx<'_>, sql: &SqlFile, patch: Option<&Patch>) -> Outcome {
    let section: Section = |file| &file.functions;
    let subject = Subject::new(cx, ResourceType::Function, section, sql, patch);
    read(cx, subject, patch).unwrap_or(Outcome::Broken)
}

fn read(cx: &Cx<'_>, subject: Subject<'_>, patch: Option<&Patch>) -> Option<Outcome> {
    let parsed = subject.parse(cx)?;
    let reader = reader(cx, &parsed.config, subject.what());
    let on = reader.flag("enabled");
    let kinds = [("scalar", ()), ("aggregate", ())];
    reader.choice("type", &kinds);
    let kinds = [
        ("deterministic", ()),
        ("stable", ()),
        ("non-deterministic", ()),
    ];
    reader.choice("volatility", &kinds);
    let place = relation(cx, &subject.naming(), &reader)?;
    let what = subject.what();
    let file = &subject.sql.file;
    let spec = Spec::Function(Function {
        raw_sql: subject.sql.raw().to_owned(),
    });
    let signature = patch.map(|patch| patch.signature.clone());
    let at = Location::new(file, 1, 1);
    let written = written(cx, &subject, &parsed.config);
    let mut draft = Box::new(subject.draft(cx, parsed, Some(place.clone()), place, spec));
    // As in dbt, one that nobody describes.
    let unknown =
        || json!({"arguments": [], "returns": {"data_type": "INVALID_TYPE", "description": null}});
    draft.detail.written = written;
    draft.detail.shown = signature.unwrap_or_else(unknown);
    let message = format!("{what} cannot be made: the database takes no functions of a project");
    let problem = Diagnostic::error(message).at(at);
    let way = "write it as a macro, and call that: {{ name('column') }}";
    draft.detail.broken = Some(problem.hint(way));
    Some(match on {
        Some(false) => Outcome::Disabled(Some(draft)),
        _ => Outcome::Draft(draft),
    })
}

/// As dbt notes them: with the settings of models by its place, and without those of functions.
fn written(cx: &Cx<'_>, subject: &Subject<'_>, config: &Config) -> Map<String, Json> {
    let fqn = subject.naming().fqn;
    let by_place: Section = |file| &file.functions;
    let by_place = cx.settings(by_place, fqn, None);
    let models: Section = |file| &file.models;
    let mut all = cx.settings(models, fqn, None);
    for (name, setting) in config {
        let is_own = by_place
            .get(name)
            .is_none_or(|of| of.value != setting.value);
        if is_own {
            all.insert(name.clone(), setting.clone());
        }
    }
    to_written(&all)
}
