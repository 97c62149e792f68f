//! Runs hooks: around a step, and around a whole run.

use forebay_core::{Diagnostic, Node};
use forebay_project::{CompileState, Hook, When};
use serde_json::{Map, Value, json};

use crate::compile::compile_hook;
use crate::event::StepResult;
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

/// Runs a hook: the statements that its text renders to. Returns what its template printed.
pub async fn run(
    workspace: &Workspace,
    hook: &Hook,
    state: CompileState,
) -> Result<Vec<String>, Diagnostic> {
    let (project, lake) = (&workspace.project, &workspace.lake);
    let (sql, printed) = compile_hook(project, lake, hook, state).await?;
    for message in &printed {
        tracing::info!(target: "dbt", "{message}");
    }
    if !sql.is_empty() {
        let ran = lake.execute(&sql).await;
        ran.map_err(|problem| problem.hint(format!("in the hook {}", hook.text().trim())))?;
    }
    Ok(printed)
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
