//! `build` and the verbs that run one kind of node.

use std::collections::BTreeSet;

use forebay_core::{Diagnostics, NodeId, ResourceType};
use forebay_runner::executor::{self, ExecuteOptions};
use forebay_runner::plan::{self, PlanOptions};
use forebay_runner::{Plan, Summary, Workspace};
use tokio_util::sync::CancellationToken;

use crate::args::{Global, Output, Run};
use crate::report::{Talk, data, progress::Progress};
use crate::wiring;

pub async fn run(
    global: &Global,
    talk: &Talk,
    command: &str,
    options: &Run,
    kinds: &[ResourceType],
) -> Result<u8, Diagnostics> {
    let invocation = wiring::invocation_id();
    let workspace = wiring::workspace(global, talk, &invocation).await?;
    let selected = wiring::selected(workspace.graph(), &options.select, talk)?;
    if options.dry_run {
        let plan = make(&workspace, &selected, options, kinds).await?;
        return super::plan::print(&plan, options.output);
    }
    let _held = wiring::take(&workspace, global, talk, command).await?;
    // Planned under the lock: what another process did before must not be planned again.
    let plan = make(&workspace, &selected, options, kinds).await?;
    let summary = execute(&workspace, talk, command, &plan, options, invocation).await?;
    if options.output == Output::Json {
        data::json(&summary)?;
    }
    Ok(summary.exit_code())
}

async fn make(
    workspace: &Workspace,
    selected: &BTreeSet<NodeId>,
    options: &Run,
    kinds: &[ResourceType],
) -> Result<Plan, Diagnostics> {
    let options = PlanOptions {
        full_refresh: options.full_refresh,
        event_time: (options.event_time_start, options.event_time_end),
        kinds: kinds.to_vec(),
    };
    plan::make(workspace, selected, &options).await
}

/// Runs the plan with progress on stderr; Ctrl-C stops it cleanly, a second one at once.
pub async fn execute(
    workspace: &Workspace,
    talk: &Talk,
    command: &str,
    plan: &Plan,
    options: &Run,
    invocation: String,
) -> Result<Summary, Diagnostics> {
    let cancel = CancellationToken::new();
    let stop = tokio::spawn(stop_on_ctrl_c(cancel.clone()));
    let threads = options
        .threads
        .unwrap_or(workspace.settings().threads)
        .max(1);
    let execute = ExecuteOptions {
        threads,
        retries: workspace.settings().retries,
        fail_fast: options.fail_fast,
        command: command.to_owned(),
        arguments: std::env::args().skip(1).collect(),
        invocation,
    };
    let progress = Progress::new(talk.quiet, talk.style);
    let summary = executor::execute(workspace, plan, &execute, &progress, &cancel).await;
    stop.abort();
    let summary = summary?;
    write_run_results(workspace, &summary)?;
    Ok(summary)
}

async fn stop_on_ctrl_c(cancel: CancellationToken) {
    if tokio::signal::ctrl_c().await.is_ok() {
        cancel.cancel();
    }
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(130);
    }
}

/// target/run_results.json, so that tools which read dbt's find ours.
fn write_run_results(workspace: &Workspace, summary: &Summary) -> Result<(), Diagnostics> {
    let results: Vec<serde_json::Value> = summary
        .results
        .iter()
        .map(|result| {
            serde_json::json!({
                "unique_id": result.node,
                "status": result.dbt_status(),
                "execution_time": result.seconds(),
                "message": result.message,
                "failures": result.details.get("failures"),
                "adapter_response": {},
                "thread_id": "main",
                "timing": [],
                "compiled": true,
                "compiled_code": null,
                "relation_name": result.details.get("relation"),
            })
        })
        .collect();
    let document = serde_json::json!({
        "metadata": {
            "dbt_schema_version": "https://schemas.getdbt.com/dbt/run-results/v6.json",
            "generated_at": workspace.clock.now().to_rfc3339(),
            "invocation_id": summary.invocation,
            "env": {},
        },
        "elapsed_time": summary.elapsed_ms as f64 / 1e3,
        "args": {},
        "results": results,
    });
    let path = workspace.project.root.join("target/run_results.json");
    Ok(super::compile::write(&path, &document.to_string())?)
}
