//! What else is wrong with a project that cannot be read. Nodes that have nothing to do with what has been told are
//! planned in a warehouse that is made for it and thrown away: models are views there, and sources tables without rows.
//! Nothing of the project's own is changed, and no query of a template is run.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

use forebay_core::graph::{Language, Materialized, Spec};
use forebay_core::{Diagnostic, Diagnostics, Location, Node, NodeId, Severity};
use forebay_lake::{Input, Lake, LakeOptions, WriteMode, WriteOptions};
use forebay_project::{CompileState, Compiled, Project, Question, When};
use serde_json::Map;

use crate::clock::Clock;
use crate::compile::answer;
use crate::place::placed;
use crate::workspace::Workspace;

/// Who has thousands of models need not wait for all of them.
const PATIENCE: Duration = Duration::from_secs(10);

/// Bytes of a seed that is loaded to know its columns.
const LARGE_SEED: u64 = 1 << 20;

/// The problems besides those that are told. None is certain to be all of them: what is below a mistake is not looked at.
pub async fn problems(mut project: Project, told: &Diagnostics, clock: Clock) -> Vec<Diagnostic> {
    let folder = std::env::temp_dir().join(format!("forebay-{}", uuid::Uuid::new_v4().simple()));
    let own = std::mem::replace(&mut project.settings.warehouse, folder.join("warehouse"));
    project.settings.spill = folder.join("spill");
    project.settings.metadata = folder.join("metadata.db");
    project.settings.online_store = folder.join("online");
    let mut found = Vec::new();
    if let Ok(workspace) = Workspace::open(project, clock).await {
        let mut rest = Rest {
            own: kept(&workspace, own).await,
            told,
            hooked: !workspace
                .project
                .run_hooks(When::Before, &Map::new())
                .is_empty(),
            workspace: &workspace,
            unknown: BTreeSet::new(),
            found: &mut found,
        };
        // What was found before it took too long is told.
        let _in_time = tokio::time::timeout(PATIENCE, rest.look()).await;
    }
    let _ = std::fs::remove_dir_all(&folder);
    found
}

/// The project's own warehouse, where it has one.
async fn kept(workspace: &Workspace, root: PathBuf) -> Option<Lake> {
    if !root.is_dir() {
        return None;
    }
    let (settings, lake) = (workspace.settings(), &workspace.lake);
    let options = LakeOptions {
        root,
        memory_limit: settings.memory_limit,
        threads: settings.threads,
        spill: settings.spill.clone(),
        dialect: lake.dialect(),
        database: lake.database().to_owned(),
        files: workspace.project.root.clone(),
        settings: workspace.project.database_settings().to_vec(),
    };
    Lake::open(options).await.ok()
}

struct Rest<'a> {
    workspace: &'a Workspace,
    own: Option<Lake>,
    told: &'a Diagnostics,
    /// Hooks of the run may make functions.
    hooked: bool,
    /// Nodes whose columns are not known.
    unknown: BTreeSet<NodeId>,
    found: &'a mut Vec<Diagnostic>,
}

impl Rest<'_> {
    async fn look(&mut self) {
        let workspace = self.workspace;
        let mut graph = workspace.graph().clone();
        let order: Vec<NodeId> = loop {
            let sorted = graph.topological();
            let sorted =
                sorted.map(|order| order.into_iter().map(|node| node.id.clone()).collect());
            match sorted {
                Ok(order) => break order,
                // What is in a circle is not looked at, nor what is below it.
                Err(cycle) => {
                    for id in &cycle {
                        self.unknown.insert(id.clone());
                        if let Some(node) = graph.nodes.get_mut(id) {
                            node.depends_on.clear();
                        }
                    }
                }
            }
        };
        for node in order.iter().filter_map(|id| workspace.graph().get(id)) {
            if self.unknown.contains(&node.id) {
                continue;
            }
            if !self.is_fine(node) || !self.plan(node).await {
                self.unknown.insert(node.id.clone());
            }
        }
    }

    /// Nothing is told of it, or of what it reads.
    fn is_fine(&self, node: &Node) -> bool {
        let graph = self.workspace.graph();
        let is_known = |id: &NodeId| graph.get(id).is_some() && !self.unknown.contains(id);
        let is_told = |at: &Location| {
            let is_sql =
                ends_with(&node.location.file, "sql") || ends_with(&node.location.file, "py");
            at.file == node.location.file && (is_sql || at.line == node.location.line)
        };
        let errors = self.told.0.iter();
        let mut places = errors
            .filter(|problem| problem.severity == Severity::Error)
            .filter_map(|problem| problem.location.as_ref());
        node.depends_on.iter().all(is_known) && !places.any(is_told)
    }

    /// Whether its columns are known now.
    async fn plan(&mut self, node: &Node) -> bool {
        let project = &self.workspace.project;
        let prepared = !project.hooks(&node.id, When::Before).is_empty();
        if prepared || project.is_empty(&node.id) {
            return false;
        }
        match &node.spec {
            Spec::Source(_) if project.is_read_from_files(&node.id) => true,
            Spec::Source(_) => self.laid_out(node).await.is_some(),
            Spec::Seed(seed) => {
                let root = &project.root;
                let file = std::fs::metadata(root.join(&node.location.file));
                let small = file.is_ok_and(|file| file.len() <= LARGE_SEED);
                if !small || project.made_by_macros("seed") {
                    return false;
                }
                let lake = &self.workspace.lake;
                match forebay_transform::seed(lake, root, node, seed).await {
                    Ok(_) => true,
                    Err(problem) => self.tell(problem),
                }
            }
            Spec::Model(model) => {
                let custom = matches!(model.materialized, Materialized::Custom { .. });
                model.language == Language::Sql && !custom && self.query(node).await
            }
            Spec::Snapshot(_) => {
                self.query(node).await;
                false
            }
            Spec::Test(_) => self.query(node).await,
            _ => false,
        }
    }

    /// The table that is there, without its rows.
    async fn laid_out(&self, node: &Node) -> Option<()> {
        let relation = node.relation.as_ref()?;
        let info = self.own.as_ref()?.info(relation).await.ok()??;
        let input = Input::Batches(info.schema.clone(), Vec::new());
        let options = WriteOptions::new(WriteMode::Overwrite);
        let written = self.workspace.lake.write(relation, input, options).await;
        written.ok().map(drop)
    }

    async fn query(&mut self, node: &Node) -> bool {
        let state = CompileState::default();
        let sql = match self.compiled(node, state.clone()).await {
            Ok(Some(sql)) => sql,
            Ok(None) => return false,
            Err(problem) => return self.tell(problem),
        };
        let lake = &self.workspace.lake;
        let planned = match (&node.spec, &node.relation) {
            (Spec::Model(_), Some(relation)) => lake.create_view(relation, &sql).await,
            _ => lake.schema_of(&sql).await.map(drop),
        };
        match planned {
            Ok(()) => true,
            Err(problem) => {
                let problem = placed(self.workspace, &node.id, &state, Some(&sql), problem).await;
                self.tell(problem)
            }
        }
    }

    /// None where its template asks for rows: there are none.
    async fn compiled(
        &self,
        node: &Node,
        mut state: CompileState,
    ) -> Result<Option<String>, Diagnostic> {
        loop {
            match self.workspace.project.compile(&node.id, &state)? {
                Compiled::Sql(sql) => return Ok(Some(sql)),
                Compiled::Asks(Question::Rows(_) | Question::Relations) => return Ok(None),
                Compiled::Asks(question) => match answer(&self.workspace.lake, &question).await {
                    Ok(answer) => state.answer(question, answer),
                    Err(_) => return Ok(None),
                },
            }
        }
    }

    /// Keeps what is certain, once. Always false.
    fn tell(&mut self, problem: Diagnostic) -> bool {
        let said = |start: &str| problem.message.starts_with(start);
        // Tables that no node makes may be there when it runs; functions may come with hooks, and macros from a file
        // that could not be read.
        let doubtful = said("there is no table or view")
            || said("there is no schema")
            || said("no macro or function is called")
            || self.hooked && said("there is no function");
        let same = |other: &Diagnostic| {
            other.location == problem.location
                && (other.message == problem.message || problem.location.is_some())
        };
        let is_told = self.told.0.iter().chain(&*self.found).any(same);
        if !doubtful && !is_told && problem.severity == Severity::Error {
            self.found.push(problem);
        }
        false
    }
}

fn ends_with(file: &Path, extension: &str) -> bool {
    file.extension().is_some_and(|end| end == extension)
}
