//! Expressions: what each is derived from, and what steers it.

use std::rc::Rc;

use datafusion::sql::sqlparser::ast::{
    AccessExpr, CaseWhen, Expr, LambdaFunction, OneOrManyWithParens, Query, Subscript,
};
use forebay_core::Diagnostic;

use super::Subtype::{Conditional, Transformation};
use super::operands::operands;
use super::origin::{Column, Origin, Steering, Table};
use super::resolver::Resolver;
use super::scope::{FromClause, Layer, Scope, column_of};
use super::{Subtype, names};

impl Resolver<'_> {
    /// Where the value of an expression comes from.
    pub fn expr(&self, expr: &Expr, scope: &Scope<'_>) -> Result<Origin, Diagnostic> {
        let _level = self.deeper()?;
        match expr {
            Expr::Identifier(ident) if self.is_default(ident) => Ok(Origin::default()),
            Expr::Identifier(ident) => scope.column(ident).map(Rc::unwrap_or_clone),
            Expr::CompoundIdentifier(parts) => scope.qualified(parts).map(Rc::unwrap_or_clone),
            Expr::Nested(inner) => self.expr(inner, scope),
            Expr::CompoundFieldAccess { root, access_chain } => {
                self.access(root, access_chain, scope)
            }
            Expr::BinaryOp { .. } => self.binary(expr, scope),
            Expr::Case {
                operand,
                conditions,
                else_result,
                ..
            } => self.case(
                operand.as_deref(),
                conditions,
                else_result.as_deref(),
                scope,
            ),
            Expr::Function(function) => self.function(function, scope),
            Expr::Subquery(query) => self.scalar_subquery(query, scope),
            Expr::Exists { subquery, .. } => self.exists(subquery, scope),
            Expr::InSubquery { expr, subquery, .. } => {
                let origin = self.expr(expr, scope)?;
                let found = self.scalar_subquery(subquery, scope)?;
                Ok(origin.and(&found).step(Transformation))
            }
            Expr::Lambda(lambda) => self.lambda(lambda, scope),
            other => self.all(operands(other)?, scope),
        }
    }

    /// A value computed from all of these.
    fn all(&self, operands: Vec<&Expr>, scope: &Scope<'_>) -> Result<Origin, Diagnostic> {
        let mut origin = Origin::default();
        for operand in operands {
            origin = origin.and(&self.expr(operand, scope)?);
        }
        Ok(origin.step(Transformation))
    }

    /// What an expression contributes where it decides something: a condition, a key, an order.
    pub fn steering(
        &self,
        expr: &Expr,
        subtype: Subtype,
        scope: &Scope<'_>,
    ) -> Result<Steering, Diagnostic> {
        Ok(self.expr(expr, scope)?.steering(subtype))
    }

    /// [`Resolver::steering`] of several expressions.
    pub fn steering_of<'e>(
        &self,
        exprs: impl IntoIterator<Item = &'e Expr>,
        subtype: Subtype,
        scope: &Scope<'_>,
    ) -> Result<Steering, Diagnostic> {
        let mut steering = Steering::new();
        for expr in exprs {
            steering.extend(self.steering(expr, subtype, scope)?);
        }
        Ok(steering)
    }

    /// `a + b + c` and `a AND b AND c` lean to the left, to any depth: a loop, not a recursion.
    fn binary(&self, expr: &Expr, scope: &Scope<'_>) -> Result<Origin, Diagnostic> {
        let mut origin = Origin::default();
        let mut node = expr;
        while let Expr::BinaryOp { left, right, .. } = node {
            origin = origin.and(&self.expr(right, scope)?);
            node = left;
        }
        Ok(origin.and(&self.expr(node, scope)?).step(Transformation))
    }

    fn case(
        &self,
        operand: Option<&Expr>,
        conditions: &[CaseWhen],
        otherwise: Option<&Expr>,
        scope: &Scope<'_>,
    ) -> Result<Origin, Diagnostic> {
        let results = conditions.iter().map(|when| &when.result).chain(otherwise);
        let tests = conditions.iter().map(|when| &when.condition).chain(operand);
        let steering = self.steering_of(tests, Conditional, scope)?;
        Ok(self.all(results.collect(), scope)?.steered_by(steering))
    }

    /// `(c).name` is a column where `c` is a table; other fields and elements are steps on.
    fn access(
        &self,
        root: &Expr,
        chain: &[AccessExpr],
        scope: &Scope<'_>,
    ) -> Result<Origin, Diagnostic> {
        let (mut origin, rest) = match (bare(root), chain) {
            (Expr::Identifier(ident), [AccessExpr::Dot(Expr::Identifier(field)), rest @ ..])
                if scope.whole_row(ident).is_some() =>
            {
                let item = scope.whole_row(ident).expect("the guard found it");
                (column_of(item, field).map(Rc::unwrap_or_clone)?, rest)
            }
            _ => (self.expr(root, scope)?, chain),
        };
        for access in rest {
            for index in subscripts(access) {
                origin = origin.and(&self.expr(index, scope)?);
            }
            origin = origin.step(Transformation);
        }
        Ok(origin)
    }

    /// A subquery's value; what steers its rows steers the value.
    pub fn scalar_subquery(&self, query: &Query, scope: &Scope<'_>) -> Result<Origin, Diagnostic> {
        let table = self.query(query, scope)?;
        let mut origin = Origin::default();
        for column in &table.columns {
            origin = origin.and(&column.origin);
        }
        Ok(origin.steered_by(table.steering))
    }

    /// Whether there are rows: their values do not matter.
    fn exists(&self, query: &Query, scope: &Scope<'_>) -> Result<Origin, Diagnostic> {
        Ok(Origin::steered(self.query(query, scope)?.steering))
    }

    /// A lambda's parameters are elements of the array that is read beside it.
    fn lambda(&self, lambda: &LambdaFunction, scope: &Scope<'_>) -> Result<Origin, Diagnostic> {
        let parameters = match &lambda.params {
            OneOrManyWithParens::One(one) => std::slice::from_ref(one),
            OneOrManyWithParens::Many(many) => many.as_slice(),
        };
        let columns = parameters
            .iter()
            .map(|parameter| Column::new(names::fold(&parameter.name), Origin::default()));
        let from = FromClause::one(
            Vec::new(),
            Table {
                columns: columns.collect(),
                ..Table::default()
            },
        );
        self.expr(&lambda.body, &Scope::within(scope, Layer::Tables(&from)))
    }
}

/// The expression without parentheses around it.
pub(super) fn bare(mut expr: &Expr) -> &Expr {
    while let Expr::Nested(inner) = expr {
        expr = inner;
    }
    expr
}

fn subscripts(access: &AccessExpr) -> Vec<&Expr> {
    match access {
        AccessExpr::Dot(_) => Vec::new(),
        AccessExpr::Subscript(Subscript::Index { index }) => vec![index],
        AccessExpr::Subscript(Subscript::Slice {
            lower_bound,
            upper_bound,
            stride,
        }) => [lower_bound, upper_bound, stride]
            .into_iter()
            .flatten()
            .collect(),
    }
}
