//! `debug`: what is where, and whether it can be used.

use forebay_core::{Diagnostics, ResourceType};

use crate::args::Global;
use crate::report::{Talk, data};
use crate::wiring;

/// What cannot be used is the answer, and no fault of the call: 1, as in dbt.
pub async fn run(global: &Global, talk: &Talk) -> u8 {
    match look(global, talk).await {
        Ok(()) => 0,
        Err(problems) => {
            talk.problems(&problems);
            1
        }
    }
}

async fn look(global: &Global, talk: &Talk) -> Result<(), Diagnostics> {
    let workspace = wiring::workspace(global, talk, &wiring::invocation_id()).await?;
    let settings = workspace.settings();
    let line = |what: &str, value: String| data::print(&format!("{what:<14} {value}"));
    line("forebay", env!("CARGO_PKG_VERSION").to_owned());
    line(
        "project",
        format!(
            "{} in {}",
            workspace.project.name,
            workspace.project.root.display()
        ),
    );
    line(
        "warehouse",
        format!(
            "{} ({} tables and views)",
            settings.warehouse.display(),
            workspace.lake.relations().await?.len()
        ),
    );
    line("metadata", settings.metadata.display().to_string());
    line("online store", settings.online_store.display().to_string());
    line("artifacts", settings.artifacts.display().to_string());
    line(
        "engine",
        format!(
            "{} threads, {} MiB",
            settings.threads,
            settings.memory_limit >> 20
        ),
    );
    line("server", settings.listen.clone());
    for kind in ResourceType::ALL {
        let nodes = workspace.graph().nodes.values();
        let count = nodes.filter(|node| node.resource_type() == *kind).count();
        if count > 0 {
            line(kind.as_str(), count.to_string());
        }
    }
    Ok(())
}
