//! `compile`: the SQL that would run.

use std::collections::BTreeSet;

use forebay_core::graph::{Language, Model, Spec};
use forebay_core::{Diagnostics, Node, NodeId, Relation, ResourceType};
use forebay_project::{CompileState, Project, When};
use forebay_runner::{Workspace, compile_aloud, compile_hook};
use serde_json::{Map, json};

use crate::args::{Compile, Global, Output, Select, switch};
use crate::artifact::{self, Looked};
use crate::report::{Talk, data, kinds};
use crate::wiring;

pub async fn run(global: &Global, talk: &Talk, options: &Compile) -> Result<u8, Diagnostics> {
    let workspace = wiring::workspace(global, talk, &wiring::invocation_id()).await?;
    let told = tell(&workspace, global, talk, options).await;
    let compiled = told.as_ref().map_or(&[][..], |(compiled, _)| compiled);
    let texts = compiled.iter().map(|(node, sql)| (*node, &**sql));
    artifact::compiled_manifest(&workspace.project, global, texts, false)?;
    let (_, looked) = told?;
    artifact::compiled(&workspace, global, looked)?;
    Ok(0)
}

/// Compiles what is asked for, and shows it: the SQL for the manifest, and what the results tell of.
async fn tell<'a>(
    workspace: &'a Workspace,
    global: &Global,
    talk: &Talk,
    options: &Compile,
) -> Result<(Vec<(&'a Node, String)>, Vec<Looked>), Diagnostics> {
    if let Some(text) = &options.inline {
        wiring::read_instead(workspace, global, &BTreeSet::new(), None).await?;
        let hook = workspace.project.inline(text);
        let state = CompileState::default();
        let (sql, _) = compile_hook(&workspace.project, &workspace.lake, &hook, state).await?;
        show(talk, None, &sql, options.output)?;
        return Ok((Vec::new(), vec![inline(&workspace.project, sql)]));
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
    let looked = looked(workspace, &options.select, &selected, &compiled).await;
    Ok((compiled, looked))
}

/// What results tell of. As in dbt, seeds and functions are among it and ephemeral models are not, and hooks of the project
/// are where nothing is selected by name.
pub async fn looked(
    workspace: &Workspace,
    asked: &Select,
    selected: &BTreeSet<NodeId>,
    compiled: &[(&Node, String)],
) -> Vec<Looked> {
    let is_ephemeral =
        |node: &Node| node.resource_type() == ResourceType::Model && node.relation.is_none();
    let compiled = compiled.iter().filter(|(node, _)| !is_ephemeral(node));
    let compiled = compiled.map(|(node, sql)| Looked::at(node, Some(sql.clone())));
    let others = selected.iter().filter_map(|id| workspace.graph().get(id));
    let others = others.filter(|node| matches!(node.spec, Spec::Seed(_) | Spec::Function(_)));
    let others = others.map(|node| Looked::at(node, None));
    let mut looked: Vec<Looked> = compiled.chain(others).collect();
    if asked.included().is_empty() {
        looked.extend(hooks(workspace).await);
    }
    looked
}

/// `on-run-start` and `on-run-end`, but those that need what only a run has.
async fn hooks(workspace: &Workspace) -> Vec<Looked> {
    let of_a_run = ["results", "schemas", "database_schemas"];
    let of_a_run = of_a_run.map(|name| (name.to_owned(), json!([])));
    let of_a_run = Map::from_iter(of_a_run);
    let (project, lake) = (&workspace.project, &workspace.lake);
    let mut looked = Vec::new();
    for hook in When::BOTH
        .iter()
        .flat_map(|when| project.run_hooks(*when, &of_a_run))
    {
        let compiled = compile_hook(project, lake, &hook.hook, CompileState::default()).await;
        if let Ok((sql, _)) = compiled {
            looked.push(Looked {
                id: hook.id,
                name: hook.name,
                kind: ResourceType::Operation,
                sql: Some(sql),
            });
        }
    }
    looked
}

/// A query of the command line as a result.
pub fn inline(project: &Project, sql: String) -> Looked {
    let name = "inline_query";
    Looked {
        id: NodeId::new(format!("sql_operation.{}.{name}", project.name)),
        name: name.to_owned(),
        kind: ResourceType::Analysis,
        sql: Some(sql),
    }
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
