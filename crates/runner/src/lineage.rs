//! Column lineage of a project: what every model's columns come from, before any data is there.

use std::collections::BTreeMap;

use forebay_core::graph::{Language, Spec};
use forebay_core::{Diagnostic, Graph, Node, NodeId, Relation};
use forebay_lake::Lake;
use forebay_lake::lineage::{ColumnLineage, Schemas, column_lineage};
use forebay_project::{CompileState, Project};

use crate::compile::compile;

/// What is known of a project's columns.
pub struct ProjectLineage {
    /// Lineage of every node that has a query, by node.
    pub nodes: BTreeMap<NodeId, ColumnLineage>,
    /// Queries that could not be resolved, and why.
    pub problems: Vec<(NodeId, Diagnostic)>,
    pub schemas: Schemas,
}

/// Goes through the graph parents first; each node's output columns are the inputs of its children.
///
/// Columns of sources and seeds come from the lake where the table is there, else from their
/// declarations.
pub async fn of_project(
    project: &Project,
    lake: Option<&Lake>,
) -> Result<ProjectLineage, Diagnostic> {
    let mut found = ProjectLineage {
        nodes: BTreeMap::new(),
        problems: Vec::new(),
        schemas: Schemas(BTreeMap::new()),
    };
    let order = project.graph.topological().map_err(|cycle| {
        let names: Vec<&str> = cycle.iter().map(NodeId::as_str).collect();
        Diagnostic::error(format!(
            "these nodes depend on each other: {}",
            names.join(" -> ")
        ))
    })?;
    for node in order {
        let known = match lake {
            Some(lake) => stored_columns(lake, node).await?,
            None => None,
        };
        match query(project, lake, node).await {
            Some(Ok(sql)) => {
                let sql = forebay_lake::local(&sql, project.database());
                found.resolve(node, &sql, known).await;
            }
            Some(Err(problem)) => found.problems.push((node.id.clone(), problem)),
            None => found.declare(node, known),
        }
    }
    Ok(found)
}

impl ProjectLineage {
    async fn resolve(&mut self, node: &Node, sql: &str, known: Option<Vec<(String, String)>>) {
        match column_lineage(sql, &self.schemas).await {
            Ok(lineage) => {
                let columns = known.unwrap_or_else(|| outputs(&lineage));
                self.enter(node, columns);
                self.nodes.insert(node.id.clone(), lineage);
            }
            Err(problem) => {
                self.problems.push((node.id.clone(), problem));
                self.declare(node, known);
            }
        }
    }

    fn declare(&mut self, node: &Node, known: Option<Vec<(String, String)>>) {
        let declared = || {
            let columns = node.columns.values();
            columns
                .map(|column| {
                    let data_type = column.data_type.clone();
                    (
                        column.name.clone(),
                        data_type.unwrap_or_else(|| "text".to_owned()),
                    )
                })
                .collect()
        };
        let columns: Vec<(String, String)> = known.unwrap_or_else(declared);
        if !columns.is_empty() {
            self.enter(node, columns);
        }
    }

    fn enter(&mut self, node: &Node, columns: Vec<(String, String)>) {
        if let Some(relation) = &node.relation {
            self.schemas.0.insert(relation.to_string(), columns);
        }
    }
}

/// The names of a query's columns. Lineage follows names; no type decides where a column comes from.
fn outputs(lineage: &ColumnLineage) -> Vec<(String, String)> {
    let name = |output: &forebay_lake::lineage::Output| (output.name.clone(), "text".to_owned());
    lineage.outputs.iter().map(name).collect()
}

/// The query of a node that has one.
async fn query(
    project: &Project,
    lake: Option<&Lake>,
    node: &Node,
) -> Option<Result<String, Diagnostic>> {
    match &node.spec {
        Spec::Model(model) if model.language == Language::Python => None,
        Spec::Model(_) | Spec::Snapshot(_) => {
            Some(compile(project, lake, &node.id, CompileState::default()).await)
        }
        Spec::FeatureView(view) => {
            let source = project.graph.get(&view.source)?.relation.as_ref()?;
            Some(forebay_ml::feature_view::sql(node, view, source))
        }
        _ => None,
    }
}

async fn stored_columns(
    lake: &Lake,
    node: &Node,
) -> Result<Option<Vec<(String, String)>>, Diagnostic> {
    let Some(relation) = &node.relation else {
        return Ok(None);
    };
    let info = lake.info(relation).await?;
    Ok(info.map(|info| {
        let fields = info.schema.fields().iter();
        fields
            .map(|field| (field.name().clone(), sql_type(field.data_type())))
            .collect()
    }))
}

/// The SQL name of a column type, as declarations write it.
pub fn sql_type(data_type: &arrow::datatypes::DataType) -> String {
    use arrow::datatypes::DataType::{Decimal128, Decimal256, LargeList, List};
    match data_type {
        Decimal128(..) | Decimal256(..) => "numeric".to_owned(),
        List(_) | LargeList(_) => "text[]".to_owned(),
        other => forebay_lake::sql_type(other),
    }
}

/// The facet of one node, as OpenLineage has it; datasets are named as the events name them.
pub fn facet(graph: &Graph, namespace: &str, lineage: &ColumnLineage) -> serde_json::Value {
    forebay_lake::lineage::facet(lineage, crate::openlineage::PRODUCER, |table: &str| {
        // A table that no node fills is named as the query writes it.
        let name = Relation::parse(table)
            .and_then(|relation| graph.by_relation(&relation))
            .and_then(|node| node.relation.as_ref())
            .map_or_else(|| table.to_owned(), Relation::to_string);
        (namespace.to_owned(), name)
    })
}
