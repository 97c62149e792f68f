//! A common table expression that is read more than once is computed once a query, as in PostgreSQL and DuckDB, where its
//! rows are other ones each time (`random()`, `gen_random_uuid()`) or groups of many. The planner lays its plan into the
//! query at each name. All others stay so: there each reader can be given its own columns and filters.

mod rows;
mod spilled;

use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow::datatypes::SchemaRef;
use datafusion::catalog::Session;
use datafusion::common::TableReference;
use datafusion::common::tree_node::{
    Transformed, TransformedResult, TreeNode, TreeNodeRecursion, TreeNodeVisitor,
};
use datafusion::datasource::cte_worktable::CteWorkTable;
use datafusion::datasource::{TableProvider, TableType, provider_as_source, source_as_provider};
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlan, LogicalPlanBuilder, SubqueryAlias};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::expressions::Column;
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::sql::sqlparser::ast::{CteAsMaterialized, Query, Statement, Visit, Visitor};

use super::in_turn::in_turn;
use super::waits;
use crate::dialect::folded;
pub(super) use rows::{Once, tie};

/// The plan of a statement with such expressions as tables of their own.
pub(super) fn settle(
    plan: LogicalPlan,
    statement: &Statement,
    state: &SessionState,
) -> Result<LogicalPlan> {
    let names = names(statement);
    if names.is_empty() {
        return Ok(plan);
    }
    let mut found = Found {
        names: &names,
        expressions: Vec::new(),
    };
    plan.visit_with_subqueries(&mut found)?;
    let mut shared = found.expressions;
    shared.retain(|expression| expression.is_shared == Some(true));
    if shared.is_empty() {
        return Ok(plan);
    }
    Settling { state, shared }.plan(plan)
}

/// The common table expressions of the statement, but for those that are not to be kept.
fn names(statement: &Statement) -> HashSet<String> {
    #[derive(Default)]
    struct Names {
        kept: HashSet<String>,
        others: HashSet<String>,
    }
    impl Visitor for Names {
        type Break = ();

        fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
            for cte in query.with.iter().flat_map(|with| &with.cte_tables) {
                let names = match cte.materialized {
                    Some(CteAsMaterialized::NotMaterialized) => &mut self.others,
                    _ => &mut self.kept,
                };
                names.insert(folded(&cte.alias.name));
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names::default();
    _ = statement.visit(&mut names);
    names.kept.retain(|name| !names.others.contains(name));
    names.kept
}

/// What the names stand for. Other rows can have such a name too, as the alias of a table.
struct Found<'a> {
    names: &'a HashSet<String>,
    expressions: Vec<Expression>,
}

impl<'n> TreeNodeVisitor<'n> for Found<'_> {
    type Node = LogicalPlan;

    fn f_down(&mut self, plan: &'n LogicalPlan) -> Result<TreeNodeRecursion> {
        let LogicalPlan::SubqueryAlias(named) = plan else {
            return Ok(TreeNodeRecursion::Continue);
        };
        let TableReference::Bare { table } = &named.alias else {
            return Ok(TreeNodeRecursion::Continue);
        };
        if !self.names.contains(table.as_ref()) {
            return Ok(TreeNodeRecursion::Continue);
        }
        let known = self.expressions.iter_mut().find(|known| known.is(named));
        let Some(known) = known else {
            self.expressions.push(Expression::new(named));
            return Ok(TreeNodeRecursion::Continue);
        };
        // What a shared one reads is read once by all of its readers.
        Ok(match known.is_shared()? {
            true => TreeNodeRecursion::Jump,
            false => TreeNodeRecursion::Continue,
        })
    }
}

struct Expression {
    named: SubqueryAlias,
    /// Known of those that have a second reader.
    is_shared: Option<bool>,
    table: Option<Arc<Shared>>,
}

impl Expression {
    fn new(named: &SubqueryAlias) -> Self {
        Self {
            named: named.clone(),
            is_shared: None,
            table: None,
        }
    }

    fn is(&self, named: &SubqueryAlias) -> bool {
        self.named == *named
    }

    fn is_shared(&mut self) -> Result<bool> {
        if let Some(known) = self.is_shared {
            return Ok(known);
        }
        let mut rows = Rows::default();
        self.named.input.visit_with_subqueries(&mut rows)?;
        let is_worth = rows.are_volatile || are_groups(&self.named.input);
        let is_shared = is_worth && !rows.are_of_reader;
        self.is_shared = Some(is_shared);
        Ok(is_shared)
    }
}

/// Whether what is answered are groups: far fewer rows than are read for them.
fn are_groups(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Aggregate(_) | LogicalPlan::Distinct(_) => true,
        LogicalPlan::Projection(_)
        | LogicalPlan::Filter(_)
        | LogicalPlan::Sort(_)
        | LogicalPlan::SubqueryAlias(_) => plan.inputs().iter().any(|below| are_groups(below)),
        _ => false,
    }
}

fn computes_anew(plan: &LogicalPlan) -> bool {
    let mut is_volatile = false;
    let walked = plan.apply_expressions(|expr| {
        is_volatile |= expr.is_volatile();
        Ok(match is_volatile {
            true => TreeNodeRecursion::Stop,
            false => TreeNodeRecursion::Continue,
        })
    });
    is_volatile || walked.is_err()
}

struct Settling<'a> {
    state: &'a SessionState,
    shared: Vec<Expression>,
}

impl Settling<'_> {
    fn plan(&mut self, plan: LogicalPlan) -> Result<LogicalPlan> {
        plan.transform_down_with_subqueries(|plan| {
            let LogicalPlan::SubqueryAlias(named) = &plan else {
                return Ok(Transformed::no(plan));
            };
            let Some(at) = self.shared.iter().position(|known| known.is(named)) else {
                return Ok(Transformed::no(plan));
            };
            let table = match &self.shared[at].table {
                Some(known) => Arc::clone(known),
                None => {
                    let rows = self.plan(named.input.as_ref().clone())?;
                    let table = Arc::new(Shared::new(rows, self.state)?);
                    self.shared[at].table = Some(Arc::clone(&table));
                    table
                }
            };
            let source = provider_as_source(table);
            let rows = LogicalPlanBuilder::scan(named.alias.clone(), source, None)?;
            Ok(Transformed::new(
                rows.build()?,
                true,
                TreeNodeRecursion::Jump,
            ))
        })
        .data()
    }
}

/// What the rows of an expression depend on.
#[derive(Default)]
struct Rows {
    are_volatile: bool,
    /// On a row of the query around it, or on the last step of a recursive one.
    are_of_reader: bool,
    /// Within so many subqueries of the expression.
    depth: usize,
}

impl<'n> TreeNodeVisitor<'n> for Rows {
    type Node = LogicalPlan;

    fn f_down(&mut self, plan: &'n LogicalPlan) -> Result<TreeNodeRecursion> {
        self.are_volatile = self.are_volatile || computes_anew(plan);
        match plan {
            LogicalPlan::TableScan(scan) => {
                let table = source_as_provider(&scan.source);
                self.are_of_reader |= table.is_ok_and(|table| table.is::<CteWorkTable>());
            }
            LogicalPlan::Subquery(_) => self.depth += 1,
            _ if self.depth == 0 => self.are_of_reader |= reads_outside(plan)?,
            _ => (),
        }
        Ok(TreeNodeRecursion::Continue)
    }

    fn f_up(&mut self, plan: &'n LogicalPlan) -> Result<TreeNodeRecursion> {
        if let LogicalPlan::Subquery(_) = plan {
            self.depth -= 1;
        }
        Ok(TreeNodeRecursion::Continue)
    }
}

/// Whether an expression of the node, not of its subqueries, reads a row of the query around it.
fn reads_outside(plan: &LogicalPlan) -> Result<bool> {
    let mut reads = false;
    plan.apply_expressions(|expr| {
        expr.apply(|part| {
            reads |= matches!(part, Expr::OuterReferenceColumn(..));
            Ok(match part {
                Expr::ScalarSubquery(_) | Expr::Exists(_) | Expr::InSubquery(_) => {
                    TreeNodeRecursion::Jump
                }
                _ => TreeNodeRecursion::Continue,
            })
        })
    })?;
    Ok(reads)
}

/// The expression as a table.
#[derive(Debug)]
pub(super) struct Shared {
    id: usize,
    schema: SchemaRef,
    pub plan: LogicalPlan,
}

impl Shared {
    fn new(plan: LogicalPlan, state: &SessionState) -> Result<Self> {
        static IDS: AtomicUsize = AtomicUsize::new(0);
        // The types are those that the analysis settles.
        let analyzed =
            state
                .analyzer()
                .execute_and_check(plan.clone(), state.config_options(), |_, _| {})?;
        Ok(Self {
            id: IDS.fetch_add(1, Ordering::Relaxed),
            schema: Arc::clone(analyzed.schema().inner()),
            plan,
        })
    }
}

#[async_trait::async_trait]
impl TableProvider for Shared {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Temporary
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _filters: &[Expr],
        _limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let mut rows = session.create_physical_plan(&self.plan).await?;
        rows = match session.config().target_partitions() {
            1 => in_turn(rows)?,
            _ => waits::without(rows)?,
        };
        let rows: Arc<dyn ExecutionPlan> = Arc::new(Once::new(self.id, rows)?);
        let Some(columns) = projection else {
            return Ok(rows);
        };
        let items = columns.iter().map(|at| {
            let name = self.schema.field(*at).name();
            (Arc::new(Column::new(name, *at)) as _, name.clone())
        });
        Ok(Arc::new(ProjectionExec::try_new(
            items.collect::<Vec<_>>(),
            rows,
        )?))
    }
}
