//! The project that the README runs.

use std::path::Path;

use forebay_core::{Diagnostics, ResourceType, Spec};
use forebay_project::Project;

use crate::support::{compile, options};

/// What only dbt's other users need.
const NOT_IN_IT: &[ResourceType] = &[
    ResourceType::Function,
    ResourceType::UnitTest,
    ResourceType::Analysis,
    ResourceType::Exposure,
    ResourceType::SemanticModel,
    ResourceType::Metric,
    ResourceType::SavedQuery,
    ResourceType::Operation,
];

#[test]
fn the_flights_project_loads_and_compiles() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/flights");
    let project = match Project::load(&root, options()) {
        Ok(project) => project,
        Err(problems) => panic!("{problems}"),
    };
    assert_eq!(Diagnostics(project.warnings.clone()).to_string(), "");
    let count = |kind| {
        project
            .graph
            .nodes
            .values()
            .filter(|node| node.resource_type() == kind)
            .count()
    };
    assert!(
        count(ResourceType::Model) >= 12,
        "{}",
        count(ResourceType::Model)
    );
    let is_shown = |kind: &&ResourceType| !NOT_IN_IT.contains(kind);
    for kind in ResourceType::ALL.iter().filter(is_shown) {
        assert!(count(*kind) > 0, "no {kind} in the example");
    }
    for node in project.graph.nodes.values() {
        if matches!(
            node.spec,
            Spec::Model(_) | Spec::Snapshot(_) | Spec::Test(_)
        ) {
            let sql = compile(&project, node.id.as_str());
            assert!(!sql.is_empty() && !sql.contains("{{"), "{}: {sql}", node.id);
        }
    }
    assert!(project.graph.topological().is_ok());
}
