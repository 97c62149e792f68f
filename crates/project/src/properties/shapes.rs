//! Of which shape the keys of property files must be: as dbt has it, nothing is no empty list.

use forebay_core::Diagnostic;

use crate::config::Kind;
use crate::yaml::{Doc, MOMENT, Yaml, form_of};

/// What a file may have sections of, each of them a list.
pub(super) const SECTIONS: &[&str] = &[
    "analyses",
    "exposures",
    "functions",
    "groups",
    "macros",
    "metrics",
    "models",
    "saved_queries",
    "seeds",
    "semantic_models",
    "snapshots",
    "sources",
    "unit_tests",
];

/// Keys of whatever has a name and a description.
pub(super) const ENTRY: &[(&str, Kind)] = &[
    ("columns", Kind::List),
    ("config", Kind::Mapping),
    ("constraints", Kind::List),
    ("data_tests", Kind::List),
    ("description", Kind::Text),
    ("docs", Kind::Mapping),
    ("meta", Kind::Mapping),
    ("name", Kind::Text),
    ("tests", Kind::List),
];

/// Says which keys have values of another shape, nothing among them.
pub(super) fn check(doc: Doc<'_>, yaml: &Yaml, what: &str, keys: &[(&str, Kind)]) {
    for (key, kind) in keys {
        let fits = |value: &Yaml| kind.fits(&value.to_json()) && !is_moment(value);
        let Some(value) = yaml.get(key).filter(|value| !fits(value)) else {
            continue;
        };
        // Told where it is read.
        if *key == "config" && !value.is_null() {
            continue;
        }
        let found = match is_moment(value) {
            true => "a date: put it in quotes",
            false => value.kind(),
        };
        let wanted = kind.wanted();
        let message = format!("'{key}' of {what} must be {wanted}, not {found}");
        let problem = Diagnostic::error(message).at(value.at.in_file(doc.file));
        let hint = form_of(wanted).filter(|_| !is_moment(value));
        doc.problems.push(problem.maybe_hint(hint));
    }
}

/// A date without quotes is no text.
fn is_moment(value: &Yaml) -> bool {
    value
        .to_values()
        .as_str()
        .is_some_and(|text| text.starts_with(MOMENT))
}

/// The same, but for nothing.
pub(super) fn check_unless_null(doc: Doc<'_>, yaml: &Yaml, what: &str, keys: &[(&str, Kind)]) {
    let written = |key: &str| yaml.get(key).is_some_and(|value| !value.is_null());
    for key in keys.iter().filter(|(key, _)| written(key)) {
        check(doc, yaml, what, std::slice::from_ref(key));
    }
}

pub(super) fn check_sections(doc: Doc<'_>, yaml: &Yaml) {
    let what = format!("the property file {}", doc.file);
    for key in SECTIONS {
        check(doc, yaml, &what, &[(key, Kind::List)]);
    }
}
