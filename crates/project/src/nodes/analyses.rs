//! Analyses: SQL that is compiled and never run.

use forebay_core::graph::Analysis;
use forebay_core::{ResourceType, Spec};

use super::{Cx, Outcome, Section, Subject, reader, relation};
use crate::properties::Patch;
use crate::scan::SqlFile;

pub(crate) fn analysis(cx: &Cx<'_>, sql: &SqlFile, patch: Option<&Patch>) -> Outcome {
    // As in dbt, those of models.
    let section: Section = |file| &file.models;
    let subject = Subject::new(cx, ResourceType::Analysis, section, sql, patch);
    // dbt keeps them apart from models that way.
    let subject = subject.below(cx, 1, "analysis");
    read(cx, subject).unwrap_or(Outcome::Broken)
}

fn read(cx: &Cx<'_>, subject: Subject<'_>) -> Option<Outcome> {
    let parsed = subject.parse(cx)?;
    let reader = reader(cx, &parsed.config, subject.what());
    let on = reader.flag("enabled");
    let place = relation(cx, &subject.naming(), &reader)?;
    let raw_sql = subject.sql.raw().to_owned();
    let spec = Spec::Analysis(Analysis { raw_sql });
    let draft = Box::new(subject.draft(cx, parsed, None, place, spec));
    Some(match on {
        Some(false) => Outcome::Disabled(Some(draft)),
        _ => Outcome::Draft(draft),
    })
}
