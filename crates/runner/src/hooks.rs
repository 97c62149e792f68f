//! Runs hooks: around a step, and around a whole run.

use forebay_core::{Diagnostic, Node};
use forebay_project::{CompileState, Compiled, Hook, Question, When};
use serde_json::{Map, Value, json};

use crate::event::StepResult;
use crate::live;
use crate::workspace::Workspace;

/// Those of a node, before or after its step. One that fails ends them.
pub async fn around_step(
    workspace: &Workspace,
    node: &Node,
    when: When,
    state: &CompileState,
) -> Result<(), Diagnostic> {
    for hook in workspace.project.hooks(&node.id, when) {
        let ran = run(workspace, &hook, state.clone()).await;
        ran.map_err(|problem| problem.at(node.location.clone()))?;
    }
    Ok(())
}

/// `on-run-start`.
pub async fn before_run(workspace: &Workspace) -> Result<(), Diagnostic> {
    for hook in workspace.project.run_hooks(When::Before, &Map::new()) {
        run(workspace, &hook, CompileState::default()).await?;
    }
    Ok(())
}

/// `on-run-end`, which sees what the run did as `results` and where as `schemas`.
pub async fn after_run(workspace: &Workspace, results: &[StepResult]) -> Result<(), Diagnostic> {
    let variables = variables(workspace, results);
    for hook in workspace.project.run_hooks(When::After, &variables) {
        run(workspace, &hook, CompileState::default()).await?;
    }
    Ok(())
}

/// Runs a hook: what its template asks, and the statements that its text renders to.
pub async fn run(
    workspace: &Workspace,
    hook: &Hook,
    state: CompileState,
) -> Result<(), Diagnostic> {
    let template = hook.clone();
    let ran = live::run(workspace, state, move |project, state| {
        match project.compile_hook(&template, state, &mut Vec::new())? {
            Compiled::Sql(sql) => Ok(sql),
            Compiled::Asks(question) => Err(unanswered(&question)),
        }
    });
    let sql = ran.await?;
    if !sql.is_empty() {
        let ran = workspace.lake.execute(&sql).await;
        ran.map_err(|problem| problem.hint(format!("in the hook {}", hook.text().trim())))?;
    }
    Ok(())
}

fn unanswered(question: &Question) -> Diagnostic {
    Diagnostic::internal(format!(
        "a hook asked for {question:?}, and nobody answered"
    ))
}

fn variables(workspace: &Workspace, results: &[StepResult]) -> Map<String, Value> {
    let graph = workspace.graph();
    let relation = |result: &StepResult| graph.get(&result.node)?.relation.clone();
    let mut schemas: Vec<String> = results
        .iter()
        .filter_map(|result| Some(relation(result)?.schema))
        .collect();
    schemas.sort();
    schemas.dedup();
    let result = |result: &StepResult| {
        let relation = relation(result);
        json!({
            "status": result.dbt_status(),
            "message": result.message,
            "execution_time": result.seconds(),
            "failures": result.details["failures"],
            "unique_id": result.node,
            "node": {
                "unique_id": result.node,
                "name": result.name,
                "resource_type": result.resource_type.as_str(),
                "schema": relation.as_ref().map(|r| &r.schema),
                "alias": relation.as_ref().map(|r| &r.name),
            },
        })
    };
    let results: Vec<Value> = results.iter().map(result).collect();
    Map::from_iter([
        ("results".to_owned(), Value::Array(results)),
        ("schemas".to_owned(), json!(schemas)),
    ])
}
