//! `run-operation`: calls a macro, which runs what it asks. The text that it gives is nobody's.

use forebay_core::Diagnostics;
use forebay_project::{CompileState, parse_vars};
use forebay_runner::hooks;

use crate::args::{Global, RunOperation};
use crate::report::Talk;
use crate::wiring;

pub async fn run(global: &Global, talk: &Talk, options: &RunOperation) -> Result<u8, Diagnostics> {
    let arguments = parse_vars("--args", &options.args)?;
    let workspace = wiring::workspace(global, talk, &wiring::invocation_id()).await?;
    let _held = wiring::take(&workspace, global, talk, "run-operation").await?;
    workspace.project.has_operation(&options.name)?;
    let call = workspace.project.operation(&options.name, arguments);
    let ran = hooks::render(&workspace, &call, CompileState::default()).await;
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
