//! The settings of tests, generic and singular ones.

use forebay_core::graph::{KeptAs, Test};
use forebay_core::{Relation, Severity};
use serde_json::Value as Json;

use super::{Cx, Naming, naming};
use crate::config::Reader;

/// The settings that every test has.
pub(crate) fn test_spec(cx: &Cx<'_>, reader: &Reader<'_>, raw_sql: String) -> Test {
    let severities = [("error", Severity::Error), ("warn", Severity::Warning)];
    let text = |name: &str, default: &str| reader.text(name).unwrap_or_else(|| default.to_owned());
    Test {
        generic: None,
        attached: None,
        column: None,
        raw_sql,
        severity: reader
            .choice("severity", &severities)
            .unwrap_or(Severity::Error),
        warn_if: text("warn_if", "!= 0"),
        error_if: text("error_if", "!= 0"),
        fail_calc: text("fail_calc", "count(*)"),
        limit: reader.whole("limit"),
        store_failures: store_failures(cx, reader),
    }
}

/// What the test says, else `--store-failures`.
pub(crate) fn store_failures(cx: &Cx<'_>, reader: &Reader<'_>) -> Option<KeptAs> {
    let (table, view) = (Some(KeptAs::Table), Some(KeptAs::View));
    let kinds = [("table", table), ("view", view), ("ephemeral", None)];
    if let Some(kind) = reader.choice("store_failures_as", &kinds) {
        return kind;
    }
    let asked = || cx.shared.flags.get("STORE_FAILURES") == Some(&Json::Bool(true));
    let kept = reader.flag("store_failures").unwrap_or_else(asked);
    kept.then_some(KeptAs::Table)
}

/// Where failing rows are kept, if they are: `<target schema>_dbt_test__audit` without another rule.
pub(crate) fn place(cx: &Cx<'_>, naming: &Naming<'_>, reader: &Reader<'_>) -> Option<Relation> {
    let custom = reader.text("schema");
    let custom = custom.unwrap_or_else(|| "dbt_test__audit".into());
    let schema = naming::schema(cx, naming, reader, Some(custom))?;
    Some(Relation::new(schema, naming::alias(cx, naming, reader)?))
}
