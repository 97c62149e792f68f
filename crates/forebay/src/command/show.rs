//! `show`: rows of a node's query as it is written now, failing rows of a test, held rows of a table.

use std::collections::BTreeSet;

use futures::TryStreamExt;

use forebay_core::graph::Spec;
use forebay_core::{Diagnostic, Diagnostics, Node, Relation};
use forebay_lake::Rows;
use forebay_project::CompileState;
use forebay_runner::cells::Cells;
use forebay_runner::{Workspace, compile, compile_hook};

use serde_json::json;

use super::compile::{has_sql, inline, state};
use crate::args::{Global, Output, Show};
use crate::artifact::{self, Looked};
use crate::report::{Talk, data, kinds};
use crate::wiring;

pub async fn run(global: &Global, talk: &Talk, options: &Show) -> Result<u8, Diagnostics> {
    let workspace = wiring::workspace(global, talk, &wiring::invocation_id()).await?;
    let limit = usize::try_from(options.limit).unwrap_or(usize::MAX);
    if let Some(text) = &options.inline {
        wiring::read_instead(&workspace, global, &BTreeSet::new(), None).await?;
        let hook = workspace.project.inline(text);
        let state = CompileState::default();
        let (sql, _) = compile_hook(&workspace.project, &workspace.lake, &hook, state).await?;
        let rows = workspace.lake.query(&sql).await?;
        print(talk, Of::Inline, rows, limit, options.output).await?;
        artifact::compiled(&workspace, global, vec![inline(&workspace.project, sql)])?;
        return Ok(0);
    }
    if let Some(sql) = &options.inline_direct {
        let rows = workspace.lake.query(sql).await?;
        print(talk, Of::Inline, rows, limit, options.output).await?;
        return Ok(0);
    }
    if options.select.included().is_empty() {
        return Err(Diagnostic::error("`show` needs a node or a query")
            .hint("`forebay show --select arrivals` or `forebay show --inline 'select 1'`")
            .into());
    }
    let selected = wiring::selected(&workspace.project, global, &options.select, talk)?;
    // Tests come along with what they are declared on; here only what was asked for by name counts.
    let asked = |node: &&Node| match node.spec {
        Spec::Test(_) => options.select.included().contains(&node.name),
        Spec::UnitTest(_) => false,
        _ => true,
    };
    let mut looked = Vec::new();
    for node in selected
        .iter()
        .filter_map(|id| workspace.graph().get(id))
        .filter(asked)
    {
        talk.say(&format!("{} {}", node.resource_type(), node.name));
        let (rows, sql) = rows(&workspace, global, node, options).await?;
        print(talk, Of::Node(node), rows, limit, options.output).await?;
        looked.push(Looked::at(node, sql));
    }
    artifact::compiled(&workspace, global, looked)?;
    Ok(0)
}

/// The rows of a node, and the query that gives them where it is the node's own.
async fn rows(
    workspace: &Workspace,
    global: &Global,
    node: &Node,
    options: &Show,
) -> Result<(Rows, Option<String>), Diagnostic> {
    let lake = &workspace.lake;
    if has_sql(node) && !options.held {
        let there = match &node.relation {
            Some(relation) => lake.info(relation).await?.is_some(),
            None => false,
        };
        let state = state(global, there);
        let sql = compile(&workspace.project, Some(lake), &node.id, state).await?;
        return Ok((lake.query(&sql).await?, Some(sql)));
    }
    let relation = node.relation.as_ref().ok_or_else(|| {
        Diagnostic::error(format!(
            "{} '{}' has no rows to show",
            node.resource_type(),
            node.name
        ))
    })?;
    let relation = if options.held {
        held(workspace, relation).await?
    } else {
        relation.clone()
    };
    let all = format!("select * from {}", relation.sql());
    Ok((lake.query(&all).await?, None))
}

async fn held(workspace: &Workspace, relation: &Relation) -> Result<Relation, Diagnostic> {
    let held = relation.held();
    match workspace.lake.info(&held).await? {
        Some(_) => Ok(held),
        None => Err(Diagnostic::error(format!("no row of {relation} was held"))),
    }
}

/// Whose rows are printed. As JSON those of `show` are in an object, as dbt has them.
#[derive(Clone, Copy)]
pub enum Of<'a> {
    Query,
    Inline,
    Node(&'a Node),
}

/// Prints up to `limit` rows, and no more of the answer is computed than that.
pub async fn print(
    talk: &Talk,
    of: Of<'_>,
    rows: Rows,
    limit: usize,
    output: Output,
) -> Result<(), Diagnostic> {
    let mut cells = Cells::headed(&rows.schema);
    let mut stream = rows.stream;
    while cells.rows.len() < limit {
        match stream.try_next().await? {
            Some(batch) => cells.push(&batch, limit)?,
            None => break,
        }
    }
    let preview = match (output, of) {
        (Output::Text, _) => data::table(&cells),
        (Output::Json, Of::Query) => data::json_text(&data::json_rows(&cells))?,
        (Output::Json, Of::Inline) => data::json_text(&json!({"show": data::json_rows(&cells)}))?,
        (Output::Json, Of::Node(node)) => {
            data::json_text(&json!({"node": node.name, "show": data::json_rows(&cells)}))?
        }
    };
    let node = match of {
        Of::Node(node) => Some(node),
        Of::Query | Of::Inline => None,
    };
    let msg = match node {
        None => format!("Previewing inline node:\n{preview}"),
        Some(node) => format!("Previewing node '{}':\n{preview}", node.name),
    };
    talk.answer(kinds::SHOWN, &preview, &msg, &|| {
        json!({
            "is_inline": node.is_none(),
            "node_name": node.map_or("inline_query", |node| &node.name),
            "output_format": output.as_str(),
            "preview": preview,
            "quiet": talk.quiet,
            "unique_id": node.map(|node| &node.id),
        })
    });
    Ok(())
}
