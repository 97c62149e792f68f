//! What each action does, one file a kind of node.

pub(crate) mod batches;
mod feature_view;
mod inference_service;
mod materialization;
mod model;
mod monitor;
mod published;
mod python_model;
mod registered_model;
mod seed;
mod snapshot;
mod source;
mod test;
mod training_job;
mod unit_test;

use forebay_core::graph::Spec;
use forebay_core::{Diagnostic, Node, NodeId, Relation};
use forebay_lake::Written;
use forebay_project::{CompileState, Hook, When};
use forebay_store::RunStatus;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::hooks;
use crate::place::placed;
use crate::plan::{Action, Step};
use crate::workspace::Workspace;
use published::Published;

/// What a step knows of the run around it.
pub struct Context<'a> {
    pub workspace: &'a Workspace,
    pub invocation: &'a str,
    pub full_refresh: bool,
    pub output: Output,
}

/// Where a step says what a program that it runs prints.
#[derive(Clone)]
pub struct Output {
    pub node: NodeId,
    pub lines: mpsc::UnboundedSender<(NodeId, String)>,
}

impl Output {
    pub fn say(&self, line: &str) {
        // Whoever listened may be gone: the run is being stopped.
        let _ = self.lines.send((self.node.clone(), line.to_owned()));
    }
}

/// How a step ended: a sentence for people, details for programs.
#[derive(Clone, Debug)]
pub struct Outcome {
    pub status: RunStatus,
    pub message: String,
    pub details: Value,
    /// The query that ran, where there was one.
    pub sql: Option<String>,
}

impl Default for Outcome {
    fn default() -> Self {
        Self {
            status: RunStatus::Success,
            message: String::new(),
            details: json!({}),
            sql: None,
        }
    }
}

impl Outcome {
    pub fn new(status: RunStatus, message: impl Into<String>, details: Value) -> Self {
        Self {
            status,
            message: message.into(),
            details,
            sql: None,
        }
    }

    pub fn failed(error: &Diagnostic) -> Self {
        let details = json!({"error": error});
        Self::new(RunStatus::Error, error.to_string(), details)
    }

    pub fn nothing() -> Self {
        Self::new(RunStatus::NoOp, "NO-OP", json!({"failures": 0}))
    }

    pub fn interrupted() -> Self {
        Self::new(RunStatus::Interrupted, "interrupted", json!({}))
    }

    /// A table was written (or was already as it should be).
    fn written(relation: &Relation, written: &Written) -> Self {
        let message = match written.skipped {
            true => "nothing to do".to_owned(),
            false => format!("{} rows", written.rows),
        };
        let details = json!({
            "relation": relation.to_string(),
            "version": written.version,
            "rows": written.rows,
            "skipped": written.skipped,
        });
        Self::new(RunStatus::Success, message, details)
    }
}

/// Runs one step. An error is the step's, never the run's.
pub async fn run(context: &Context<'_>, step: &Step) -> Result<Outcome, Diagnostic> {
    let node = context.workspace.graph().get(&step.node).ok_or_else(|| {
        Diagnostic::internal(format!(
            "the plan names {}, which the graph lacks",
            step.node
        ))
    })?;
    if let Some(problem) = context.workspace.project.broken(&node.id) {
        return Err(problem.clone());
    }
    let around = CompileState {
        incremental: step.action.is_incremental(),
        full_refresh: context.full_refresh,
        ..CompileState::default()
    };
    // Macros run the hooks of what they build.
    if matches!(step.action, Action::Materialize { .. }) {
        return act(context, node, step, &around).await;
    }
    let hooks = |when| {
        let hooks = context.workspace.project.hooks(&node.id, when).into_iter();
        hooks.partition::<Vec<Hook>, _>(Hook::is_inside)
    };
    let [(before, ahead), (after, behind)] = [When::Before, When::After].map(hooks);
    let (workspace, lake) = (context.workspace, &context.workspace.lake);
    hooks::around_step(workspace, &ahead, &around).await?;
    let published = match &node.relation {
        Some(relation) if !before.is_empty() || !after.is_empty() => {
            Published::of(lake, relation).await.ok()
        }
        _ => None,
    };
    let transaction = async {
        hooks::around_step(workspace, &before, &around).await?;
        let outcome = act(context, node, step, &around).await?;
        hooks::around_step(workspace, &after, &around).await?;
        Ok(outcome)
    };
    let outcome = match (transaction.await, published) {
        (Err(problem), Some(published)) => return Err(published.back(lake, problem).await),
        (outcome, _) => outcome?,
    };
    hooks::around_step(workspace, &behind, &around).await?;
    Ok(outcome)
}

/// What the step does, without hooks.
async fn act(
    context: &Context<'_>,
    node: &Node,
    step: &Step,
    around: &CompileState,
) -> Result<Outcome, Diagnostic> {
    let sql = || {
        let missing = || Diagnostic::internal(format!("{} was not compiled", node.id));
        step.action.sql().ok_or_else(missing)
    };
    let outcome = match (&node.spec, &step.action) {
        (Spec::Source(_), Action::Load { load }) => source::run(context, node, load).await,
        (Spec::Seed(seed), Action::Seed) => seed::run(context, node, seed).await,
        (Spec::Model(_), Action::CreateTable { .. } | Action::CreateView { .. }) => {
            model::run(context, node, sql()?, false).await
        }
        (Spec::Model(_), Action::UpdateTable { .. }) => {
            model::run(context, node, sql()?, true).await
        }
        (Spec::Model(_), Action::UpdateBatches { fresh, batches }) => {
            batches::run(context, node, *fresh, batches).await
        }
        (Spec::Model(model), Action::Materialize { with, .. }) => {
            let state = around.clone();
            materialization::run_model(context, node, model, with, sql()?, state).await
        }
        (Spec::Seed(seed), Action::Materialize { .. }) => {
            materialization::run_seed(context, node, seed, around.clone()).await
        }
        (Spec::Snapshot(_), Action::Materialize { with, .. }) => {
            materialization::run(context, node, with, sql()?, around.clone()).await
        }
        (Spec::Model(_), Action::RunPython { incremental }) => {
            python_model::run(context, node, *incremental).await
        }
        (Spec::UnitTest(test), Action::UnitTest) => unit_test::run(context, node, test).await,
        (Spec::Snapshot(snapshot), Action::Snapshot { .. }) => {
            snapshot::run(context, node, snapshot, sql()?).await
        }
        (Spec::Test(spec), Action::Test { .. })
            if context.workspace.project.made_by_macros("test") =>
        {
            materialization::run_test(context, node, spec, sql()?).await
        }
        (Spec::Test(spec), Action::Test { .. }) => test::run(context, node, spec, sql()?).await,
        (Spec::FeatureView(view), Action::ComputeFeatures { source, online }) => {
            feature_view::run(context, node, view, source, *online).await
        }
        (Spec::TrainingJob(job), Action::Train) => training_job::run(context, node, job).await,
        (Spec::RegisteredModel, Action::Register) => registered_model::run(context, node).await,
        (Spec::InferenceService(_), Action::CheckService) => {
            inference_service::run(context, node).await
        }
        (Spec::Monitor(monitor), Action::Monitor) => monitor::run(context, node, monitor).await,
        (_, action) => Err(Diagnostic::internal(format!(
            "{} cannot do '{}'",
            node.id,
            action.describe()
        ))),
    };
    match outcome {
        Ok(outcome) => Ok(outcome),
        Err(error) => {
            let sql = step.action.sql();
            Err(placed(context.workspace, &node.id, around, sql, error).await)
        }
    }
}

fn relation(node: &Node) -> Result<&Relation, Diagnostic> {
    node.relation
        .as_ref()
        .ok_or_else(|| Diagnostic::internal(format!("{} has no table", node.id)))
}
