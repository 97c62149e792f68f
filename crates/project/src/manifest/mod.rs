//! dbt's `manifest.json`, version 12, and what stands beside it: the semantic layer, and our own nodes.

mod columns;
mod config;
mod contract;
mod edges;
mod macros;
mod node;
mod operation;
mod resource;
mod semantic;
mod source;
mod unit_test;

use std::collections::HashMap;
use std::path::PathBuf;

use forebay_core::{Node, NodeId, ResourceType};
use serde::ser::{Error, Serialize, SerializeMap, Serializer};
use serde_json::value::to_raw_value;
use serde_json::{Map, Value as Json, json};

pub(crate) use columns::shown_columns;
pub(crate) use config::{default_of, with_defaults};
pub(crate) use macros::reached;
pub(crate) use node::seen_by_templates;
pub(crate) use semantic::semantic;

use crate::cores;
use crate::nodes::Detail;
use crate::{DBT_VERSION, Project};

const SCHEMA: &str = "https://schemas.getdbt.com/dbt/manifest/v12.json";

/// The SQL that nodes have been compiled to, and the file that it is in, from the project's folder.
pub type CompiledSql<'a> = HashMap<&'a NodeId, (&'a str, PathBuf)>;

/// Written section by section and entry by entry: as one value that of 5,000 models took a gigabyte.
pub(crate) struct Manifest<'a> {
    pub project: &'a Project,
    pub compiled: &'a CompiledSql<'a>,
    /// Whether the project's hooks have run: as in dbt they are numbered from one then, else from zero.
    pub has_run: bool,
}

impl Serialize for Manifest<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use ResourceType::{Exposure, Metric, SavedQuery, SemanticModel, Source, UnitTest};
        let project = self.project;
        let section = |kinds| Section::new(project, kinds);
        let operations = operation::all(project, self.has_run);
        let mut all = serializer.serialize_map(None)?;
        all.serialize_entry("metadata", &metadata(project))?;
        let nodes = Section {
            further: operations.into_iter().chain(idle(project)).collect(),
            compiled: Some(self.compiled),
            ..section(NODES)
        };
        all.serialize_entry("nodes", &nodes)?;
        all.serialize_entry("sources", &section(&[Source]))?;
        let macros = match project.macro_entries.get() {
            Some(known) => known,
            None => {
                let made = to_raw_value(&macros::macros(project)).map_err(Error::custom)?;
                project.macro_entries.get_or_init(|| made)
            }
        };
        all.serialize_entry("macros", macros)?;
        all.serialize_entry("docs", &macros::docs(project))?;
        all.serialize_entry("exposures", &section(&[Exposure]))?;
        all.serialize_entry("metrics", &section(&[Metric]))?;
        all.serialize_entry("groups", &resource::groups(project))?;
        let selectors = project.selectors.iter();
        let selectors: Map<String, Json> = selectors
            .map(|selector| (selector.name.clone(), selector.shown.clone()))
            .collect();
        all.serialize_entry("selectors", &selectors)?;
        all.serialize_entry("disabled", &disabled(project))?;
        all.serialize_entry("parent_map", &edges::parents(project))?;
        all.serialize_entry("child_map", &edges::children(project))?;
        all.serialize_entry("group_map", &resource::group_map(project))?;
        all.serialize_entry("saved_queries", &section(&[SavedQuery]))?;
        all.serialize_entry("semantic_models", &section(&[SemanticModel]))?;
        all.serialize_entry("unit_tests", &section(&[UnitTest]))?;
        let functions = Section {
            compiled: Some(self.compiled),
            ..section(&[ResourceType::Function])
        };
        all.serialize_entry("functions", &functions)?;
        all.end()
    }
}

/// The kinds of the section `nodes`.
const NODES: &[ResourceType] = &[
    ResourceType::Model,
    ResourceType::Seed,
    ResourceType::Snapshot,
    ResourceType::Test,
    ResourceType::Analysis,
];

/// What templates see as `graph`.
pub(crate) fn graph(project: &Project) -> Json {
    use ResourceType::{Exposure, Metric, SavedQuery, SemanticModel, Source};
    let section = |kinds: &[ResourceType], further: Map<String, Json>| {
        let nodes = project.graph.nodes.values();
        let nodes = nodes.filter(|node| kinds.contains(&node.resource_type()));
        let shown = |node: &Node| Some((node.id.to_string(), of_node(project, &node.id)?));
        let mut all: Map<String, Json> = nodes.filter_map(shown).collect();
        all.extend(further);
        all
    };
    json!({
        "nodes": section(NODES, operation::all(project, true).into_iter().chain(idle(project)).collect()),
        "sources": section(&[Source], Map::new()),
        "exposures": section(&[Exposure], Map::new()),
        "metrics": section(&[Metric], Map::new()),
        "groups": resource::groups(project),
        "semantic_models": section(&[SemanticModel], Map::new()),
        "saved_queries": section(&[SavedQuery], Map::new()),
    })
}

/// Entries that are held as text at a time.
const AT_ONCE: usize = 1024;

/// The nodes of some kinds, then further entries.
struct Section<'a> {
    project: &'a Project,
    kinds: &'static [ResourceType],
    further: Map<String, Json>,
    compiled: Option<&'a CompiledSql<'a>>,
}

impl<'a> Section<'a> {
    fn new(project: &'a Project, kinds: &'static [ResourceType]) -> Self {
        Self {
            project,
            kinds,
            further: Map::new(),
            compiled: None,
        }
    }
}

impl Serialize for Section<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let project = self.project;
        let nodes = project.graph.nodes.values();
        let nodes = nodes.filter(|node| self.kinds.contains(&node.resource_type()));
        let nodes: Vec<&Node> = nodes.collect();
        let empty = Detail::default();
        let written = |node: &&Node| {
            let detail = project.details.get(&node.id).unwrap_or(&empty);
            let compiled = self.compiled.and_then(|all| all.get(&node.id));
            let compiled = compiled.map(|(sql, file)| (*sql, &**file));
            to_raw_value(&entry(project, node, detail, compiled))
        };
        let mut entries = serializer.serialize_map(None)?;
        for nodes in nodes.chunks(AT_ONCE) {
            for (node, entry) in nodes.iter().zip(cores::map(nodes, written)) {
                let entry = entry.map_err(S::Error::custom)?;
                entries.serialize_entry(node.id.as_str(), &entry)?;
            }
        }
        for (id, entry) in &self.further {
            entries.serialize_entry(id, entry)?;
        }
        entries.end()
    }
}

/// Nodes of a kind that dbt has.
fn is_dbt(kind: ResourceType) -> bool {
    use ResourceType::{FeatureService, FeatureView, InferenceService, Monitor};
    use ResourceType::{RegisteredModel, TrainingJob};
    !matches!(
        kind,
        FeatureService | FeatureView | InferenceService | Monitor | RegisteredModel | TrainingJob
    )
}

#[derive(serde::Serialize)]
#[serde(untagged)]
enum Entry<'a> {
    Node(Box<node::Entry<'a>>),
    Other(Json),
}

fn entry<'a>(
    project: &'a Project,
    node: &'a Node,
    detail: &'a Detail,
    compiled: Option<node::Compiled<'a>>,
) -> Entry<'a> {
    Entry::Other(match node.resource_type() {
        ResourceType::Source => source::entry(project, node, detail),
        ResourceType::UnitTest => unit_test::entry(project, node, detail),
        ResourceType::Exposure
        | ResourceType::Metric
        | ResourceType::SavedQuery
        | ResourceType::SemanticModel => resource::entry(project, node, detail),
        _ => return Entry::Node(Box::new(node::entry(project, node, detail, compiled))),
    })
}

/// What the manifest says of one node.
pub(crate) fn of_node(project: &Project, id: &NodeId) -> Option<Json> {
    let node = project.graph.get(id)?;
    let empty = Detail::default();
    let detail = project.details.get(id).unwrap_or(&empty);
    Some(json!(entry(project, node, detail, None)))
}

/// Tests that do not run, which dbt keeps among the nodes.
fn idle(project: &Project) -> impl Iterator<Item = (String, Json)> {
    project.idle.iter().map(|draft| {
        let mut entry = json!(entry(project, &draft.node, &draft.detail, None));
        entry["config"]["enabled"] = json!(false);
        (draft.node.id.to_string(), entry)
    })
}

/// Nodes that are switched off: their entries by id.
fn disabled(project: &Project) -> Json {
    let mut all: Map<String, Json> = Map::new();
    for draft in &project.disabled {
        let list = all.entry(draft.node.id.to_string()).or_insert(json!([]));
        let mut entry = json!(entry(project, &draft.node, &draft.detail, None));
        entry["config"]["enabled"] = json!(false);
        // As in dbt, one that is not asked for has not been looked at any further.
        if draft.node.resource_type() == ResourceType::UnitTest {
            entry["depends_on"]["nodes"] = json!([]);
            entry["schema"] = Json::Null;
        }
        list.as_array_mut().expect("made above").push(entry);
    }
    all.into()
}

/// Nodes that dbt does not know, for which its schema has no place. None: the project has no such.
pub(crate) fn own(project: &Project) -> Option<Json> {
    let nodes = project.graph.nodes.values();
    let entries = nodes
        .filter(|node| !is_dbt(node.resource_type()))
        .map(|node| {
            let entry = serde_json::to_value(node).expect("a node is plain data");
            (node.id.to_string(), entry)
        });
    let entries: Map<String, Json> = entries.collect();
    (!entries.is_empty()).then(|| json!({"version": 1, "nodes": entries}))
}

fn metadata(project: &Project) -> Json {
    let shared = &project.shared;
    let now = shared
        .now
        .to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
    json!({
        "dbt_schema_version": SCHEMA,
        "dbt_version": DBT_VERSION,
        "generated_at": now,
        "invocation_id": shared.invocation_id,
        "invocation_started_at": now,
        "env": shared.metadata_env(),
        "project_name": project.name,
        "project_id": crate::text::md5(&project.name),
        "user_id": null,
        "send_anonymous_usage_stats": false,
        "adapter_type": shared.target.kind,
        "quoting": shared.quoting.to_json(),
        "run_started_at": now,
    })
}

/// Seconds since 1970.
fn created_at(project: &Project) -> f64 {
    project.shared.now.timestamp_micros() as f64 / 1e6
}

/// With the package: `shop://models/schema.yml`.
fn patch_path(project: &Project, node: &Node, detail: &Detail) -> Option<String> {
    let file = detail.patch_file.as_ref()?;
    // The longest folder: that of the project itself is empty.
    let holds = |package: &&crate::package::Package| {
        package.name == node.package && package.folder.is_empty()
            || !package.folder.is_empty() && file.starts_with(&*package.folder)
    };
    let packages = project.packages.iter().filter(holds);
    // One package may describe what another has.
    let package = packages.max_by_key(|package| package.folder.len());
    let package = package.or(project.packages.first())?;
    Some(format!("{}://{}", package.name, package.path(file)))
}

/// dbt keeps numbers as numbers, where their text is all that they say: `5.0` stays a text.
fn version_json(version: &str) -> Json {
    match version.parse::<f64>() {
        Ok(number) if number.to_string() == version => match version.parse::<i64>() {
            Ok(whole) => whole.into(),
            Err(_) => number.into(),
        },
        _ => version.into(),
    }
}

/// All pairs of several mappings; the later win.
fn join(parts: impl IntoIterator<Item = Json>) -> Json {
    let mut all = Map::new();
    for part in parts {
        if let Json::Object(part) = part {
            all.extend(part);
        }
    }
    Json::Object(all)
}
