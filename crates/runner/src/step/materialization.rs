//! Nodes that macros build: a materialisation of the project's own, or a built-in one with macros of its own.

use forebay_checks::data_test::message;
use forebay_checks::threshold::{Status, judge};
use forebay_core::graph::{Model, Seed, Test};
use forebay_core::{Diagnostic, Node};
use forebay_project::{CompileState, Made};
use forebay_store::RunStatus;
use serde_json::{Value, json};

use super::{Context, Outcome, relation};
use crate::live;

/// After its contract has been held against the query.
pub async fn run_model(
    context: &Context<'_>,
    node: &Node,
    model: &Model,
    name: &str,
    sql: &str,
    state: CompileState,
) -> Result<Outcome, Diagnostic> {
    let lake = &context.workspace.lake;
    let sql = forebay_transform::contracted(lake, node, model, sql).await?;
    run(context, node, name, &sql, state).await
}

/// The file's rows come into a table of their own, for the macros to load from.
pub async fn run_seed(
    context: &Context<'_>,
    node: &Node,
    seed: &Seed,
    state: CompileState,
) -> Result<Outcome, Diagnostic> {
    let (lake, root) = (&context.workspace.lake, &context.workspace.project.root);
    let rows = forebay_project::rows_of_seed(relation(node)?);
    let beside = Node {
        relation: Some(rows.clone()),
        ..node.clone()
    };
    forebay_transform::seed(lake, root, &beside, seed).await?;
    let outcome = run(context, node, "seed", "", state).await;
    lake.drop(&rows).await?;
    outcome
}

/// Its hooks are run by the macros.
pub async fn run(
    context: &Context<'_>,
    node: &Node,
    name: &str,
    sql: &str,
    state: CompileState,
) -> Result<Outcome, Diagnostic> {
    let made = make(context, node, name, sql, state).await?;
    let names: Vec<String> = made.relations.iter().map(ToString::to_string).collect();
    let message = match names.is_empty() {
        true => format!("{name}, no relation"),
        false => format!("{name} {}", names.join(", ")),
    };
    Ok(Outcome::new(
        RunStatus::Success,
        message,
        json!({"relation": names.first(), "relations": names}),
    ))
}

/// The statement `main` gives the number of failures and the two verdicts.
pub async fn run_test(
    context: &Context<'_>,
    node: &Node,
    test: &Test,
    sql: &str,
) -> Result<Outcome, Diagnostic> {
    let made = make(context, node, "test", sql, CompileState::default()).await?;
    let verdict = |name: &str| match made.main.get(name) {
        Some(Value::Bool(verdict)) => Some(*verdict),
        Some(number) => number.as_i64().map(|number| number != 0),
        None => None,
    };
    let failures = made.main.get("failures").and_then(Value::as_i64);
    let measured = failures
        .zip(verdict("should_warn"))
        .zip(verdict("should_error"));
    let Some(((failures, warns), errs)) = measured else {
        let message = format!("the materialization of '{}' gives no verdict", node.name);
        return Err(Diagnostic::error(message)
            .hint("its statement 'main' has to give failures, should_warn and should_error"));
    };
    let verdict = judge(test.severity, warns, errs);
    let status = match verdict {
        Status::Pass => RunStatus::Success,
        Status::Warn => RunStatus::Warn,
        Status::Fail => RunStatus::Fail,
    };
    let message = message(test, verdict, failures).unwrap_or_else(|| "pass".to_owned());
    Ok(Outcome::new(status, message, json!({"failures": failures})))
}

async fn make(
    context: &Context<'_>,
    node: &Node,
    name: &str,
    sql: &str,
    state: CompileState,
) -> Result<Made, Diagnostic> {
    let (id, name, sql) = (node.id.clone(), name.to_owned(), sql.to_owned());
    let made = live::run(context.workspace, state, move |project, state| {
        project.materialize(&id, &name, &sql, state)
    });
    made.await
}
