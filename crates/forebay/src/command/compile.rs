//! `compile`: the SQL that would run.

use std::collections::BTreeSet;
use std::path::Path;

use forebay_core::graph::Spec;
use forebay_core::{Diagnostic, Diagnostics, Relation};
use forebay_project::CompileState;
use forebay_runner::compile;

use crate::args::{Global, Select};
use crate::report::{Talk, data};
use crate::wiring;

pub async fn run(global: &Global, talk: &Talk, options: &Select) -> Result<u8, Diagnostics> {
    let workspace = wiring::workspace(global, talk, &wiring::invocation_id()).await?;
    let selected = wiring::selected(workspace.graph(), options, talk)?;
    let existing: BTreeSet<Relation> = workspace.lake.relations().await?.into_iter().collect();
    let is_there = |relation: &Relation| existing.contains(relation);
    let project = &workspace.project;
    let mut problems = Diagnostics::default();
    let with_sql = selected
        .iter()
        .filter_map(|id| project.graph.get(id))
        .filter(|node| {
            matches!(
                node.spec,
                Spec::Model(_) | Spec::Test(_) | Spec::Snapshot(_)
            )
        });
    let nodes: Vec<_> = with_sql.collect();
    for node in &nodes {
        let state = CompileState {
            incremental: node.relation.as_ref().is_some_and(is_there),
            ..CompileState::default()
        };
        match compile(project, Some(&workspace.lake), &node.id, state).await {
            Ok(sql) => {
                let path = project.root.join("target/compiled").join(&node.package);
                write(
                    &path
                        .join(&node.location.file)
                        .with_file_name(format!("{}.sql", node.name)),
                    &sql,
                )?;
                if !options.select.is_empty() {
                    data::print(&sql);
                }
            }
            Err(problem) => problems.push(problem),
        }
    }
    if problems.has_errors() {
        return Err(problems);
    }
    talk.say(&format!(
        "compiled {} nodes to target/compiled",
        nodes.len()
    ));
    Ok(0)
}

/// Writes a file of target/, by way of a temporary one so that no reader sees half of it.
pub fn write(path: &Path, text: &str) -> Result<(), Diagnostic> {
    let partial = path.with_extension("partial");
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&partial, text))
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|error| {
            Diagnostic::environment(format!("cannot write {}: {error}", path.display()))
        })
}
