//! Brings an error of a node's SQL to the place in the user's file that wrote it.

use forebay_core::{Diagnostic, Node, NodeId, Relation};
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
    problem = match of_view(workspace, node, problem) {
        Ok(placed) => return placed,
        Err(same) => *same,
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

/// A problem with the SQL of a view that the query reads, at the model that made the view.
fn of_view(
    workspace: &Workspace,
    reader: &Node,
    mut problem: Diagnostic,
) -> Result<Diagnostic, Box<Diagnostic>> {
    let project = &workspace.project;
    // The innermost one counts, which the others read.
    let view = |message: &str| -> Option<(String, String)> {
        let (view, what) = message.strip_prefix("view '")?.split_once("': ")?;
        Some((view.to_owned(), what.to_owned()))
    };
    let told = std::iter::successors(view(&problem.message), |(_, what)| view(what)).last();
    let found = told.and_then(|(view, what)| {
        let (schema, name) = view.split_once('.')?;
        let node = project.graph.by_relation(&Relation::new(schema, name))?;
        Some((node, what))
    });
    let (Some((node, what)), Some(sql)) = (found, problem.sql.clone()) else {
        return Err(Box::new(problem));
    };
    problem.message = what;
    let placed = project.placed(node, Some(&sql), problem);
    Ok(match node.id == reader.id {
        true => placed,
        false => placed.hint(format!("'{}' reads it", reader.name)),
    })
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
