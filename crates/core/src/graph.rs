//! The graph: every resource of a project and its edges.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::contract::{Constraint, Contract};
use crate::diagnostic::{Location, Severity};
use crate::duration::Span;
use crate::export::Export;
use crate::exposure::Exposure;
use crate::incremental::Incremental;
use crate::ingest::Ingest;
use crate::ml::{FeatureService, FeatureView, InferenceService, Monitor, TrainingJob};
use crate::name::{NodeId, Relation};
use crate::resource::ResourceType;
use crate::semantic::{Metric, SavedQuery, SemanticModel};
use crate::unit_test::UnitTest;

/// One resource of the project.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Node {
    pub id: NodeId,
    pub name: String,
    /// The dbt package (or the project itself) that defines it.
    pub package: String,
    pub location: Location,
    /// Package, folders, name: what `path:`-less folder selection matches.
    pub fqn: Vec<String>,
    pub tags: Vec<String>,
    /// The group of resources that it belongs to, and whose private models it may read.
    pub group: Option<String>,
    pub description: String,
    pub columns: IndexMap<String, Column>,
    /// The table or view that it is or fills, where it has one.
    pub relation: Option<Relation>,
    /// Direct parents.
    pub depends_on: Vec<NodeId>,
    pub spec: Spec,
}

impl Node {
    pub fn resource_type(&self) -> ResourceType {
        self.spec.resource_type()
    }
}

/// A documented or declared column.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    pub description: String,
    pub data_type: Option<String>,
    /// The name has to be quoted in SQL; None where the project does not say.
    pub quote: Option<bool>,
    pub constraints: Vec<Constraint>,
    pub tags: Vec<String>,
    pub meta: serde_json::Map<String, serde_json::Value>,
    /// How fine a time is, such as `day`.
    pub granularity: Option<String>,
    /// What else is written of it, as it is: the manifest shows it.
    #[serde(skip)]
    pub further: serde_json::Map<String, serde_json::Value>,
    /// Where its type is written, or else its name.
    #[serde(skip)]
    pub at: Option<Location>,
    /// The blocks of docs that its description takes in.
    #[serde(skip)]
    pub docs: Vec<String>,
}

/// What a node is made of, by kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "resource_type", rename_all = "snake_case")]
pub enum Spec {
    Source(Source),
    Seed(Seed),
    Model(Model),
    Snapshot(Snapshot),
    Test(Test),
    UnitTest(UnitTest),
    Analysis(Analysis),
    Function(Function),
    Exposure(Exposure),
    SemanticModel(SemanticModel),
    Metric(Metric),
    SavedQuery(SavedQuery),
    FeatureView(FeatureView),
    FeatureService(FeatureService),
    TrainingJob(Box<TrainingJob>),
    RegisteredModel,
    InferenceService(InferenceService),
    Monitor(Monitor),
}

impl Spec {
    pub fn resource_type(&self) -> ResourceType {
        match self {
            Spec::Source(_) => ResourceType::Source,
            Spec::Seed(_) => ResourceType::Seed,
            Spec::Model(_) => ResourceType::Model,
            Spec::Snapshot(_) => ResourceType::Snapshot,
            Spec::Test(_) => ResourceType::Test,
            Spec::UnitTest(_) => ResourceType::UnitTest,
            Spec::Analysis(_) => ResourceType::Analysis,
            Spec::Function(_) => ResourceType::Function,
            Spec::Exposure(_) => ResourceType::Exposure,
            Spec::SemanticModel(_) => ResourceType::SemanticModel,
            Spec::Metric(_) => ResourceType::Metric,
            Spec::SavedQuery(_) => ResourceType::SavedQuery,
            Spec::FeatureView(_) => ResourceType::FeatureView,
            Spec::FeatureService(_) => ResourceType::FeatureService,
            Spec::TrainingJob(_) => ResourceType::TrainingJob,
            Spec::RegisteredModel => ResourceType::RegisteredModel,
            Spec::InferenceService(_) => ResourceType::InferenceService,
            Spec::Monitor(_) => ResourceType::Monitor,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Source {
    pub source_name: String,
    /// Present where an `ingest/*.yml` fills the table.
    pub ingest: Option<Ingest>,
    pub loaded_at_field: Option<String>,
    pub freshness: Option<Freshness>,
}

/// How old the newest row may be.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Freshness {
    pub warn_after: Option<Span>,
    pub error_after: Option<Span>,
    pub filter: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seed {
    pub column_types: IndexMap<String, String>,
    pub delimiter: char,
    /// Names of columns are as the header has them, with blanks around them.
    pub quote_columns: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Model {
    pub materialized: Materialized,
    pub language: Language,
    /// The file's text, Jinja and all.
    pub raw_sql: String,
    pub contract: Contract,
    pub access: Access,
    /// Of a model that has several versions.
    pub version: Option<Version>,
    /// As it is written; after that day the model may go.
    pub deprecation_date: Option<String>,
}

impl Model {
    /// Without anything that a property file may add.
    pub fn new(materialized: Materialized, raw_sql: impl Into<String>) -> Self {
        Self {
            materialized,
            language: Language::Sql,
            raw_sql: raw_sql.into(),
            contract: Contract::default(),
            access: Access::default(),
            version: None,
            deprecation_date: None,
        }
    }
}

/// What a model is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Language {
    #[default]
    Sql,
    Python,
}

impl Language {
    pub fn as_str(self) -> &'static str {
        match self {
            Language::Sql => "sql",
            Language::Python => "python",
        }
    }
}

/// Who may refer to a model: its group, its package, or everybody.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Access {
    Private,
    #[default]
    Protected,
    Public,
}

impl Access {
    pub fn as_str(self) -> &'static str {
        match self {
            Access::Private => "private",
            Access::Protected => "protected",
            Access::Public => "public",
        }
    }
}

/// Which version of its model a node is, and which one a `ref` without a version means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    pub v: String,
    pub latest: String,
}

impl Version {
    pub fn is_latest(&self) -> bool {
        self.v == self.latest
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "materialized", rename_all = "snake_case")]
pub enum Materialized {
    Table,
    View,
    Ephemeral,
    Incremental(Incremental),
    /// A table, and a file with its rows.
    External(Export),
    /// By the macros of a materialisation: one of the project's own, or a built-in one of whose macros
    /// the project has its own.
    Custom {
        name: String,
    },
}

impl Materialized {
    pub fn as_str(&self) -> &str {
        match self {
            Materialized::Table => "table",
            Materialized::View => "view",
            Materialized::Ephemeral => "ephemeral",
            Materialized::Incremental(_) => "incremental",
            Materialized::External(_) => "external",
            Materialized::Custom { name } => name,
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    pub raw_sql: String,
    pub unique_key: Vec<String>,
    pub strategy: SnapshotStrategy,
    pub hard_deletes: HardDeletes,
    /// SQL for the end of a version that is still valid; null where there is none.
    pub valid_to_current: Option<String>,
    pub names: SnapshotNames,
}

/// What the columns are called that a snapshot adds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotNames {
    pub scd_id: String,
    pub updated_at: String,
    pub valid_from: String,
    pub valid_to: String,
    /// Only there with [`HardDeletes::NewRecord`].
    pub is_deleted: String,
}

impl Default for SnapshotNames {
    fn default() -> Self {
        Self {
            scd_id: "dbt_scd_id".into(),
            updated_at: "dbt_updated_at".into(),
            valid_from: "dbt_valid_from".into(),
            valid_to: "dbt_valid_to".into(),
            is_deleted: "dbt_is_deleted".into(),
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "strategy", rename_all = "snake_case")]
pub enum SnapshotStrategy {
    Timestamp {
        updated_at: String,
    },
    /// An empty list means all columns.
    Check {
        columns: Vec<String>,
        /// When a row changed; else the time of the run.
        updated_at: Option<String>,
    },
    /// By a macro of the project, which says it in SQL when it runs.
    Custom {
        name: String,
    },
}

/// SQL that a strategy of the project's own gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotTerms {
    pub unique_key: Vec<String>,
    /// When a row of the query changed.
    pub updated_at: String,
    /// Whether a row of the query is another version than the one that the snapshot has.
    pub row_changed: String,
    /// Names one version of one key.
    pub scd_id: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HardDeletes {
    #[default]
    Ignore,
    /// A row that is gone ends its version.
    Invalidate,
    /// It ends its version, and begins one that says that it is deleted.
    NewRecord,
}

/// SQL that is compiled and never run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Analysis {
    pub raw_sql: String,
}

/// A function of the database: SQL with its parameters' names in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Function {
    pub raw_sql: String,
}

/// A data test: a query whose rows are failures.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Test {
    /// `not_null`, `unique`, ... for generic tests; None for singular ones.
    pub generic: Option<String>,
    /// The node that a generic test is declared on.
    pub attached: Option<NodeId>,
    pub column: Option<String>,
    /// Jinja text that renders to the query of failing rows.
    pub raw_sql: String,
    pub severity: Severity,
    /// Such as `!=0` or `>10`.
    pub warn_if: String,
    pub error_if: String,
    /// Aggregate over the failing rows that the thresholds speak of.
    pub fail_calc: String,
    pub limit: Option<u64>,
    /// What keeps the failing rows, if anything does.
    pub store_failures: Option<KeptAs>,
}

/// How failing rows of a test are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptAs {
    Table,
    /// They are looked for again by whoever reads it.
    View,
}

/// Every node of a project, in the order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Graph {
    pub project: String,
    pub nodes: BTreeMap<NodeId, Node>,
}

impl Graph {
    pub fn get(&self, id: &NodeId) -> Option<&Node> {
        self.nodes.get(id)
    }

    /// The node that fills the relation.
    pub fn by_relation(&self, relation: &Relation) -> Option<&Node> {
        self.nodes
            .values()
            .find(|node| node.relation.as_ref() == Some(relation))
    }

    /// The first node of that kind and name.
    pub fn find(&self, kind: ResourceType, name: &str) -> Option<&Node> {
        self.nodes
            .values()
            .find(|node| node.resource_type() == kind && node.name == name)
    }

    /// Direct children of every node.
    pub fn children(&self) -> BTreeMap<&NodeId, Vec<&NodeId>> {
        let mut children: BTreeMap<&NodeId, Vec<&NodeId>> = BTreeMap::new();
        for node in self.nodes.values() {
            for parent in &node.depends_on {
                children.entry(parent).or_default().push(&node.id);
            }
        }
        children
    }

    /// All ancestors, or up to `depth` steps away; the node itself is not among them.
    pub fn ancestors(&self, id: &NodeId, depth: Option<usize>) -> BTreeSet<NodeId> {
        walk(id, depth, |id| match self.get(id) {
            Some(node) => node.depends_on.iter().collect(),
            None => Vec::new(),
        })
    }

    /// All descendants, or up to `depth` steps away; the node itself is not among them.
    pub fn descendants(&self, id: &NodeId, depth: Option<usize>) -> BTreeSet<NodeId> {
        let children = self.children();
        walk(id, depth, |id| {
            children.get(id).cloned().unwrap_or_default()
        })
    }

    /// The nodes, parents first; ties in the order of ids. `Err` names the nodes of one cycle.
    pub fn topological(&self) -> Result<Vec<&Node>, Vec<NodeId>> {
        let children = self.children();
        let mut waiting: BTreeMap<&NodeId, usize> = self
            .nodes
            .values()
            .map(|node| {
                let known = node
                    .depends_on
                    .iter()
                    .filter(|p| self.nodes.contains_key(*p));
                (&node.id, known.count())
            })
            .collect();
        let mut ready: BTreeSet<&NodeId> = waiting
            .iter()
            .filter(|(_, n)| **n == 0)
            .map(|(id, _)| *id)
            .collect();
        let mut order = Vec::with_capacity(self.nodes.len());
        while let Some(id) = ready.pop_first() {
            waiting.remove(id);
            order.push(&self.nodes[id]);
            for child in children.get(id).into_iter().flatten() {
                if let Some(n) = waiting.get_mut(*child) {
                    *n -= 1;
                    if *n == 0 {
                        ready.insert(child);
                    }
                }
            }
        }
        match waiting.keys().next() {
            None => Ok(order),
            Some(start) => Err(self.cycle(start, &waiting)),
        }
    }

    /// Every waiting node has a waiting parent, so walking up must meet a node twice.
    fn cycle(&self, start: &NodeId, waiting: &BTreeMap<&NodeId, usize>) -> Vec<NodeId> {
        let mut path: Vec<&NodeId> = vec![start];
        loop {
            let last = path[path.len() - 1];
            let parent = self.nodes[last]
                .depends_on
                .iter()
                .find(|parent| waiting.contains_key(parent))
                .expect("a node that never became ready waits for a parent");
            if let Some(at) = path.iter().position(|id| *id == parent) {
                let mut cycle: Vec<NodeId> = path[at..].iter().map(|id| (*id).clone()).collect();
                cycle.reverse();
                return cycle;
            }
            path.push(parent);
        }
    }
}

fn walk<'a>(
    start: &'a NodeId,
    depth: Option<usize>,
    next: impl Fn(&'a NodeId) -> Vec<&'a NodeId>,
) -> BTreeSet<NodeId> {
    let mut seen = BTreeSet::new();
    let mut queue = VecDeque::from([(start, 0)]);
    while let Some((id, distance)) = queue.pop_front() {
        if depth.is_some_and(|depth| distance >= depth) {
            continue;
        }
        for neighbour in next(id) {
            if seen.insert(neighbour.clone()) {
                queue.push_back((neighbour, distance + 1));
            }
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &[&str])]) -> Graph {
        let nodes = edges.iter().map(|(name, parents)| {
            let id = NodeId::new(name);
            let node = Node {
                id: id.clone(),
                name: (*name).to_owned(),
                package: "p".into(),
                location: Location::default(),
                fqn: vec![],
                tags: vec![],
                group: None,
                description: String::new(),
                columns: IndexMap::new(),
                relation: None,
                depends_on: parents.iter().map(NodeId::new).collect(),
                spec: Spec::RegisteredModel,
            };
            (id, node)
        });
        Graph {
            project: "p".into(),
            nodes: nodes.collect(),
        }
    }

    #[test]
    fn parents_come_first() {
        let g = graph(&[("a", &["c"]), ("b", &[]), ("c", &["b"])]);
        let order: Vec<_> = g
            .topological()
            .unwrap()
            .iter()
            .map(|n| n.name.as_str())
            .collect();
        assert_eq!(order, ["b", "c", "a"]);
        assert_eq!(g.ancestors(&NodeId::new("a"), Some(1)).len(), 1);
        assert_eq!(g.descendants(&NodeId::new("b"), None).len(), 2);
    }

    #[test]
    fn a_cycle_is_named_without_what_hangs_below_it() {
        let g = graph(&[("a", &["b"]), ("b", &["a"]), ("under", &["a"])]);
        let mut cycle = g.topological().unwrap_err();
        cycle.sort();
        assert_eq!(cycle, [NodeId::new("a"), NodeId::new("b")]);
    }
}
