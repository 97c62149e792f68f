//! `run-operation`: calls a macro, which runs what it asks. The text that it gives is nobody's.

use forebay_core::{Diagnostics, ResourceType};
use forebay_project::{CompileState, parse_vars};
use forebay_runner::{StepResult, hooks};
use forebay_store::RunStatus;
use serde_json::json;

use crate::args::{Global, RunOperation};
use crate::artifact;
use crate::report::Talk;
use crate::wiring;

pub async fn run(global: &Global, talk: &Talk, options: &RunOperation) -> Result<u8, Diagnostics> {
    let arguments = parse_vars("--args", &options.args)?;
    let workspace = wiring::workspace(global, talk, &wiring::invocation_id()).await?;
    let _held = wiring::take(&workspace, global, talk, "run-operation").await?;
    let id = workspace.project.operation_id(&options.name)?;
    let call = workspace.project.operation(&options.name, arguments);
    let started_ms = workspace.clock.now_ms();
    let ran = hooks::render(&workspace, &call, CompileState::default()).await;
    let result = StepResult {
        node: id,
        name: options.name.clone(),
        resource_type: ResourceType::Operation,
        status: match ran {
            Ok(_) => RunStatus::Success,
            Err(_) => RunStatus::Error,
        },
        attempts: 1,
        started_ms: Some(started_ms),
        finished_ms: workspace.clock.now_ms(),
        message: String::new(),
        details: json!({"failures": u8::from(ran.is_err())}),
        sql: None,
    };
    artifact::operation(&workspace, global, &result, options)?;
    for message in workspace.voice.take() {
        talk.print(&message);
    }
    match ran {
        Ok(_) => Ok(0),
        Err(problem) => {
            talk.problems(&problem.into());
            Ok(1)
        }
    }
}
