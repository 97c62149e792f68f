//! `source freshness`: how old the newest rows are.

use forebay_checks::freshness::{self, FreshnessStatus};
use forebay_core::Diagnostics;
use forebay_core::graph::Spec;

use crate::args::{Global, List, Output};
use crate::report::{Talk, data};
use crate::wiring;

pub async fn run(global: &Global, talk: &Talk, options: &List) -> Result<u8, Diagnostics> {
    let workspace = wiring::workspace(global, talk, &wiring::invocation_id()).await?;
    let selected = wiring::selected(workspace.graph(), &options.select, talk)?;
    let now = workspace.clock.now();
    let mut outcomes = Vec::new();
    for node in selected.iter().filter_map(|id| workspace.graph().get(id)) {
        if matches!(&node.spec, Spec::Source(source) if source.freshness.is_some()) {
            outcomes.push((node, freshness::run(&workspace.lake, node, now).await?));
        }
    }
    if options.output == Output::Json {
        let all: Vec<_> = outcomes
            .iter()
            .map(|(node, outcome)| serde_json::json!({"unique_id": node.id, "freshness": outcome}))
            .collect();
        data::json(&all)?;
    } else {
        for (node, outcome) in &outcomes {
            data::print(&format!(
                "{:<32} {}",
                node.name,
                outcome.message.as_deref().unwrap_or("fresh")
            ));
        }
    }
    let failed = outcomes
        .iter()
        .any(|(_, outcome)| outcome.status == FreshnessStatus::Error);
    Ok(u8::from(failed))
}
