//! `constraints:` of a model or of a column.

use forebay_core::contract::{Constraint, ConstraintKind};

use crate::yaml::{Doc, Fields, Unknown, Yaml};

const KINDS: &[(&str, ConstraintKind)] = &[
    ("check", ConstraintKind::Check),
    ("not_null", ConstraintKind::NotNull),
    ("unique", ConstraintKind::Unique),
    ("primary_key", ConstraintKind::PrimaryKey),
    ("foreign_key", ConstraintKind::ForeignKey),
    ("custom", ConstraintKind::Custom),
];

pub(crate) fn constraints(doc: Doc<'_>, items: &[Yaml], owner: &str) -> Vec<Constraint> {
    items
        .iter()
        .filter_map(|item| constraint(doc, item, owner))
        .collect()
}

fn constraint(doc: Doc<'_>, yaml: &Yaml, owner: &str) -> Option<Constraint> {
    let mut fields = Fields::of(doc, yaml, format!("a constraint of {owner}"))?;
    if fields.get("type").is_none() {
        fields.missing("type");
    }
    let constraint = Constraint {
        kind: fields.choice("type", KINDS)?,
        name: fields.text("name"),
        expression: fields.text("expression"),
        columns: fields.texts("columns"),
        to: fields.text("to"),
        to_columns: fields.texts("to_columns"),
        warn_unsupported: fields.flag("warn_unsupported").unwrap_or(true),
        warn_unenforced: fields.flag("warn_unenforced").unwrap_or(true),
    };
    fields.finish(Unknown::Warn);
    Some(constraint)
}
