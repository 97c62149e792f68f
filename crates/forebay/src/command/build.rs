//! `build` and the verbs that run one kind of node.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use forebay_core::incremental::Batch;
use forebay_core::{Diagnostic, Diagnostics, NodeId, ResourceType};
use forebay_runner::executor::{self, ExecuteOptions};
use forebay_runner::plan::{self, PlanOptions};
use forebay_runner::{Plan, Summary, Workspace};
use forebay_server::mlflow::announce_registered;
use forebay_store::RunStatus;
use tokio_util::sync::CancellationToken;

use super::serve;
use crate::args::{Global, Output, Run, Serve, sample, switch};
use crate::artifact;
use crate::report::{Talk, data};
use crate::wiring;

pub async fn run(
    global: &Global,
    talk: &Talk,
    command: &str,
    options: &Run,
    kinds: &[ResourceType],
) -> Result<u8, Diagnostics> {
    check_event_time(options)?;
    let invocation = wiring::invocation_id();
    let workspace = wiring::workspace(global, talk, &invocation).await?;
    let selected = wiring::selected(&workspace.project, global, &options.select, talk)?;
    let sample = sample(options, &workspace)?;
    let kinds: Vec<ResourceType> = ResourceType::ALL
        .iter()
        .copied()
        .filter(|kind| kinds.is_empty() || kinds.contains(kind))
        .filter(|kind| options.kinds.includes(*kind))
        .collect();
    // `test` runs none of the models that are selected: these may be read from elsewhere.
    let kind = |id: &NodeId| workspace.graph().get(id).map(|node| node.resource_type());
    let runs = |id: &&NodeId| kind(id).is_some_and(|kind| kinds.contains(&kind));
    let run: BTreeSet<NodeId> = selected.iter().filter(runs).cloned().collect();
    wiring::read_instead(&workspace, global, &run, sample).await?;
    if options.dry_run {
        let plan = make(&workspace, global, &selected, options, kinds, command).await?;
        return super::plan::print(&plan, options.output);
    }
    let _held = wiring::take(&workspace, global, talk, command).await?;
    // Planned under the lock: what another process did before must not be planned again.
    let plan = make(&workspace, global, &selected, options, kinds, command).await?;
    if plan.steps.is_empty() {
        let warning = Diagnostic::warning("nothing to do: no node of this command is selected");
        talk.judge("NothingToDo", warning)?;
        return nothing_ran(&workspace, global, options, &plan, invocation);
    }
    let summary = execute(&workspace, global, talk, &plan, options, invocation).await?;
    if options.output == Output::Json {
        data::json(&summary)?;
    }
    Ok(summary.exit_code())
}

/// As in dbt, hooks of the run are left out too, and its results are written: none.
pub fn nothing_ran(
    workspace: &Workspace,
    global: &Global,
    options: &Run,
    plan: &Plan,
    invocation: String,
) -> Result<u8, Diagnostics> {
    let summary = Summary {
        invocation,
        status: RunStatus::Success,
        results: Vec::new(),
        elapsed_ms: 0,
    };
    artifact::run_results(workspace, global, options, plan, &summary)?;
    if options.output == Output::Json {
        data::json(&summary)?;
    }
    Ok(summary.exit_code())
}

/// What `--sample` says.
pub fn sample(options: &Run, workspace: &Workspace) -> Result<Option<Batch>, Diagnostic> {
    let text = options.sample.as_deref();
    text.map(|text| sample::window(text, workspace.clock.now()))
        .transpose()
}

/// A time to start at needs one to end before, and that lies later.
fn check_event_time(options: &Run) -> Result<(), Diagnostic> {
    match (options.event_time_start, options.event_time_end) {
        (Some(start), Some(end)) if start >= end => Err(Diagnostic::error(
            "--event-time-start must lie before --event-time-end",
        )),
        (Some(_), None) => Err(Diagnostic::error(
            "--event-time-start needs --event-time-end",
        )),
        (None, Some(_)) => Err(Diagnostic::error(
            "--event-time-end needs --event-time-start",
        )),
        _ => Ok(()),
    }
}

/// What models that run in batches take in: a sample is the whole of it, as in dbt.
pub fn event_time(
    options: &Run,
    sample: Option<Batch>,
) -> (Option<DateTime<Utc>>, Option<DateTime<Utc>>) {
    match sample {
        Some(sample) => (Some(sample.start), Some(sample.end)),
        None => (options.event_time_start, options.event_time_end),
    }
}

async fn make(
    workspace: &Workspace,
    global: &Global,
    selected: &BTreeSet<NodeId>,
    options: &Run,
    kinds: Vec<ResourceType>,
    command: &str,
) -> Result<Plan, Diagnostics> {
    // No kinds would mean all of them.
    if kinds.is_empty() {
        return Ok(Plan::default());
    }
    let options = PlanOptions {
        full_refresh: global.on(&switch::FULL_REFRESH),
        event_time: event_time(options, workspace.project.sample()),
        kinds,
        // As in dbt: `test` runs them by themselves.
        with_models: command == "build",
        ..PlanOptions::default()
    };
    plan::make(workspace, selected, &options).await
}

/// Runs the plan and tells it as it happens; Ctrl-C stops it cleanly, a second one at once.
pub async fn execute(
    workspace: &Workspace,
    global: &Global,
    talk: &Talk,
    plan: &Plan,
    options: &Run,
    invocation: String,
) -> Result<Summary, Diagnostics> {
    let cancel = CancellationToken::new();
    let stop = tokio::spawn(stop_on_ctrl_c(cancel.clone()));
    let threads = wiring::threads(workspace);
    let execute = ExecuteOptions {
        threads,
        retries: workspace.settings().retries,
        fail_fast: global.on(&switch::FAIL_FAST),
        warnings_fail: talk.strict.is_error("LogTestResult"),
        command: global.command.to_owned(),
        arguments: std::env::args().skip(1).collect(),
        invocation,
    };
    let reporter = talk.reporter(workspace, threads, options.output == Output::Json);
    let summary = executor::execute(workspace, plan, &execute, &*reporter, &cancel).await;
    stop.abort();
    let summary = summary?;
    artifact::run_results(workspace, global, options, plan, &summary)?;
    let compiled = summary.results.iter().filter_map(|result| {
        let node = workspace.graph().get(&result.node)?;
        Some((node, result.sql.as_deref()?))
    });
    let compiled: Vec<_> = compiled.collect();
    if !compiled.is_empty() {
        artifact::compiled_manifest(&workspace.project, global, compiled, true)?;
    }
    announce(workspace, &summary).await?;
    Ok(summary)
}

/// Tells webhooks of the versions that the run registered.
async fn announce(workspace: &Workspace, summary: &Summary) -> Result<(), Diagnostic> {
    let new = summary
        .results
        .iter()
        .filter(|result| result.details["is_new"] == true);
    for result in new {
        let (Some(model), Some(number)) = (
            result.details["model"].as_str(),
            result.details["version"].as_u64(),
        ) else {
            continue;
        };
        let tracking = serve::tracking(workspace, &Serve::default())?;
        let version = workspace.store.get_version(model, number)?;
        announce_registered(&tracking, &version).await;
    }
    Ok(())
}

async fn stop_on_ctrl_c(cancel: CancellationToken) {
    if tokio::signal::ctrl_c().await.is_ok() {
        cancel.cancel();
    }
    if tokio::signal::ctrl_c().await.is_ok() {
        std::process::exit(130);
    }
}
