//! What a run that was killed leaves behind: staging tables, and the files of Python models. Swept under the
//! project's lock, before anything else writes.

use forebay_core::{Diagnostic, Relation};

use crate::workspace::Workspace;

/// What names of staging tables end with: ours, and those of dbt's macros.
const STAGING: &[&str] = &["__dbt_tmp", "__dbt_py", "__dbt_backup"];

/// What names of folders with a Python model's files begin with.
const SCRATCH: &str = "python-";

/// Returns the tables that were dropped. Only those beside a node's own table are, and none that a node fills.
pub async fn sweep(workspace: &Workspace) -> Result<Vec<Relation>, Diagnostic> {
    let mut dropped = Vec::new();
    for relation in workspace.lake.relations().await? {
        if is_left_over(workspace, &relation) {
            workspace.lake.drop(&relation).await?;
            dropped.push(relation);
        }
    }
    for entry in std::fs::read_dir(&workspace.settings().spill)
        .into_iter()
        .flatten()
        .flatten()
    {
        if entry.file_name().to_string_lossy().starts_with(SCRATCH) {
            // One that cannot be removed is in nobody's way.
            let _ = std::fs::remove_dir_all(entry.path());
        }
    }
    Ok(dropped)
}

fn is_left_over(workspace: &Workspace, relation: &Relation) -> bool {
    let graph = workspace.graph();
    let mut endings = STAGING.iter();
    let base = endings.find_map(|ending| relation.name.strip_suffix(ending));
    base.is_some_and(|base| {
        let table = Relation::new(&relation.schema, base);
        graph.by_relation(&table).is_some() && graph.by_relation(relation).is_none()
    })
}
