//! A common table expression that is read more than once and whose rows are other ones each time (`random()`,
//! `gen_random_uuid()`) is computed once a query, as in PostgreSQL and DuckDB. The planner lays its plan into the query at
//! each name. All others stay so: there each reader can be given its own columns and filters.

mod rows;

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

use rows::Once;

use super::in_turn::in_turn;
use crate::dialect::folded;
pub(super) use rows::tie;

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
        readers: Vec::new(),
        is_volatile: false,
    };
    plan.visit_with_subqueries(&mut found)?;
    if !found.is_volatile {
        return Ok(plan);
    }
    let mut shared: Vec<Expression> = Vec::new();
    for named in found.readers {
        match shared.iter_mut().find(|known| known.is(&named)) {
            Some(known) => known.readers += 1,
            None if is_its_own(&named)? => shared.push(Expression {
                named,
                readers: 1,
                table: None,
            }),
            None => (),
        }
    }
    shared.retain(|expression| expression.readers > 1);
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

/// Where the names are read. Other rows can have such a name too, as the alias of a table.
struct Found<'a> {
    names: &'a HashSet<String>,
    readers: Vec<SubqueryAlias>,
    is_volatile: bool,
}

impl<'n> TreeNodeVisitor<'n> for Found<'_> {
    type Node = LogicalPlan;

    fn f_down(&mut self, plan: &'n LogicalPlan) -> Result<TreeNodeRecursion> {
        if let LogicalPlan::SubqueryAlias(named) = plan
            && let TableReference::Bare { table } = &named.alias
            && self.names.contains(table.as_ref())
        {
            self.readers.push(named.clone());
        }
        self.is_volatile = self.is_volatile || computes_anew(plan);
        Ok(TreeNodeRecursion::Continue)
    }
}

struct Expression {
    named: SubqueryAlias,
    readers: usize,
    table: Option<Arc<Shared>>,
}

impl Expression {
    fn is(&self, named: &SubqueryAlias) -> bool {
        self.named == *named
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

/// Whether the rows are others each time, and no one else's matter.
fn is_its_own(named: &SubqueryAlias) -> Result<bool> {
    let mut rows = Rows::default();
    named.input.visit_with_subqueries(&mut rows)?;
    Ok(rows.are_volatile && !rows.are_of_reader)
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
struct Shared {
    id: usize,
    schema: SchemaRef,
    plan: LogicalPlan,
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
        if session.config().target_partitions() == 1 {
            rows = in_turn(rows)?;
        }
        let rows: Arc<dyn ExecutionPlan> = Arc::new(Once::new(self.id, rows));
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
