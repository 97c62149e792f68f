//! `plan`: exactly what `build` would do.

use forebay_core::Diagnostics;
use forebay_runner::Plan;
use forebay_runner::plan::{self, PlanOptions};

use crate::args::{self, Global, Output, switch};
use crate::report::{Talk, data};
use crate::wiring;

pub async fn run(global: &Global, talk: &Talk, options: &args::Plan) -> Result<u8, Diagnostics> {
    let workspace = wiring::workspace(global, talk, &wiring::invocation_id()).await?;
    let selected = wiring::selected(&workspace.project, global, &options.select, talk)?;
    let wanted = PlanOptions {
        with_models: true,
        full_refresh: global.on(&switch::FULL_REFRESH),
        ..PlanOptions::default()
    };
    print(
        &plan::make(&workspace, &selected, &wanted).await?,
        options.output,
    )
}

pub fn print(plan: &Plan, output: Output) -> Result<u8, Diagnostics> {
    if output == Output::Json {
        data::json(plan)?;
        return Ok(0);
    }
    for step in &plan.steps {
        let target = match &step.relation {
            Some(relation) => relation.to_string(),
            None => step.name.clone(),
        };
        data::print(&format!(
            "{:>3}  {:<17}  {:<44}  {}",
            step.number,
            step.resource_type.as_str(),
            target,
            step.action.describe()
        ));
    }
    Ok(0)
}
