//! A data test: rows of its query are failures.

use forebay_checks::data_test::{self, Status};
use forebay_core::graph::Test;
use forebay_core::{Diagnostic, Node};
use forebay_store::RunStatus;
use serde_json::json;

use super::{Context, Outcome};

pub async fn run(
    context: &Context<'_>,
    node: &Node,
    test: &Test,
    sql: &str,
) -> Result<Outcome, Diagnostic> {
    let found = data_test::run(&context.workspace.lake, node, test, sql).await?;
    let status = match found.status {
        Status::Pass => RunStatus::Success,
        Status::Warn => RunStatus::Warn,
        Status::Fail => RunStatus::Fail,
    };
    let message = match (found.message, found.failures) {
        (Some(message), _) => message,
        (None, 0) => "pass".to_owned(),
        (None, 1) => "1 failing row".to_owned(),
        (None, n) => format!("{n} failing rows"),
    };
    // As dbt has them: none below the threshold.
    let failures = match found.status {
        Status::Pass => json!(0),
        Status::Warn | Status::Fail => json!(found.failures),
    };
    Ok(Outcome::new(status, message, json!({"failures": failures})))
}
