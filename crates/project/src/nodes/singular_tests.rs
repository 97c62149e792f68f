//! Singular tests: a SQL file whose rows are failures.

use forebay_core::{ResourceType, Spec};

use super::generic_tests::test_spec;
use super::{Cx, Outcome, Subject, reader};
use crate::properties::Patch;
use crate::scan::SqlFile;

pub(crate) fn singular_test(cx: &Cx<'_>, sql: &SqlFile, patch: Option<&Patch>) -> Outcome {
    let subject = Subject::new(cx, ResourceType::Test, |file| &file.tests, sql, patch);
    read(cx, subject).unwrap_or(Outcome::Broken)
}

fn read(cx: &Cx<'_>, subject: Subject<'_>) -> Option<Outcome> {
    let parsed = subject.parse(cx)?;
    let reader = reader(cx, &parsed.config, subject.what());
    if reader.flag("enabled") == Some(false) {
        return Some(Outcome::Disabled);
    }
    reader.misspelt();
    let spec = Spec::Test(test_spec(&reader, subject.sql.raw().to_owned()));
    let alias = reader
        .text("alias")
        .unwrap_or_else(|| subject.sql.name.clone());
    let relation = super::generic_tests::failures_relation(&reader, cx, &alias);
    Some(Outcome::Draft(Box::new(
        subject.draft(cx, parsed, relation, alias, spec),
    )))
}
