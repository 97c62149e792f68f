//! A seed: the CSV file becomes the table.

use forebay_core::graph::Seed;
use forebay_core::{Diagnostic, Node};

use serde_json::json;

use super::{Context, Outcome, relation};

pub async fn run(context: &Context<'_>, node: &Node, seed: &Seed) -> Result<Outcome, Diagnostic> {
    let root = &context.workspace.project.root;
    let written = forebay_transform::seed(&context.workspace.lake, root, node, seed).await?;
    let mut outcome = Outcome::written(relation(node)?, &written);
    // As dbt's adapter words it.
    outcome.details["code"] = json!(if context.full_refresh {
        "CREATE"
    } else {
        "INSERT"
    });
    Ok(outcome)
}
