//! A source with an ingest file: its new files are loaded.

use forebay_core::{Diagnostic, Node};
use forebay_ingest::LoadPlan;
use forebay_store::RunStatus;
use serde_json::json;

use super::{Context, Outcome, relation};

pub async fn run(
    context: &Context<'_>,
    node: &Node,
    plan: &LoadPlan,
) -> Result<Outcome, Diagnostic> {
    let workspace = context.workspace;
    let now = workspace.clock.now();
    let root = &workspace.project.root;
    let loaded = forebay_ingest::load(&workspace.lake, root, node, plan, now).await?;
    let held = match loaded.held {
        0 => String::new(),
        n => format!(", {n} held"),
    };
    let message = match loaded.files {
        0 => "nothing new".to_owned(),
        1 => format!("{} rows of 1 file{held}", loaded.rows),
        n => format!("{} rows of {n} files{held}", loaded.rows),
    };
    let status = match loaded.held {
        0 => RunStatus::Success,
        _ => RunStatus::Warn,
    };
    let details = json!({
        "relation": relation(node)?.to_string(),
        "version": loaded.version,
        "rows": loaded.rows,
        "held": loaded.held,
        "files": loaded.files,
    });
    Ok(Outcome::new(status, message, details))
}
