//! OpenLineage's `columnLineage` facet, version 1-2-0.

use indexmap::IndexMap;
use serde_json::{Value, json};

use super::{ColumnLineage, Edge};

const SCHEMA: &str = "https://openlineage.io/spec/facets/1-2-0/ColumnLineageDatasetFacet.json";

/// The facet of a statement's lineage, to be set on the dataset that it writes.
///
/// `dataset_of` gives the OpenLineage namespace and name of a relation; `producer` is the URI of the
/// code that made the facet. Of outputs that share a name, which no table has, the first stays.
pub fn facet(
    lineage: &ColumnLineage,
    producer: &str,
    dataset_of: impl Fn(&str) -> (String, String),
) -> Value {
    let mut fields = serde_json::Map::new();
    for output in &lineage.outputs {
        let inputs = input_fields(&output.inputs, &dataset_of);
        fields
            .entry(&output.name)
            .or_insert_with(|| json!({ "inputFields": inputs }));
    }
    let mut facet = json!({
        "_producer": producer,
        "_schemaURL": SCHEMA,
        "fields": fields,
    });
    if !lineage.dataset.is_empty() {
        facet["dataset"] = Value::Array(input_fields(&lineage.dataset, &dataset_of));
    }
    facet
}

/// One input field for each column that is read, with every way in which it takes part.
fn input_fields(edges: &[Edge], dataset_of: &impl Fn(&str) -> (String, String)) -> Vec<Value> {
    let mut by_column: IndexMap<(&str, &str), Vec<Value>> = IndexMap::new();
    for edge in edges {
        by_column
            .entry((&edge.table, &edge.column))
            .or_default()
            .push(transformation(edge));
    }
    let field = |((table, column), transformations): ((&str, &str), Vec<Value>)| {
        let (namespace, name) = dataset_of(table);
        json!({
            "namespace": namespace,
            "name": name,
            "field": column,
            "transformations": transformations,
        })
    };
    by_column.into_iter().map(field).collect()
}

fn transformation(edge: &Edge) -> Value {
    json!({
        "type": edge.kind.as_str(),
        "subtype": edge.subtype.as_str(),
        "description": "",
        "masking": edge.masking,
    })
}
