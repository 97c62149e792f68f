//! `retry`: what the last run left undone, and nothing else.

use forebay_core::{Diagnostic, Diagnostics};
use forebay_runner::plan::{self, PlanOptions};
use forebay_runner::{Plan, retry};
use serde_json::Value as Json;

use super::{build, run_operation};
use crate::args::{self, Global, Output, Run, RunOperation, switch};
use crate::report::{Talk, data};
use crate::wiring;

pub async fn run(global: &Global, talk: &Talk, options: &args::Retry) -> Result<u8, Diagnostics> {
    let results = last_results(global)?;
    let earlier = results["args"].clone();
    let global = &with(global, &earlier);
    if let Some(call) = operation(&earlier) {
        if results["results"][0]["status"] == "success" {
            talk.say(&format!("the macro '{}' left nothing undone", call.name));
            return Ok(0);
        }
        return run_operation::run(global, talk, &call).await;
    }
    let invocation = wiring::invocation_id();
    let workspace = wiring::workspace(global, talk, &invocation).await?;
    let _held = wiring::take(&workspace, global, talk, "retry").await?;
    let last = match &global.state {
        Some(_) => {
            let undone = retry::undone_of(&results);
            let graph = workspace.graph();
            if let Some(gone) = undone.nodes.iter().find(|id| graph.get(id).is_none()) {
                let message = format!("the project has no {gone}, which that run left undone");
                return Err(Diagnostic::error(message).into());
            }
            undone
        }
        None => retry::undone(&workspace.store)?,
    };
    let undone = last.nodes;
    let moment = |key: &str| earlier[key].as_str()?.parse().ok();
    let run = Run {
        output: options.output,
        event_time_start: moment("event_time_start"),
        event_time_end: moment("event_time_end"),
        sample: earlier["sample"].as_str().map(str::to_owned),
        ..Run::default()
    };
    if undone.is_empty() {
        let command = &last.command;
        talk.say(&format!("`forebay {command}` left nothing undone"));
        return build::nothing_ran(&workspace, global, &run, &Plan::default(), invocation);
    }
    let sample = build::sample(&run, &workspace)?;
    wiring::read_instead(&workspace, global, &undone, sample).await?;
    let wanted = PlanOptions {
        full_refresh: global.on(&switch::FULL_REFRESH),
        event_time: build::event_time(&run, sample),
        batches: last.batches,
        // As the command that is done again.
        with_models: earlier["which"] == "build",
        ..PlanOptions::default()
    };
    let plan = plan::make(&workspace, &undone, &wanted).await?;
    let summary = build::execute(&workspace, global, talk, &plan, &run, invocation).await?;
    if options.output == Output::Json {
        data::json(&summary)?;
    }
    Ok(summary.exit_code())
}

/// run_results.json, with what the last run was called with; nothing where there is none, unless its folder is named.
fn last_results(global: &Global) -> Result<Json, Diagnostic> {
    let folder = global.state.clone();
    let path = folder
        .unwrap_or_else(|| global.artifacts())
        .join("run_results.json");
    let text = std::fs::read_to_string(&path);
    let results = text.ok().and_then(|text| serde_json::from_str(&text).ok());
    let results = results.filter(|results: &Json| results["results"].is_array());
    match &global.state {
        Some(_) if results.is_none() => {
            let missing = format!("no run can be read from {}", path.display());
            Err(Diagnostic::error(missing).hint("--state is the folder of a run's artifacts"))
        }
        _ => Ok(results.unwrap_or_default()),
    }
}

/// The macro that the last command called.
fn operation(earlier: &Json) -> Option<RunOperation> {
    let is_operation = earlier["which"] == "run-operation";
    let text = |key: &str| earlier[key].as_str().map(str::to_owned);
    let (name, args) = text("macro").zip(text("args")).filter(|_| is_operation)?;
    Some(RunOperation { name, args })
}

/// The same options, with what they leave open as it was.
fn with(global: &Global, earlier: &Json) -> Global {
    let mut global = global.clone();
    let text = |key: &str| earlier[key].as_str().map(str::to_owned);
    // A mapping, in JSON: that is YAML too.
    let vars = earlier["vars"]
        .as_object()
        .map(|_| earlier["vars"].to_string());
    global.vars = global.vars.or(vars);
    global.target = global.target.or_else(|| text("target"));
    global.profile = global.profile.or_else(|| text("profile"));
    let kept = [
        &switch::FULL_REFRESH,
        &switch::EMPTY,
        &switch::FAIL_FAST,
        &switch::STORE_FAILURES,
    ];
    for switch in kept {
        let key = switch.name.replace('-', "_");
        if let Some(on) = earlier[&key].as_bool() {
            global.switches.or(switch, on);
        }
    }
    global
}
