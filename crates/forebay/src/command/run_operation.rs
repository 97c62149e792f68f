//! `run-operation`: calls a macro, and runs what it asks and prints.

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
    let call = workspace.project.operation(&options.name, arguments);
    let ran = hooks::run(&workspace, &call, CompileState::default()).await;
    for message in workspace.voice.take() {
        talk.print(&message);
    }
    ran?;
    Ok(0)
}
