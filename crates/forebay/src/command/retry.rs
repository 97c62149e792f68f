//! `retry`: what the last run left undone, and nothing else.

use forebay_core::Diagnostics;
use forebay_runner::plan::{self, PlanOptions};
use forebay_runner::retry;

use crate::args::{self, Global, Output, Run, switch};
use crate::report::{Talk, data};
use crate::wiring;

pub async fn run(global: &Global, talk: &Talk, options: &args::Retry) -> Result<u8, Diagnostics> {
    let invocation = wiring::invocation_id();
    let workspace = wiring::workspace(global, talk, &invocation).await?;
    let _held = wiring::take(&workspace, global, talk, "retry").await?;
    let (last, undone) = retry::undone(&workspace.store)?;
    if undone.is_empty() {
        talk.say(&format!("`forebay {}` left nothing undone", last.command));
        return Ok(0);
    }
    let wanted = PlanOptions {
        full_refresh: global.on(&switch::FULL_REFRESH),
        ..PlanOptions::default()
    };
    let plan = plan::make(&workspace, &undone, &wanted).await?;
    let run = Run {
        threads: options.threads,
        output: options.output,
        ..Run::default()
    };
    let summary = super::build::execute(&workspace, global, talk, &plan, &run, invocation).await?;
    if options.output == Output::Json {
        data::json(&summary)?;
    }
    Ok(summary.exit_code())
}
