//! `semantic_manifest.json`: the semantic layer as MetricFlow reads it, out of the manifest's own entries.

use forebay_core::{Node, ResourceType};
use serde_json::{Map, Value as Json, json};

use super::of_node;
use crate::Project;

/// The version of dbt's semantic interfaces whose form this is.
const VERSION: [&str; 3] = ["0", "9", "0"];

const MODEL: &[&str] = &[
    "name",
    "defaults",
    "description",
    "node_relation",
    "primary_entity",
    "entities",
    "measures",
    "dimensions",
    "label",
    "metadata",
];
const METRIC: &[&str] = &[
    "name",
    "description",
    "type",
    "type_params",
    "filter",
    "metadata",
    "label",
    "time_granularity",
];
const QUERY: &[&str] = &[
    "name",
    "query_params",
    "description",
    "metadata",
    "label",
    "exports",
    "tags",
];

pub(crate) fn semantic(project: &Project) -> Json {
    let [major, minor, patch] = VERSION;
    json!({
        "semantic_models": all(project, ResourceType::SemanticModel, MODEL, true),
        "metrics": all(project, ResourceType::Metric, METRIC, true),
        "project_configuration": {
            "time_spine_table_configurations": [],
            "metadata": null,
            "dsi_package_version": {"major_version": major, "minor_version": minor, "patch_version": patch},
            "time_spines": spines(project),
        },
        "saved_queries": all(project, ResourceType::SavedQuery, QUERY, false),
    })
}

fn all(project: &Project, kind: ResourceType, keys: &[&str], config: bool) -> Vec<Json> {
    let nodes = project.graph.nodes.values();
    let nodes = nodes.filter(|node| node.resource_type() == kind);
    let shown = nodes.filter_map(|node| {
        let written = of_node(project, &node.id)?;
        let pick = |key: &&str| ((*key).to_owned(), written[*key].clone());
        let mut shown: Map<String, Json> = keys.iter().map(pick).collect();
        if config {
            shown.insert("config".into(), json!({"meta": written["config"]["meta"]}));
        }
        Some(shown.into())
    });
    shown.collect()
}

/// Models that say which of their columns is time itself.
fn spines(project: &Project) -> Vec<Json> {
    let spine = |node: &Node| {
        let spine = &project.details.get(&node.id)?.time_spine;
        let name = spine["standard_granularity_column"].as_str()?;
        let relation = node.relation.as_ref()?;
        let granularity = node.columns.get(name)?.granularity.as_ref();
        let custom = spine["custom_granularities"].as_array();
        Some(json!({
            "node_relation": {
                "alias": relation.name,
                "schema_name": relation.schema,
                "database": project.database(),
                "relation_name": project.written(node),
            },
            "primary_column": {"name": name, "time_granularity": granularity},
            "custom_granularities": custom.cloned().unwrap_or_default(),
        }))
    };
    project.graph.nodes.values().filter_map(spine).collect()
}
