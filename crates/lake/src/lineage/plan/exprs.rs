//! Plan expressions: what each is derived from, and what steers it.

use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Column as Name, DFSchema};
use datafusion::logical_expr::expr::{AggregateFunction, Case, WindowFunction};
use datafusion::logical_expr::{Expr, Subquery};
use forebay_core::Diagnostic;

use super::super::Subtype::{Conditional, Sort, Transformation, Window};
use super::super::calls::applied;
use super::super::operands::refused;
use super::super::origin::{Column, Origin, Table};
use super::nodes::{Walk, Working};

/// The columns that expressions of one node can name, and those of the queries around it.
pub(super) struct Scope<'a> {
    schema: &'a DFSchema,
    columns: &'a [Column],
    outer: Option<&'a Scope<'a>>,
}

impl<'a> Scope<'a> {
    pub fn new(schema: &'a DFSchema, columns: &'a [Column], outer: Option<&'a Scope<'a>>) -> Self {
        Self {
            schema,
            columns,
            outer,
        }
    }

    fn column(&self, name: &Name) -> Option<Origin> {
        let index = self.schema.maybe_index_of_column(name)?;
        let column = self.columns.get(index)?;
        Some(Origin::clone(&column.origin))
    }

    fn outer_column(&self, name: &Name) -> Option<Origin> {
        let outer = self.outer?;
        outer.column(name).or_else(|| outer.outer_column(name))
    }
}

impl Walk<'_> {
    /// Where the value of an expression comes from.
    pub fn expr(
        &self,
        expr: &Expr,
        scope: &Scope<'_>,
        working: &Working,
    ) -> Result<Origin, Diagnostic> {
        self.deeper(|| self.expr_below(expr, scope, working))
    }

    fn expr_below(
        &self,
        expr: &Expr,
        scope: &Scope<'_>,
        working: &Working,
    ) -> Result<Origin, Diagnostic> {
        match expr {
            Expr::Column(name) => scope
                .column(name)
                .ok_or_else(|| refused(&format!("the column {name} of a plan"))),
            Expr::OuterReferenceColumn(_, name) => scope
                .outer_column(name)
                .ok_or_else(|| refused(&format!("the outer column {name} of a plan"))),
            Expr::Alias(alias) => self.expr(&alias.expr, scope, working),
            Expr::Case(case) => self.case_of(case, scope, working),
            Expr::ScalarFunction(f) => {
                let arguments = self.each(&f.args, scope, working)?;
                Ok(applied(f.name(), &arguments, false))
            }
            Expr::AggregateFunction(f) => self.aggregate_call(f, scope, working),
            Expr::WindowFunction(f) => self.window_call(f, scope, working),
            Expr::Exists(exists) => {
                let table = self.subquery(&exists.subquery, scope, working)?;
                Ok(Origin::steered(table.steering))
            }
            Expr::ScalarSubquery(subquery) => Ok(value(self.subquery(subquery, scope, working)?)),
            Expr::InSubquery(found) => {
                let inner = value(self.subquery(&found.subquery, scope, working)?);
                let left = self.expr(&found.expr, scope, working)?;
                Ok(left.and(&inner).step(Transformation))
            }
            Expr::SetComparison(compared) => {
                let inner = value(self.subquery(&compared.subquery, scope, working)?);
                let left = self.expr(&compared.expr, scope, working)?;
                Ok(left.and(&inner).step(Transformation))
            }
            other => self.operands(other, scope, working),
        }
    }

    /// A value computed from all operands.
    fn operands(
        &self,
        expr: &Expr,
        scope: &Scope<'_>,
        working: &Working,
    ) -> Result<Origin, Diagnostic> {
        let mut children = Vec::new();
        let collected = expr.apply_children(|child| {
            children.push(child.clone());
            Ok(TreeNodeRecursion::Continue)
        });
        collected.map_err(|e| Diagnostic::error(e.strip_backtrace()))?;
        let mut origin = Origin::default();
        for child in &children {
            origin = origin.and(&self.expr(child, scope, working)?);
        }
        Ok(origin.step(Transformation))
    }

    fn case_of(
        &self,
        case: &Case,
        scope: &Scope<'_>,
        working: &Working,
    ) -> Result<Origin, Diagnostic> {
        let results = case.when_then_expr.iter().map(|(_, then)| then);
        let mut origin = Origin::default();
        for result in results.chain(&case.else_expr) {
            origin = origin.and(&self.expr(result, scope, working)?);
        }
        let tests = case
            .when_then_expr
            .iter()
            .map(|(when, _)| when)
            .chain(&case.expr);
        let steering = self.steering(tests.map(Box::as_ref), Conditional, scope, working)?;
        Ok(origin.step(Transformation).steered_by(steering))
    }

    fn aggregate_call(
        &self,
        f: &AggregateFunction,
        scope: &Scope<'_>,
        working: &Working,
    ) -> Result<Origin, Diagnostic> {
        let name = f.func.name();
        // percentiles come with what WITHIN GROUP orders as their first argument
        let arguments = self.each(counted(name, &f.params.args), scope, working)?;
        let order = f.params.order_by.iter().map(|key| &key.expr);
        let filter = f.params.filter.as_deref();
        Ok(applied(name, &arguments, false)
            .steered_by(self.steering(order, Sort, scope, working)?)
            .steered_by(self.steering(filter, Conditional, scope, working)?))
    }

    fn window_call(
        &self,
        f: &WindowFunction,
        scope: &Scope<'_>,
        working: &Working,
    ) -> Result<Origin, Diagnostic> {
        let params = &f.params;
        let name = f.fun.name();
        let arguments = self.each(counted(name, &params.args), scope, working)?;
        let order = params.order_by.iter().map(|key| &key.expr);
        let windows = params.partition_by.iter().chain(order);
        let filter = params.filter.as_deref();
        Ok(applied(name, &arguments, true)
            .steered_by(self.steering(windows, Window, scope, working)?)
            .steered_by(self.steering(filter, Conditional, scope, working)?))
    }

    fn each(
        &self,
        exprs: &[Expr],
        scope: &Scope<'_>,
        working: &Working,
    ) -> Result<Vec<Origin>, Diagnostic> {
        let each = exprs.iter();
        each.map(|expr| self.expr(expr, scope, working)).collect()
    }

    fn subquery(
        &self,
        subquery: &Subquery,
        scope: &Scope<'_>,
        working: &Working,
    ) -> Result<Table, Diagnostic> {
        self.node(&subquery.subquery, Some(scope), working)
    }
}

/// The arguments of an aggregate: `count(*)`, which is planned as a count of a wildcard or a number,
/// has none.
fn counted<'e>(name: &str, arguments: &'e [Expr]) -> &'e [Expr] {
    #[expect(deprecated, reason = "the planner still makes it")]
    let wildcard = matches!(arguments, [Expr::Wildcard { .. }]);
    match name == "count" && wildcard {
        true => &[],
        false => arguments,
    }
}

/// The value of a subquery: its columns, steered by what steers its rows.
fn value(table: Table) -> Origin {
    let columns = table.columns.iter();
    columns
        .fold(Origin::default(), |origin, column| {
            origin.and(&column.origin)
        })
        .steered_by(table.steering)
}
