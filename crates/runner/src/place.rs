//! Brings an error of a node's SQL to the place in the user's file that wrote it.

use forebay_core::{Diagnostic, NodeId};
use forebay_project::{CompileState, Compiled, Marks, Question};

use crate::compile::answer;
use crate::workspace::Workspace;

/// The problem of a query that the node was compiled to, in that state. The node is compiled once more, with marks: no
/// map is kept of what succeeds.
pub async fn placed(
    workspace: &Workspace,
    id: &NodeId,
    state: &CompileState,
    sql: Option<&str>,
    mut problem: Diagnostic,
) -> Diagnostic {
    let project = &workspace.project;
    let Some(node) = project.graph.get(id) else {
        return problem;
    };
    problem = match project.at_setting(node, problem) {
        Ok(placed) => return placed,
        Err(same) => *same,
    };
    if problem.location.is_some() {
        return problem;
    }
    for marks in [Marks::All, Marks::Nodes] {
        let Some(sql) = sql.filter(|_| problem.sql.is_some()) else {
            break;
        };
        let state = CompileState {
            marks,
            ..state.clone()
        };
        if let Some(marked) = compiled(workspace, id, state).await {
            match project.traced(node, sql, &marked, problem) {
                Ok(placed) => return placed,
                Err(same) => problem = *same,
            }
        }
    }
    project.placed(node, sql, problem)
}

/// None where it asks for what is not asked twice: statements that may change tables.
async fn compiled(workspace: &Workspace, id: &NodeId, mut state: CompileState) -> Option<String> {
    loop {
        match workspace.project.compile(id, &state).ok()? {
            Compiled::Sql(sql) => return Some(sql),
            Compiled::Asks(Question::Rows(sql)) if !only_reads(&sql) => return None,
            Compiled::Asks(question) => {
                let answer = answer(&workspace.lake, &question).await.ok()?;
                state.answer(question, answer);
            }
        }
    }
}

fn only_reads(sql: &str) -> bool {
    let word = sql.split_whitespace().next().unwrap_or_default();
    ["select", "with", "values", "show", "describe"]
        .iter()
        .any(|reads| word.eq_ignore_ascii_case(reads))
}
