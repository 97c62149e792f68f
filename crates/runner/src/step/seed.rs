//! A seed: the CSV file becomes the table.

use forebay_core::graph::Seed;
use forebay_core::{Diagnostic, Node};

use super::{Context, Outcome, relation};

pub async fn run(context: &Context<'_>, node: &Node, seed: &Seed) -> Result<Outcome, Diagnostic> {
    let root = &context.workspace.project.root;
    let written = forebay_transform::seed(&context.workspace.lake, root, node, seed).await?;
    Ok(Outcome::written(relation(node)?, &written))
}
