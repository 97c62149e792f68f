//! The plan: what a run will do, as data. What is printed is what runs.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use forebay_core::graph::{Language, Materialized, Spec};
use forebay_core::incremental::{Batch, IncrementalStrategy};
use forebay_core::{Diagnostic, Diagnostics, Node, NodeId, Relation, ResourceType};
use forebay_ingest::LoadPlan;
use forebay_lake::TableKind;
use forebay_project::CompileState;
use serde::Serialize;

use crate::compile::{compile_ahead, compile_aloud};
use crate::order;
use crate::workspace::Workspace;

/// Steps in an order in which they could run one by one.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Plan {
    pub steps: Vec<Step>,
    pub full_refresh: bool,
}

/// One node's part in the plan.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Step {
    /// Counts from one.
    pub number: usize,
    pub node: NodeId,
    pub name: String,
    pub resource_type: ResourceType,
    pub relation: Option<Relation>,
    /// Steps of this plan that must have succeeded before.
    pub after: BTreeSet<NodeId>,
    pub action: Action,
}

/// What a step does. SQL is missing where its template asks the warehouse for rows or columns, which
/// steps before it may make, or fails: it is compiled when its turn comes.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Action {
    Load {
        load: LoadPlan,
    },
    Seed,
    CreateTable {
        sql: Option<String>,
    },
    CreateView {
        sql: Option<String>,
    },
    /// Adds to the table that is there.
    UpdateTable {
        sql: Option<String>,
    },
    /// A query for each span of time, in turn.
    UpdateBatches {
        /// The first one makes the table anew.
        fresh: bool,
        batches: Vec<Batch>,
    },
    /// By the macros of a materialisation.
    Materialize {
        with: String,
        /// What `is_incremental()` answers.
        incremental: bool,
        sql: Option<String>,
    },
    /// In a child process of the project's Python.
    RunPython {
        /// Adds to the table that is there.
        incremental: bool,
    },
    Snapshot {
        sql: Option<String>,
    },
    UnitTest,
    Test {
        sql: Option<String>,
    },
    ComputeFeatures {
        source: Relation,
        online: bool,
    },
    Train,
    Register,
    CheckService,
    Monitor,
    /// What is outside of the project has its place in the order, and its result.
    Nothing,
}

impl Action {
    /// The query, where it has one that is known.
    pub fn sql(&self) -> Option<&str> {
        match self {
            Action::CreateTable { sql }
            | Action::CreateView { sql }
            | Action::UpdateTable { sql }
            | Action::Materialize { sql, .. }
            | Action::Snapshot { sql }
            | Action::Test { sql } => sql.as_deref(),
            _ => None,
        }
    }

    /// What `is_incremental()` answers.
    pub fn is_incremental(&self) -> bool {
        match self {
            Action::UpdateTable { .. } => true,
            Action::Materialize { incremental, .. } | Action::RunPython { incremental } => {
                *incremental
            }
            _ => false,
        }
    }

    fn sql_mut(&mut self) -> Option<&mut Option<String>> {
        match self {
            Action::CreateTable { sql }
            | Action::CreateView { sql }
            | Action::UpdateTable { sql }
            | Action::Materialize { sql, .. }
            | Action::Snapshot { sql }
            | Action::Test { sql } => Some(sql),
            _ => None,
        }
    }

    /// What a person reads in the plan and in the log.
    pub fn describe(&self) -> String {
        match self {
            Action::Load { load } => load.describe(),
            Action::Seed => "load seed file".into(),
            Action::CreateTable { .. } => "create table".into(),
            Action::CreateView { .. } => "create view".into(),
            Action::UpdateTable { .. } => "update incremental table".into(),
            Action::Materialize { with, .. } => format!("materialize with '{with}'"),
            Action::UpdateBatches { batches, .. } => format!("update {} batches", batches.len()),
            Action::RunPython { .. } => "run Python".into(),
            Action::Snapshot { .. } => "update snapshot".into(),
            Action::UnitTest => "unit test".into(),
            Action::Test { .. } => "test".into(),
            Action::ComputeFeatures { online: true, .. } => {
                "compute features, materialize online".into()
            }
            Action::ComputeFeatures { .. } => "compute features".into(),
            Action::Train => "train and evaluate".into(),
            Action::Register => "hold against the gates, register".into(),
            Action::CheckService => "check that it can serve".into(),
            Action::Monitor => "measure drift".into(),
            Action::Nothing => "nothing".into(),
        }
    }
}

impl Step {
    /// Ready to run, with its query.
    pub async fn compiled(
        mut self,
        workspace: &Workspace,
        full_refresh: bool,
    ) -> Result<Self, Diagnostic> {
        let incremental = self.action.is_incremental();
        if let Some(sql @ None) = self.action.sql_mut() {
            let state = CompileState {
                incremental,
                full_refresh,
                ..CompileState::default()
            };
            *sql = Some(compile_aloud(workspace, &self.node, state).await?);
        }
        Ok(self)
    }
}

#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    pub full_refresh: bool,
    /// What models that run in batches take in: from and to before.
    pub event_time: (Option<DateTime<Utc>>, Option<DateTime<Utc>>),
    /// Batches to run instead of those: what an earlier run left undone.
    pub batches: BTreeMap<NodeId, Vec<Batch>>,
    /// Kinds that the command runs; empty means all.
    pub kinds: Vec<ResourceType>,
    /// Unit tests run before their models alone, not by themselves.
    pub with_models: bool,
}

/// Plans the selected nodes: those of the command's kinds that do something.
///
/// All nodes that cannot be planned are reported at once.
pub async fn make(
    workspace: &Workspace,
    selected: &BTreeSet<NodeId>,
    options: &PlanOptions,
) -> Result<Plan, Diagnostics> {
    let existing: BTreeSet<Relation> = workspace.lake.relations().await?.into_iter().collect();
    let order = workspace
        .graph()
        .topological()
        .map_err(|cycle| Diagnostics::from(in_cycle(&cycle)))?;
    let mut problems = Diagnostics::default();
    let mut actions: Vec<(&Node, Action)> = Vec::new();
    for node in order {
        let wanted = options.kinds.is_empty() || options.kinds.contains(&node.resource_type());
        if !wanted || !selected.contains(&node.id) || is_apart(node, selected, options) {
            continue;
        }
        if let Some(problem) = workspace.project.elsewhere(node) {
            problems.push(problem);
            continue;
        }
        match action(workspace, node, &existing, options).await {
            Ok(Some(action)) => actions.push((node, action)),
            Ok(None) => {}
            Err(problem) => problems.push(problem),
        }
    }
    if problems.has_errors() {
        problems.sort();
        return Err(problems);
    }
    Ok(Plan {
        steps: order::steps(workspace, actions, options.with_models),
        full_refresh: options.full_refresh,
    })
}

/// A unit test that runs with its model, which is not selected.
fn is_apart(node: &Node, selected: &BTreeSet<NodeId>, options: &PlanOptions) -> bool {
    let Spec::UnitTest(test) = &node.spec else {
        return false;
    };
    let kinds = &options.kinds;
    let has_models = kinds.is_empty() || kinds.contains(&ResourceType::Model);
    options.with_models && !(has_models && selected.contains(&test.model))
}

fn in_cycle(cycle: &[NodeId]) -> Diagnostic {
    let names: Vec<&str> = cycle.iter().map(NodeId::as_str).collect();
    Diagnostic::error(format!(
        "these nodes depend on each other: {}",
        names.join(" -> ")
    ))
}

async fn action(
    workspace: &Workspace,
    node: &Node,
    existing: &BTreeSet<Relation>,
    options: &PlanOptions,
) -> Result<Option<Action>, Diagnostic> {
    let full_refresh = options.full_refresh;
    let project = &workspace.project;
    let compile = |incremental: bool| {
        let state = CompileState {
            incremental,
            full_refresh,
            ..CompileState::default()
        };
        compile_ahead(workspace, &node.id, state)
    };
    let there = node.relation.as_ref().is_some_and(|r| existing.contains(r));
    if project.is_empty(&node.id) {
        return Ok(None);
    }
    Ok(match &node.spec {
        Spec::Source(source) if source.ingest.is_some() => Some(Action::Load {
            load: forebay_ingest::plan(&workspace.lake, &project.root, node).await?,
        }),
        Spec::Source(_)
        | Spec::FeatureService(_)
        | Spec::Analysis(_)
        | Spec::SemanticModel(_)
        | Spec::Metric(_) => None,
        Spec::Exposure(_) | Spec::SavedQuery(_) => Some(Action::Nothing),
        // What keeps it from being made is known by then.
        Spec::Function(_) => Some(Action::Materialize {
            with: "function".to_owned(),
            incremental: false,
            sql: Some(String::new()),
        }),
        Spec::Seed(_) if project.made_by_macros("seed") => Some(Action::Materialize {
            with: "seed".to_owned(),
            incremental: false,
            sql: Some(String::new()),
        }),
        Spec::Seed(_) => Some(Action::Seed),
        Spec::Model(model) if model.language == Language::Python => Some(Action::RunPython {
            incremental: match &model.materialized {
                Materialized::Incremental(spec) => {
                    let fresh = spec.full_refresh.unwrap_or(full_refresh);
                    !fresh && is_table(workspace, node).await?
                }
                _ => false,
            },
        }),
        Spec::Model(model) => match &model.materialized {
            Materialized::Ephemeral => None,
            Materialized::Table | Materialized::External(_) => Some(Action::CreateTable {
                sql: compile(false).await,
            }),
            Materialized::View => Some(Action::CreateView {
                sql: compile(false).await,
            }),
            Materialized::Custom { name } => {
                let incremental = name == "incremental" && is_table(workspace, node).await?;
                Some(Action::Materialize {
                    with: name.clone(),
                    incremental,
                    sql: compile(incremental).await,
                })
            }
            Materialized::Incremental(incremental) => {
                let fresh = !there || incremental.full_refresh.unwrap_or(full_refresh);
                if let IncrementalStrategy::Microbatch(spec) = &incremental.strategy {
                    if let Some(batches) = options.batches.get(&node.id).cloned() {
                        let fresh = !there;
                        return Ok(Some(Action::UpdateBatches { fresh, batches }));
                    }
                    let (from, to) = options.event_time;
                    let batches = spec.batches(workspace.clock.now(), fresh, from, to);
                    return Ok(Some(Action::UpdateBatches { fresh, batches }));
                }
                Some(match !fresh {
                    true => Action::UpdateTable {
                        sql: compile(true).await,
                    },
                    false => Action::CreateTable {
                        sql: compile(false).await,
                    },
                })
            }
        },
        Spec::UnitTest(_) => Some(Action::UnitTest),
        Spec::Snapshot(_) if project.made_by_macros("snapshot") => Some(Action::Materialize {
            with: "snapshot".to_owned(),
            incremental: false,
            sql: compile(false).await,
        }),
        Spec::Snapshot(_) => Some(Action::Snapshot {
            sql: compile(false).await,
        }),
        Spec::Test(_) => Some(Action::Test {
            sql: compile(false).await,
        }),
        Spec::FeatureView(view) => Some(Action::ComputeFeatures {
            source: source_relation(workspace, node, &view.source)?,
            online: view.online,
        }),
        Spec::TrainingJob(_) => Some(Action::Train),
        Spec::RegisteredModel => Some(Action::Register),
        Spec::InferenceService(_) => Some(Action::CheckService),
        Spec::Monitor(_) => Some(Action::Monitor),
    })
}

async fn is_table(workspace: &Workspace, node: &Node) -> Result<bool, Diagnostic> {
    let Some(relation) = &node.relation else {
        return Ok(false);
    };
    let info = workspace.lake.info(relation).await?;
    Ok(info.is_some_and(|info| info.kind == TableKind::Table))
}

fn source_relation(
    workspace: &Workspace,
    node: &Node,
    source: &NodeId,
) -> Result<Relation, Diagnostic> {
    let relation = workspace
        .graph()
        .get(source)
        .and_then(|n| n.relation.clone());
    relation.ok_or_else(|| {
        Diagnostic::error(format!(
            "feature view '{}' reads {source}, which is no table",
            node.name
        ))
        .at(node.location.clone())
        .hint("materialize the model as a table, a view or incremental")
    })
}
