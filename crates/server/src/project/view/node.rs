//! `/node/<id>`, with the lineage of a column where one is asked for.

use std::collections::{BTreeMap, BTreeSet};

use forebay_core::{Diagnostic, NodeId, Relation, ResourceType, Spec};
use forebay_lake::lineage::{Kind, Subtype};
use forebay_project::CompileState;
use forebay_runner::lineage::{self, ProjectLineage, sql_type};
use forebay_runner::{Workspace, compile};
use forebay_ui::chart::{ColumnBox, ColumnEdge};
use forebay_ui::page::{ColumnLineage, ColumnRow, Node};

const FAILING_ROWS: usize = 50;

/// None where no node has the id.
pub async fn node(
    workspace: &Workspace,
    id: &str,
    column: Option<&str>,
) -> Result<Option<Node>, Diagnostic> {
    let id = NodeId::new(id);
    let Some(mut page) = Node::of(workspace.graph(), &id) else {
        return Ok(None);
    };
    let latest = super::latest(workspace)?;
    page.last_run = latest.get(&id).and_then(|run| {
        let status = super::status(run.status);
        Some((
            status,
            run.finished_ms?,
            run.message.clone(),
            run.invocation_id.clone(),
        ))
    });
    page.tests = super::tests_of(workspace.graph(), &id, &latest);
    add_columns(workspace, &mut page).await?;
    page.compiled_sql = compiled(workspace, &id).await;
    if let Some(Spec::Test(_)) = workspace.graph().get(&id).map(|node| &node.spec) {
        page.failing_rows = failing_rows(workspace, page.compiled_sql.as_deref()).await;
    }
    if let Some(column) = column {
        let found = lineage::of_project(&workspace.project, Some(&workspace.lake)).await?;
        page.lineage = Trace::new(workspace, &found).of(&id, column);
    }
    Ok(Some(page))
}

/// Columns as stored, with the descriptions as declared.
async fn add_columns(workspace: &Workspace, page: &mut Node) -> Result<(), Diagnostic> {
    let Some(relation) = &page.relation else {
        return Ok(());
    };
    if let Some(info) = workspace.lake.info(relation).await? {
        let declared: BTreeMap<String, String> = page
            .columns
            .drain(..)
            .map(|column| (column.name, column.description))
            .collect();
        let row = |field: &std::sync::Arc<arrow::datatypes::Field>| ColumnRow {
            name: field.name().clone(),
            data_type: Some(sql_type(field.data_type())),
            description: declared.get(field.name()).cloned().unwrap_or_default(),
        };
        page.columns = info.schema.fields().iter().map(row).collect();
    }
    Ok(())
}

async fn compiled(workspace: &Workspace, id: &NodeId) -> Option<String> {
    let node = workspace.graph().get(id)?;
    if !matches!(
        node.spec,
        Spec::Model(_) | Spec::Test(_) | Spec::Snapshot(_)
    ) {
        return None;
    }
    let (project, lake) = (&workspace.project, &workspace.lake);
    compile(project, Some(lake), id, CompileState::default())
        .await
        .ok()
}

/// A test that cannot run has no rows to show; its last run says why.
async fn failing_rows(workspace: &Workspace, sql: Option<&str>) -> Option<forebay_ui::page::Grid> {
    let rows = workspace.lake.query(sql?).await.ok()?;
    super::grid(rows, FAILING_ROWS).await.ok()
}

type Column = (NodeId, String);

/// From a column to one that it goes into.
struct Step {
    from: Column,
    to: Column,
    direct: bool,
    subtype: Subtype,
}

impl Step {
    /// Whether the value itself, or a choice made by it (`case when delay > 15 ...`), goes on. What
    /// a join or a filter decides is decided for whole rows and would lead everywhere.
    fn carries(&self) -> bool {
        self.direct || self.subtype == Subtype::Conditional
    }
}

/// Follows one column through the project, both ways.
struct Trace<'a> {
    workspace: &'a Workspace,
    steps: Vec<Step>,
}

impl<'a> Trace<'a> {
    fn new(workspace: &'a Workspace, found: &ProjectLineage) -> Self {
        let mut steps: Vec<Step> = Vec::new();
        for (id, lineage) in &found.nodes {
            for output in &lineage.outputs {
                for edge in &output.inputs {
                    let filled = Relation::parse(&edge.table)
                        .and_then(|relation| workspace.graph().by_relation(&relation));
                    let Some(parent) = filled else { continue };
                    steps.push(Step {
                        from: (parent.id.clone(), edge.column.clone()),
                        to: (id.clone(), output.name.clone()),
                        direct: edge.kind == Kind::Direct,
                        subtype: edge.subtype,
                    });
                }
            }
        }
        // A value that goes there is enough to say; that it also decides there adds nothing.
        steps.sort_by(|a, b| (&a.from, &a.to, !a.direct).cmp(&(&b.from, &b.to, !b.direct)));
        steps.dedup_by(|later, first| later.from == first.from && later.to == first.to);
        Self { workspace, steps }
    }

    fn of(&self, id: &NodeId, column: &str) -> Option<ColumnLineage> {
        let focus: Column = (id.clone(), column.to_owned());
        let mut shown = self.reach(&focus, |step| (&step.to, &step.from));
        shown.extend(self.reach(&focus, |step| (&step.from, &step.to)));
        shown.insert(focus.clone());
        // What only decides the column itself is shown, but not followed further.
        let deciding = self.steps.iter().filter(|step| step.to == focus);
        shown.extend(deciding.map(|step| step.from.clone()));
        self.picture(&focus, &shown)
    }

    /// All columns that steps lead to, taken from their first end to their second.
    fn reach(
        &self,
        start: &Column,
        ends: impl Fn(&Step) -> (&Column, &Column),
    ) -> BTreeSet<Column> {
        let mut seen = BTreeSet::new();
        let mut waiting = vec![start.clone()];
        while let Some(at) = waiting.pop() {
            for step in self.steps.iter().filter(|step| step.carries()) {
                let (here, there) = ends(step);
                if *here == at && seen.insert(there.clone()) {
                    waiting.push(there.clone());
                }
            }
        }
        seen
    }

    fn picture(&self, focus: &Column, shown: &BTreeSet<Column>) -> Option<ColumnLineage> {
        let mut boxes: Vec<ColumnBox> = Vec::new();
        let mut places: BTreeMap<&Column, (usize, usize)> = BTreeMap::new();
        for column in shown {
            let node = self.workspace.graph().get(&column.0);
            let id = column.0.to_string();
            let at = match boxes.iter().position(|known| known.node_id == id) {
                Some(at) => at,
                None => {
                    boxes.push(ColumnBox {
                        name: node.map_or_else(|| id.clone(), |node| node.name.clone()),
                        kind: node.map_or(ResourceType::Model, forebay_core::Node::resource_type),
                        node_id: id,
                        columns: Vec::new(),
                    });
                    boxes.len() - 1
                }
            };
            places.insert(column, (at, boxes[at].columns.len()));
            boxes[at].columns.push(column.1.clone());
        }
        let edge = |step: &Step| {
            Some(ColumnEdge {
                from: *places.get(&step.from)?,
                to: *places.get(&step.to)?,
                direct: step.direct,
                how: step.subtype.as_str().to_lowercase().replace('_', " "),
            })
        };
        Some(ColumnLineage {
            column: focus.1.clone(),
            edges: self.steps.iter().filter_map(edge).collect(),
            focus: *places.get(focus)?,
            boxes,
        })
    }
}
