//! Reads a project folder: dbt's files, `ingest/`, `ml/` and `forebay.yml` become one graph.
//!
//! This crate never sees a table: it knows names, texts and edges. All problems of a project are
//! found in one reading, each with its place in the user's own file.

mod ask;
mod compile;
mod config;
mod cores;
mod databases;
mod docs;
mod files;
mod glance;
mod hooks;
mod ignored;
mod ingest;
mod jinja;
mod link;
mod load;
mod manifest;
mod materialize;
mod ml;
mod nodes;
mod operations;
mod package;
mod pattern;
mod place;
mod problems;
mod properties;
mod python;
mod query_comment;
mod render;
mod scan;
pub mod select;
mod semantic;
mod snapshot;
mod text;
mod yaml;

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use chrono::{DateTime, Utc};
use forebay_core::incremental::Batch;
use forebay_core::unit_test::Overrides;
use forebay_core::{Diagnostic, Diagnostics, Graph, Node, NodeId, Relation, ResourceType};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use package::Package;

pub use ask::{Answer, Answers, Column, Compiled, Live, Question, RelationKind, Rows, TextKind};
pub use config::{OpenLineage, Settings};
pub use glance::{Glance, glance};
pub use hooks::{Hook, RunHook, When};
pub use jinja::marks::Marks;
pub use jinja::rows_of_seed;
pub use load::{WantedPackage, wanted_packages};
pub use manifest::CompiledSql;
pub use materialize::Made;
pub use python::PythonCall;

/// The version of dbt whose projects are read.
pub const DBT_VERSION: &str = "1.11.16";

/// A project that has been read without an error.
pub struct Project {
    /// The project folder, absolute.
    pub root: PathBuf,
    pub name: String,
    pub graph: Graph,
    pub settings: Settings,
    /// Problems that do not keep anything from running, sorted by place.
    pub warnings: Vec<Diagnostic>,
    engine: jinja::Engine,
    shared: Arc<jinja::Shared>,
    /// The project itself first, then what it uses.
    packages: Vec<package::Package>,
    details: BTreeMap<NodeId, nodes::Detail>,
    /// What is switched off.
    disabled: Vec<nodes::Draft>,
    /// Tests that do not run, since a node that they name is not there.
    idle: Vec<nodes::Draft>,
    groups: nodes::Groups,
    macro_patches: BTreeMap<NodeId, properties::MacroPatch>,
    /// Generic tests by the node that they are declared on.
    tests_by_node: BTreeMap<NodeId, TestsOfNode>,
    /// `on-run-start` and `on-run-end` of all packages.
    operations: Vec<operations::Operation>,
    /// Of `selectors.yml`, in its order.
    selectors: Vec<select::Selector>,
    /// The manifest's section of macros. It is written twice, before a run and after it, and stays the same.
    macro_entries: OnceLock<Box<RawValue>>,
}

/// Generic tests that are declared on a node.
#[derive(Default)]
struct TestsOfNode {
    on: Vec<NodeId>,
    /// Switched off: their places in `disabled`.
    off: Vec<usize>,
}

/// Why a project cannot be read.
pub struct Unread {
    /// All problems at once, warnings among them, sorted by place.
    pub problems: Diagnostics,
    /// What is wrong, perhaps, because a property file could not be read.
    pub unsaid: Vec<Diagnostic>,
    /// Its nodes as far as they can be read: none of them may be run.
    pub rest: Option<Box<Project>>,
}

impl From<Diagnostic> for Unread {
    fn from(problem: Diagnostic) -> Self {
        Self {
            problems: problem.into(),
            unsaid: Vec::new(),
            rest: None,
        }
    }
}

/// What a reading depends on besides the files.
#[derive(Clone, Debug, Default)]
pub struct LoadOptions {
    /// The profile; None is the one that the project names.
    pub profile: Option<String>,
    /// Where `profiles.yml` is; None looks where dbt does.
    pub profiles_dir: Option<PathBuf>,
    /// Instead of the profile's own `threads`.
    pub threads: Option<usize>,
    /// Target of the profile; None is the profile's own choice.
    pub target: Option<String>,
    /// What `flags` shows inside templates, by names in capitals.
    pub flags: Map<String, Value>,
    /// `--vars`: they win over those of `dbt_project.yml`.
    pub vars: Map<String, Value>,
    /// `run_started_at` inside templates.
    pub now: DateTime<Utc>,
    /// What `env_var` sees.
    pub env: BTreeMap<String, String>,
    /// `invocation_id` inside templates.
    pub invocation_id: String,
}

/// Reads `--vars` or `--args`: a mapping in YAML or JSON. Dates in it are for templates alone.
pub fn parse_vars(flag: &str, text: &str) -> Result<Map<String, Value>, Diagnostic> {
    mapping(flag, text, yaml::Yaml::to_values)
}

/// The same as plain data.
pub fn parse_mapping(flag: &str, text: &str) -> Result<Map<String, Value>, Diagnostic> {
    mapping(flag, text, yaml::Yaml::to_json)
}

fn mapping(
    flag: &str,
    text: &str,
    value: impl Fn(&yaml::Yaml) -> Value,
) -> Result<Map<String, Value>, Diagnostic> {
    let problems = problems::Problems::default();
    let json = yaml::parse(flag, text, &problems).map(|yaml| value(&yaml));
    match json {
        Some(Value::Object(vars)) => Ok(vars),
        _ => Err(Diagnostic::error(format!("{flag} '{text}' is no mapping"))
            .hint("write it like '{month: 3}'")),
    }
}

/// What a compiled text depends on besides the project.
#[derive(Clone, Debug, Default)]
pub struct CompileState {
    /// What `is_incremental()` answers in an incremental model.
    pub incremental: bool,
    pub full_refresh: bool,
    /// Hooks of the run come before the node's turn, and may lay things into `graph`: to read it is an error.
    pub ahead_of_hooks: bool,
    /// What templates have asked so far.
    pub answers: Answers,
    /// Who answers at once. The template is run then, once and for its effects.
    pub live: Option<Arc<dyn Live>>,
    /// SQL that stands for the table of a node.
    pub stand_ins: Arc<BTreeMap<NodeId, String>>,
    /// Nothing else may be read: a unit test gives all rows itself.
    pub only_stand_ins: bool,
    /// The same for `this`.
    pub this: Option<String>,
    /// What a unit test lets macros, variables and the environment answer.
    pub overrides: Arc<Overrides>,
    /// The span of time that a microbatch model is compiled for.
    pub batch: Option<Batch>,
    /// Texts are marked by who wrote them.
    pub marks: Marks,
    /// A question that cannot be answered, and why: where it is asked is where the problem is.
    pub refused: Option<Arc<(Question, Diagnostic)>>,
}

/// What `ref` and `source` give instead of the project's own tables.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// `--defer`: where nodes are that are read from another target.
    pub deferred: BTreeMap<NodeId, Relation>,
    /// What the command is for: `selected_resources`.
    pub selected: Vec<NodeId>,
    /// `--empty`: no row of anything.
    pub empty: bool,
    /// `--sample`: of what says when its rows happened, those of that time.
    pub sample: Option<Batch>,
}

impl Project {
    /// Reads the folder.
    ///
    /// # Errors
    /// All problems of the project at once, warnings among them, sorted by place.
    pub fn load(root: &Path, options: LoadOptions) -> Result<Project, Diagnostics> {
        Self::load_in_part(root, options).map_err(|unread| unread.problems)
    }

    /// Reads the folder, and keeps what can be read of it.
    ///
    /// # Errors
    /// Those of [`Project::load`], and the rest.
    pub fn load_in_part(root: &Path, options: LoadOptions) -> Result<Project, Unread> {
        load::load(root, options)
    }

    /// `target-path` of the folder's project file, rendered. None: it has none, or the file cannot be read.
    pub fn target_path(root: &Path, options: &LoadOptions) -> Option<String> {
        load::target_path(root, options)
    }

    /// Whether a source is files, and no table.
    pub fn is_read_from_files(&self, id: &NodeId) -> bool {
        self.details
            .get(id)
            .is_some_and(|detail| detail.location.is_some())
    }

    /// `target.type`: the adapter that the profile names, `forebay` without a profile.
    pub fn target_type(&self) -> &str {
        &self.shared.target.kind
    }

    /// How many nodes may run at the same time: as the profile says, or what was asked for instead.
    pub fn threads(&self) -> Option<usize> {
        self.shared.target.threads
    }

    /// The database before a schema in the SQL of templates, by the profile.
    pub fn database(&self) -> &str {
        &self.shared.target.database
    }

    /// `settings` of a DuckDB profile, by name.
    pub fn database_settings(&self) -> &[(String, String)] {
        &self.shared.target.settings
    }

    /// A node's table as SQL, quoted as the project has it.
    pub fn written(&self, node: &Node) -> Option<String> {
        let detail = self.details.get(&node.id);
        let own = detail.map(|detail| &detail.quoting);
        let quoting = self.shared.quoting.over(own.unwrap_or(&Value::Null));
        let relation = node.relation.as_ref()?;
        Some(quoting.write(self.database(), relation, [true; 3]))
    }

    /// Whether the node's file has nothing in it: as in dbt, it is known and never runs.
    pub fn is_empty(&self, id: &NodeId) -> bool {
        let kind = self.graph.get(id).map(Node::resource_type);
        let has_text = matches!(
            kind,
            Some(ResourceType::Model | ResourceType::Test | ResourceType::Analysis)
        );
        let detail = self.details.get(id).filter(|_| has_text);
        detail.is_some_and(|detail| detail.raw.trim().is_empty() && !detail.has_mark)
    }

    /// What the manifest says of a node.
    pub fn described(&self, id: &NodeId) -> Option<Value> {
        manifest::of_node(self, id)
    }

    /// The file of a node, relative to its own package.
    pub fn path_in_package(&self, node: &Node) -> String {
        self.within(&node.package, &node.location.file, Package::path)
    }

    /// Where dbt puts a node's SQL below `target/compiled`; a generic test is below its property file.
    pub fn compiled_path(&self, node: &Node) -> PathBuf {
        let file = Path::new(&node.package).join(self.path_in_package(node));
        match self.details.get(&node.id) {
            _ if is_yaml_snapshot(node) => file.join(self.snapshot_path(node)),
            Some(nodes::Detail {
                test: Some(test), ..
            }) => file.join(test.file_name()),
            _ => file,
        }
    }

    /// Below its folder; of a snapshot that is written in YAML, below its property file.
    pub(crate) fn snapshot_path(&self, node: &Node) -> String {
        let below = self.within(&node.package, &node.location.file, Package::below);
        match is_yaml_snapshot(node) {
            true => format!("{below}/{}.sql", node.name),
            false => below,
        }
    }

    /// A file as its package names it.
    pub(crate) fn within(
        &self,
        package: &str,
        file: &Path,
        names: for<'a> fn(&Package, &'a str) -> &'a str,
    ) -> String {
        let file = file.to_string_lossy();
        let package = self.packages.iter().find(|p| p.name == package);
        package
            .map_or(&*file, |package| names(package, &file))
            .to_owned()
    }

    /// Says what is read instead; the first word counts.
    pub fn read_instead(&self, reading: Reading) {
        let _ = self.shared.reading.set(reading);
    }

    /// `--sample`.
    pub fn sample(&self) -> Option<Batch> {
        self.shared.reading.get()?.sample
    }

    /// Where an earlier manifest says that models, seeds and snapshots are. `why` is what asks:
    /// `--defer`.
    ///
    /// # Errors
    /// There is no manifest in the folder.
    pub fn relations_of(
        folder: Option<&Path>,
        why: &str,
    ) -> Result<BTreeMap<NodeId, Relation>, Diagnostic> {
        let manifest = select::artifact(folder, "manifest.json", why)?;
        let nodes = manifest["nodes"].as_object().into_iter().flatten();
        let relation = |(id, node): (&String, &Value)| {
            node["relation_name"].as_str()?;
            let (schema, name) = (node["schema"].as_str()?, node["alias"].as_str()?);
            let kinds = ["model", "seed", "snapshot"];
            let kind = node["resource_type"].as_str()?;
            kinds
                .contains(&kind)
                .then(|| (NodeId::new(id), Relation::new(schema, name)))
        };
        Ok(nodes.filter_map(relation).collect())
    }

    /// The name of the profile's target.
    pub fn target_name(&self) -> &str {
        &self.shared.target.name
    }

    /// dbt's `manifest.json` (version 12).
    pub fn manifest(&self) -> Value {
        let manifest = manifest::Manifest {
            project: self,
            compiled: &CompiledSql::new(),
            has_run: false,
        };
        serde_json::to_value(manifest).expect("a manifest is plain data")
    }

    /// `semantic_manifest.json`, as MetricFlow reads it.
    pub fn semantic_manifest(&self) -> Value {
        manifest::semantic(self)
    }

    /// `forebay.json`: nodes that dbt does not know. None: the project has none.
    pub fn own_manifest(&self) -> Option<Value> {
        manifest::own(self)
    }

    /// What the manifest says of a node.
    pub fn entry(&self, id: &NodeId) -> Option<Value> {
        manifest::of_node(self, id)
    }

    /// Writes the manifest, at a fraction of the value's memory, with the SQL of nodes that have been compiled;
    /// `has_run` says whether the project's hooks have run by then.
    pub fn write_manifest(
        &self,
        to: &mut dyn Write,
        compiled: &CompiledSql<'_>,
        has_run: bool,
    ) -> std::io::Result<()> {
        let manifest = manifest::Manifest {
            project: self,
            compiled,
            has_run,
        };
        Ok(serde_json::to_writer(to, &manifest)?)
    }
}

fn is_yaml_snapshot(node: &Node) -> bool {
    let is_sql = node
        .location
        .file
        .extension()
        .is_some_and(|end| end == "sql");
    node.resource_type() == ResourceType::Snapshot && !is_sql
}

/// `version: 1` may stand on top of our own files.
pub(crate) fn yaml_version(fields: &mut yaml::Fields<'_>) {
    if fields.whole("version").is_some_and(|version| version != 1) {
        let message = format!("only version 1 of {} is known", fields.what);
        fields.error(message, fields.at("version"));
    }
}
