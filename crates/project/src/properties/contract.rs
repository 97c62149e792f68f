//! `constraints:` of a model or of a column.

use chrono::{DateTime, NaiveDateTime};
use forebay_core::Diagnostic;
use forebay_core::contract::{Constraint, ConstraintKind};

use crate::yaml::{Doc, Fields, Unknown, Yaml};

/// `deprecation_date:` as a moment in RFC 3339; a day begins at midnight, in UTC.
pub(crate) fn deprecation_date(fields: &mut Fields<'_>) -> Option<String> {
    let written = fields.text("deprecation_date")?;
    let at_midnight = match written.len() {
        10 => format!("{written} 00:00:00+00:00"),
        _ => written.replacen('T', " ", 1),
    };
    let zoned = DateTime::parse_from_str(&at_midnight, "%Y-%m-%d %H:%M:%S%.f%#z");
    let plain = || NaiveDateTime::parse_from_str(&at_midnight, "%Y-%m-%d %H:%M:%S%.f");
    let moment = zoned
        .ok()
        .or_else(|| Some(plain().ok()?.and_utc().fixed_offset()));
    if moment.is_none() {
        let message = format!(
            "'deprecation_date' of {} is no date: '{written}'",
            fields.what
        );
        let at = fields.at("deprecation_date").in_file(fields.doc.file);
        let problem = Diagnostic::error(message).at(at);
        fields
            .doc
            .problems
            .push(problem.hint("write it as 2025-12-31"));
    }
    moment.map(|moment| moment.to_rfc3339())
}

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
        at: Some(fields.at_first(&["expression", "to", "columns", "type"])),
    };
    fields.finish(Unknown::Warn);
    Some(constraint)
}
