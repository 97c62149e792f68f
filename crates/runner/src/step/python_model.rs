//! A Python model: what it names becomes queries, and its answer the table.

use std::collections::BTreeMap;
use std::time::Duration;

use forebay_core::{Diagnostic, Node};
use forebay_project::{CompileState, PythonCall};
use forebay_transform::{PythonInput, PythonModel};

use crate::compile::compile_hook;

use super::{Context, Outcome, relation};

pub async fn run(
    context: &Context<'_>,
    node: &Node,
    incremental: bool,
) -> Result<Outcome, Diagnostic> {
    let workspace = context.workspace;
    let (project, settings) = (&workspace.project, workspace.settings());
    let config = project.config(&node.id);
    let timeout = config.get("timeout").and_then(serde_json::Value::as_u64);
    let mut inputs = BTreeMap::new();
    for call in project.python_calls(&node.id) {
        let input = input(context, node, &call).await?;
        inputs.insert(call.name, input);
    }
    let file = project.root.join(&node.location.file);
    let model = PythonModel {
        path: file
            .parent()
            .map(std::path::Path::to_path_buf)
            .into_iter()
            .collect(),
        file,
        python: settings.python.clone(),
        inputs,
        config,
        timeout: timeout.map(Duration::from_secs),
        scratch: settings.spill.clone(),
    };
    let ctx = forebay_transform::Ctx {
        full_refresh: context.full_refresh,
        incremental,
        batch: None,
        now: workspace.clock.now(),
        invocation_id: context.invocation.to_owned(),
    };
    let say = |line: &str| workspace.voice.say(line);
    let written = forebay_transform::python(&workspace.lake, node, &model, &ctx, &say).await?;
    Ok(Outcome::written(relation(node)?, &written))
}

/// As `select * from {{ ref(...) }}` would read it: deferred, empty or an ephemeral model's query.
async fn input(
    context: &Context<'_>,
    node: &Node,
    call: &PythonCall,
) -> Result<PythonInput, Diagnostic> {
    let workspace = context.workspace;
    let text = format!("select * from {{{{ {} }}}}", call.template);
    let query = workspace.project.fixture(&node.id, &text);
    let state = CompileState::default();
    let (sql, _) = compile_hook(&workspace.project, &workspace.lake, &query, state).await?;
    Ok(PythonInput {
        sql,
        relation: call.relation.clone(),
    })
}
