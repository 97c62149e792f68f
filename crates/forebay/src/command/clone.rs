//! `clone`: what an earlier run's manifest names becomes readable under this target, without a copy.

use std::collections::BTreeSet;

use forebay_core::graph::{Materialized, Spec};
use forebay_core::{Diagnostic, Diagnostics, Node, Relation};
use forebay_project::Project;

use crate::args::{Global, Run, switch};
use crate::report::Talk;
use crate::wiring;

pub async fn run(global: &Global, talk: &Talk, options: &Run) -> Result<u8, Diagnostics> {
    let workspace = wiring::workspace(global, talk, &wiring::invocation_id()).await?;
    let selected = wiring::selected(&workspace.project, global, &options.select, talk)?;
    let folder = global.state.as_deref().or(global.defer_state.as_deref());
    let relations = Project::relations_of(folder, "`clone`")?;
    let _held = wiring::take(&workspace, global, talk, "clone").await?;
    let mut here: BTreeSet<Relation> = workspace.lake.relations().await?.into_iter().collect();
    let mut problems = Diagnostics::default();
    let mut made = 0;
    for node in selected.iter().filter_map(|id| workspace.graph().get(id)) {
        let wanted = is_table(node) && options.kinds.includes(node.resource_type());
        let Some((to, from)) = node
            .relation
            .as_ref()
            .zip(relations.get(&node.id))
            .filter(|_| wanted)
        else {
            continue;
        };
        if to == from || here.contains(to) && !global.on(&switch::FULL_REFRESH) {
            continue;
        }
        if !here.contains(from) {
            let text = format!(
                "cannot clone '{}': {from} is not in the warehouse",
                node.name
            );
            problems.push(Diagnostic::error(text).at(node.location.clone()));
            continue;
        }
        let sql = format!(
            "create or replace view {} as select * from {}",
            to.sql(),
            from.sql()
        );
        match workspace.lake.execute(&sql).await {
            Ok(_) => {
                talk.say(&format!("cloned {from} as {to}"));
                here.insert(to.clone());
                made += 1;
            }
            Err(problem) => problems.push(problem.at(node.location.clone())),
        }
    }
    talk.problems(&problems);
    talk.say(&format!("cloned {made} nodes"));
    Ok(u8::from(problems.has_errors()))
}

fn is_table(node: &Node) -> bool {
    match &node.spec {
        Spec::Model(model) => !matches!(model.materialized, Materialized::Ephemeral),
        Spec::Seed(_) | Spec::Snapshot(_) => true,
        _ => false,
    }
}
