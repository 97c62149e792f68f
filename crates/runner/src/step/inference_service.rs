//! An inference service: everything that it needs to answer is there and fits together.

use forebay_core::{Diagnostic, Node};
use forebay_store::RunStatus;
use serde_json::json;

use super::{Context, Outcome};
use crate::serving;

pub async fn run(context: &Context<'_>, node: &Node) -> Result<Outcome, Diagnostic> {
    let service = serving::load(context.workspace, node)?;
    let message = format!(
        "{} version {} with {} features",
        service.model_name(),
        service.model_version(),
        service.features().len()
    );
    let details = json!({
        "model": service.model_name(),
        "version": service.model_version(),
        "run_id": service.run_id(),
    });
    Ok(Outcome::new(RunStatus::Success, message, details))
}
