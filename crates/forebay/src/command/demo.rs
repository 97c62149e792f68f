//! `demo`: the example project, from raw files to a served prediction that can say why.

use std::path::Path;

use forebay_core::{Diagnostic, Diagnostics, ResourceType};
use forebay_runner::plan::{self, PlanOptions};
use forebay_runner::{Summary, Workspace, why};
use forebay_store::RunStatus;

use crate::args::{Demo, Global, Run, Select};
use crate::report::{Talk, data};
use crate::wiring;

/// Path below the project folder, and content.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/example.rs"));

/// The request that the demo makes: a flight of the first morning after the data ends.
const REQUEST: &str = include_str!("demo_request.json");
const SERVICE: &str = "late_arrival";

pub async fn run(global: &Global, talk: &Talk, options: &Demo) -> Result<u8, Diagnostics> {
    lay_out(&options.folder)?;
    talk.say(&format!(
        "laid the example out in {}/",
        options.folder.display()
    ));
    let global = Global {
        project_dir: options.folder.clone(),
        ..global.clone()
    };
    let invocation = wiring::invocation_id();
    let workspace = wiring::workspace(&global, talk, &invocation).await?;
    let summary = build(&workspace, &global, talk, invocation).await?;
    if summary.exit_code() != 0 {
        return Ok(summary.exit_code());
    }
    made(&workspace, &summary).await?;
    predict(&workspace).await?;
    if options.once {
        return Ok(0);
    }
    data::print("\ntry it:");
    data::print(&format!("  {}", curl(workspace.settings().listen.as_str())));
    super::serve::start(workspace, talk, &options.serve).await
}

/// Writes the files of the example that are not there yet; what was edited stays.
fn lay_out(folder: &Path) -> Result<(), Diagnostic> {
    let foreign = folder.is_dir()
        && !folder.join("dbt_project.yml").exists()
        && std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if foreign {
        return Err(
            Diagnostic::error(format!("{} is not empty and no project", folder.display()))
                .hint("name another folder: `forebay demo DIR`"),
        );
    }
    for (name, content) in FILES {
        let path = folder.join(name);
        if path.exists() {
            continue;
        }
        let partial = path.with_extension("partial");
        let parent = path.parent().unwrap_or(folder);
        std::fs::create_dir_all(parent)
            .and_then(|()| std::fs::write(&partial, content))
            .and_then(|()| std::fs::rename(&partial, &path))
            .map_err(|error| {
                Diagnostic::environment(format!("cannot write {}: {error}", path.display()))
            })?;
    }
    Ok(())
}

async fn build(
    workspace: &Workspace,
    global: &Global,
    talk: &Talk,
    invocation: String,
) -> Result<Summary, Diagnostics> {
    let _held = wiring::take(workspace, global, talk, "demo").await?;
    let selected = wiring::selected(&workspace.project, global, &Select::default(), talk)?;
    let plan = plan::make(workspace, &selected, &PlanOptions::default()).await?;
    super::build::execute(workspace, global, talk, &plan, &Run::default(), invocation).await
}

/// What is there now, and where.
async fn made(workspace: &Workspace, summary: &Summary) -> Result<(), Diagnostics> {
    let of = |kind| {
        summary
            .results
            .iter()
            .filter(move |r| r.resource_type == kind)
    };
    let sum = |kind, key: &str| -> u64 { of(kind).filter_map(|r| r.details[key].as_u64()).sum() };
    let tests = |status| {
        of(ResourceType::Test)
            .filter(|r| r.status == status)
            .count()
    };
    let settings = workspace.settings();
    let line = |what: &str, text: String| data::print(&format!("  {what:<14} {text}"));
    data::print("\nmade:");
    line(
        "loaded",
        format!(
            "{} rows, {} held",
            sum(ResourceType::Source, "rows"),
            sum(ResourceType::Source, "held")
        ),
    );
    line(
        "tests",
        format!(
            "{} passed, {} warn of true blemishes",
            tests(RunStatus::Success),
            tests(RunStatus::Warn)
        ),
    );
    for training in of(ResourceType::TrainingJob) {
        if let Some(run) = training.details["run_id"]
            .as_str()
            .and_then(|id| workspace.store.run(id).ok().flatten())
        {
            let metrics: Vec<String> = ["roc_auc", "log_loss", "brier", "accuracy"]
                .iter()
                .filter_map(|name| Some(format!("{name} {:.4}", run.metric(name)?)))
                .collect();
            line(
                "model",
                format!("{}: {}", training.name, metrics.join(", ")),
            );
        }
    }
    for monitor in of(ResourceType::Monitor) {
        line("monitor", format!("{}: {}", monitor.name, monitor.message));
    }
    line("tables", settings.warehouse.display().to_string());
    line("metadata", settings.metadata.display().to_string());
    line("online store", settings.online_store.display().to_string());
    line("artifacts", settings.artifacts.display().to_string());
    Ok(())
}

/// One prediction, through the same code as the server's, and its reasons.
async fn predict(workspace: &Workspace) -> Result<(), Diagnostics> {
    let id = super::serve::predict_once(workspace, SERVICE, REQUEST.as_bytes()).await?;
    data::print("\none prediction, and why:");
    let found = why::explain(workspace, &id).await?;
    super::why::print(&found);
    match found.rescored.same_bits {
        true => Ok(()),
        false => {
            Err(Diagnostic::internal("scoring the logged features again gave another score").into())
        }
    }
}

fn curl(listen: &str) -> String {
    let body: serde_json::Value = serde_json::from_str(REQUEST).unwrap_or_default();
    format!(
        "curl -s http://{listen}/v2/models/{SERVICE}/infer -H 'content-type: application/json' -d '{body}'"
    )
}
