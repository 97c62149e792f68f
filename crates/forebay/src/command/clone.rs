//! `clone`: what an earlier run's manifest names becomes readable under this target, without a copy.

use std::collections::BTreeSet;

use forebay_core::graph::{Materialized, Spec};
use forebay_core::{Diagnostic, Diagnostics, Node, Relation};
use forebay_project::Project;
use forebay_runner::{StepResult, Workspace};
use forebay_store::RunStatus;
use serde_json::json;

use crate::args::{Global, Run, switch};
use crate::artifact;
use crate::report::Talk;
use crate::wiring;

/// What dbt's result says of a node that stays as it is.
const NOTHING: &str = "No-op";

pub async fn run(global: &Global, talk: &Talk, options: &Run) -> Result<u8, Diagnostics> {
    let workspace = wiring::workspace(global, talk, &wiring::invocation_id()).await?;
    let selected = wiring::selected(&workspace.project, global, &options.select, talk)?;
    let folder = global.state.as_deref().or(global.defer_state.as_deref());
    let relations = Project::relations_of(folder, "`clone`")?;
    let _held = wiring::take(&workspace, global, talk, "clone").await?;
    let mut here: BTreeSet<Relation> = workspace.lake.relations().await?.into_iter().collect();
    let mut problems = Diagnostics::default();
    let (mut count, mut done) = (0, Vec::new());
    for node in selected.iter().filter_map(|id| workspace.graph().get(id)) {
        let wanted = is_table(node) && options.kinds.includes(node.resource_type());
        let Some(to) = node.relation.as_ref().filter(|_| wanted) else {
            continue;
        };
        let started_ms = workspace.clock.now_ms();
        let stays = here.contains(to) && !global.on(&switch::FULL_REFRESH);
        let from = relations.get(&node.id).filter(|from| *from != to);
        let (made, said) = match from {
            None => (Ok(NOTHING), format!("the state has no other {to}")),
            Some(_) if stays => (Ok(NOTHING), format!("{to} is there already")),
            Some(from) => {
                let made = clone(&workspace, node, to, from, &here).await;
                (made.map(|()| "OK"), format!("cloned {from} as {to}"))
            }
        };
        if let Ok(message) = made {
            talk.say(&said);
            if message != NOTHING {
                count += 1;
                here.insert(to.clone());
            }
        }
        let finished_ms = workspace.clock.now_ms();
        done.push(result(node, &made, started_ms, finished_ms));
        problems.0.extend(made.err());
    }
    talk.problems(&problems);
    talk.say(&format!("cloned {count} nodes"));
    artifact::cloned(&workspace, global, options, &done)?;
    Ok(u8::from(problems.has_errors()))
}

/// A view of the other table.
async fn clone(
    workspace: &Workspace,
    node: &Node,
    to: &Relation,
    from: &Relation,
    here: &BTreeSet<Relation>,
) -> Result<(), Diagnostic> {
    if !here.contains(from) {
        let name = &node.name;
        let text = format!("cannot clone '{name}': {from} is not in the warehouse");
        return Err(Diagnostic::error(text).at(node.location.clone()));
    }
    let (to, from) = (to.sql(), from.sql());
    let sql = format!("create or replace view {to} as select * from {from}");
    let made = workspace.lake.execute(&sql).await;
    made.map(drop)
        .map_err(|problem| problem.at(node.location.clone()))
}

fn result(
    node: &Node,
    made: &Result<&str, Diagnostic>,
    started_ms: i64,
    finished_ms: i64,
) -> StepResult {
    let (status, message) = match made {
        Ok(message) => (RunStatus::Success, (*message).to_owned()),
        Err(problem) => (RunStatus::Error, problem.to_string()),
    };
    StepResult {
        node: node.id.clone(),
        name: node.name.clone(),
        resource_type: node.resource_type(),
        status,
        attempts: 1,
        started_ms: Some(started_ms),
        finished_ms,
        message,
        details: json!({}),
        sql: None,
    }
}

fn is_table(node: &Node) -> bool {
    match &node.spec {
        Spec::Model(model) => !matches!(model.materialized, Materialized::Ephemeral),
        Spec::Seed(_) | Spec::Snapshot(_) => true,
        _ => false,
    }
}
