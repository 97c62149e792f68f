//! `compile`: the SQL that would run.

use std::collections::BTreeSet;

use forebay_core::graph::{Language, Model, Spec};
use forebay_core::{Diagnostics, Node, NodeId, Relation};
use forebay_project::CompileState;
use forebay_runner::{Workspace, compile_aloud, compile_hook};
use serde_json::json;

use crate::args::{Compile, Global, Output, switch};
use crate::artifact;
use crate::report::{Talk, data, kinds};
use crate::wiring;

pub async fn run(global: &Global, talk: &Talk, options: &Compile) -> Result<u8, Diagnostics> {
    let workspace = wiring::workspace(global, talk, &wiring::invocation_id()).await?;
    let told = tell(&workspace, global, talk, options).await;
    let (selected, compiled) = match &told {
        Ok((selected, compiled)) => (selected, &**compiled),
        Err(_) => (&BTreeSet::new(), &[][..]),
    };
    let texts = compiled.iter().map(|(node, sql)| (*node, &**sql));
    artifact::compiled_manifest(&workspace.project, global, texts.clone(), false)?;
    if told.is_ok() && options.inline.is_none() {
        artifact::compiled(&workspace, global, selected, texts)?;
    }
    told.map(|_| 0)
}

/// Nodes that were asked for, and the SQL of those that have some.
type Told<'a> = (BTreeSet<NodeId>, Vec<(&'a Node, String)>);

/// Compiles what is asked for, and shows it. What of it the manifest has.
async fn tell<'a>(
    workspace: &'a Workspace,
    global: &Global,
    talk: &Talk,
    options: &Compile,
) -> Result<Told<'a>, Diagnostics> {
    if let Some(text) = &options.inline {
        wiring::read_instead(workspace, global, &BTreeSet::new(), None).await?;
        let hook = workspace.project.inline(text);
        let state = CompileState::default();
        let (sql, _) = compile_hook(&workspace.project, &workspace.lake, &hook, state).await?;
        show(talk, None, &sql, options.output)?;
        return Ok(Told::default());
    }
    let selected = wiring::selected(&workspace.project, global, &options.select, talk)?;
    wiring::read_instead(workspace, global, &selected, None).await?;
    let compiled = all(workspace, global, &selected).await;
    for line in workspace.voice.take() {
        talk.said(&line);
    }
    let compiled = compiled?;
    // As in dbt, those that are named: tests come along unseen.
    let named = options.select.included().first();
    let is_named = |node: &Node| named.is_some_and(|named| named.contains(&node.name));
    for (node, sql) in compiled.iter().filter(|(node, _)| is_named(node)) {
        show(talk, Some(node), sql, options.output)?;
    }
    talk.say(&format!("compiled {} nodes", compiled.len()));
    Ok((selected, compiled))
}

/// Says the SQL of a node, or of what was given on the command line.
fn show(talk: &Talk, node: Option<&Node>, sql: &str, output: Output) -> Result<(), Diagnostics> {
    let name = node.map_or("inline_query", |node| &node.name);
    let (text, msg) = match (output, node) {
        (Output::Text, None) => (sql.to_owned(), format!("Compiled inline node is:\n{sql}")),
        (Output::Text, Some(_)) => (sql.to_owned(), format!("Compiled node '{name}' is:\n{sql}")),
        (Output::Json, _) => {
            let text = data::json_text(&json!({"node": name, "compiled": sql}))?;
            (text.clone(), text)
        }
    };
    talk.answer(kinds::COMPILED, &text, &msg, &|| {
        json!({
            "compiled": sql,
            "is_inline": node.is_none(),
            "node_name": name,
            "output_format": output.as_str(),
            "quiet": talk.quiet,
            "unique_id": node.map(|node| &node.id),
        })
    });
    Ok(())
}

/// Compiles the selected nodes that have SQL, and writes it below target/compiled.
pub async fn all<'a>(
    workspace: &'a Workspace,
    global: &Global,
    selected: &BTreeSet<NodeId>,
) -> Result<Vec<(&'a Node, String)>, Diagnostics> {
    let existing: BTreeSet<Relation> = workspace.lake.relations().await?.into_iter().collect();
    let project = &workspace.project;
    let folder = global.artifacts().join("compiled");
    let mut problems = Diagnostics::default();
    let mut compiled = Vec::new();
    for node in selected.iter().filter_map(|id| project.graph.get(id)) {
        if !has_sql(node) || project.is_empty(&node.id) {
            continue;
        }
        let relation = node.relation.as_ref();
        let there = relation.is_some_and(|relation| existing.contains(relation));
        match compile_aloud(workspace, &node.id, state(global, there)).await {
            Ok(sql) => {
                artifact::write_sql(project, &folder, node, &sql)?;
                compiled.push((node, sql));
            }
            Err(problem) => problems.push(problem),
        }
    }
    match problems.has_errors() {
        true => Err(problems),
        false => Ok(compiled),
    }
}

/// Of a node whose table is there, or is not.
pub fn state(global: &Global, there: bool) -> CompileState {
    let full_refresh = global.on(&switch::FULL_REFRESH);
    CompileState {
        incremental: there && !full_refresh,
        full_refresh,
        ..CompileState::default()
    }
}

pub fn has_sql(node: &Node) -> bool {
    matches!(
        &node.spec,
        Spec::Model(Model {
            language: Language::Sql,
            ..
        }) | Spec::Test(_)
            | Spec::Snapshot(_)
            | Spec::Analysis(_)
    )
}
