//! Singular tests: a SQL file whose rows are failures.

use forebay_core::{ResourceType, Spec};

use super::generic_tests::test_spec;
use super::{Cx, Outcome, Subject, fqn, reader};
use crate::config::merge;
use crate::properties::Patch;
use crate::scan::SqlFile;

pub(crate) fn singular_test(cx: &Cx<'_>, sql: &SqlFile, patch: Option<&Patch>) -> Outcome {
    let fqn = fqn(cx.project(), &sql.file, &sql.folder, &sql.name);
    let mut config = cx.file.tests.settings(&fqn);
    merge(
        &mut config,
        patch.map(|p| p.config.clone()).unwrap_or_default(),
    );
    let subject = Subject {
        kind: ResourceType::Test,
        sql,
        patch,
        fqn,
        config,
    };
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
