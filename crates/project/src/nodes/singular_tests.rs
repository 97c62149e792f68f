//! Singular tests: a SQL file whose rows are failures.

use forebay_core::{ResourceType, Spec};

use super::test_settings::{place, store_failures, test_spec};
use super::{Cx, Outcome, Subject, definition, reader};
use crate::properties::Patch;
use crate::scan::SqlFile;

pub(crate) fn singular_test(cx: &Cx<'_>, sql: &SqlFile, patch: Option<&Patch>) -> Outcome {
    let subject = Subject::new(cx, ResourceType::Test, |file| &file.tests, sql, patch);
    read(cx, subject).unwrap_or(Outcome::Broken)
}

fn read(cx: &Cx<'_>, subject: Subject<'_>) -> Option<Outcome> {
    let parsed = subject.parse(cx)?;
    let reader = reader(cx, &parsed.config, subject.what());
    let off = reader.flag("enabled") == Some(false);
    reader.misspelt();
    reader.check_materialized("test");
    let spec = Spec::Test(test_spec(cx, &reader, subject.sql.raw().to_owned()));
    let place = place(cx, &subject.naming(), &reader)?;
    let kept = store_failures(cx, &reader).map(|_| place.clone());
    let sql = subject.sql;
    let mut draft = Box::new(subject.draft(cx, parsed, kept, place, spec));
    draft.detail.broken = definition(cx, sql);
    Some(match off {
        true => Outcome::Disabled(Some(draft)),
        false => Outcome::Draft(draft),
    })
}
