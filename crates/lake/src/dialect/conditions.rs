//! A number or a text as a condition: `WHERE flag`, `CASE WHEN is_active`, `NOT 0`, `a AND n`. In DuckDB what is not 0 is
//! true, and a text is cast; PostgreSQL refuses both, and so does the engine. Types are known where operators are planned:
//! what may be no condition is marked by an operator of our own.

use std::ops::ControlFlow;

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::logical_expr::{Expr as Planned, ExprSchemable, cast, lit};
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, JoinConstraint, Query, Select, UnaryOperator, Value, VisitMut, VisitorMut,
};

use super::calls::name_of;
use super::using::constraint_of;

/// `x OPERATOR(forebay.is_true) true`: a form that the parser reads back from its own text.
const MARK: [&str; 2] = ["forebay", "is_true"];

pub(super) fn rewrite(query: &mut Query) {
    let _ = query.visit(&mut Marker);
}

struct Marker;

impl VisitorMut for Marker {
    type Break = ();

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        let clauses = [
            &mut select.selection,
            &mut select.having,
            &mut select.qualify,
        ];
        clauses.into_iter().flatten().for_each(mark);
        let joins = select.from.iter_mut().flat_map(|item| &mut item.joins);
        for join in joins {
            if let Some(JoinConstraint::On(condition)) = constraint_of(&mut join.join_operator) {
                mark(condition);
            }
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Case {
                operand: None,
                conditions,
                ..
            } => conditions
                .iter_mut()
                .for_each(|when| mark(&mut when.condition)),
            Expr::UnaryOp {
                op: UnaryOperator::Not,
                expr,
            } => mark(expr),
            Expr::Function(function) => {
                if let Some(condition) = &mut function.filter {
                    mark(condition);
                }
            }
            Expr::IsTrue(expr)
            | Expr::IsNotTrue(expr)
            | Expr::IsFalse(expr)
            | Expr::IsNotFalse(expr)
            | Expr::IsUnknown(expr)
            | Expr::IsNotUnknown(expr) => mark(expr),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

fn mark(condition: &mut Expr) {
    if !may_be_a_value(condition) {
        return;
    }
    let is_true = || Expr::Value(Value::Boolean(true).into());
    let value = std::mem::replace(condition, is_true());
    *condition = Expr::BinaryOp {
        left: Box::new(Expr::Nested(Box::new(value))),
        op: BinaryOperator::PGCustomBinaryOperator(MARK.map(str::to_owned).to_vec()),
        right: Box::new(is_true()),
    };
}

fn may_be_a_value(expr: &Expr) -> bool {
    use BinaryOperator::{
        BitwiseAnd, BitwiseOr, Divide, DuckIntegerDivide, Minus, Modulo, Multiply, Plus,
    };
    match expr {
        Expr::Identifier(_)
        | Expr::CompoundIdentifier(_)
        | Expr::CompoundFieldAccess { .. }
        | Expr::Case { .. }
        | Expr::Subquery(_)
        | Expr::Cast { .. } => true,
        Expr::UnaryOp { op, .. } => matches!(op, UnaryOperator::Minus | UnaryOperator::Plus),
        // Means a condition of each column.
        Expr::Function(function) => name_of(function).as_deref() != Some("columns"),
        Expr::Value(value) => matches!(
            value.value,
            Value::Number(..) | Value::SingleQuotedString(_)
        ),
        Expr::Nested(inner) => may_be_a_value(inner),
        Expr::BinaryOp { op, .. } => matches!(
            op,
            Plus | Minus | Multiply | Divide | Modulo | DuckIntegerDivide | BitwiseAnd | BitwiseOr
        ),
        _ => false,
    }
}

#[derive(Debug)]
pub(super) struct Conditions;

impl ExprPlanner for Conditions {
    fn plan_binary_op(
        &self,
        mut expr: RawBinaryExpr,
        schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        match &expr.op {
            BinaryOperator::PGCustomBinaryOperator(name) if *name == MARK => {
                return truth(expr.left, schema).map(PlannerResult::Planned);
            }
            BinaryOperator::And | BinaryOperator::Or => {
                expr.left = truth(expr.left, schema)?;
                expr.right = truth(expr.right, schema)?;
            }
            _ => {}
        }
        Ok(PlannerResult::Original(expr))
    }
}

fn truth(value: Planned, schema: &DFSchema) -> Result<Planned> {
    Ok(match value.get_type(schema)? {
        found if found.is_numeric() => value.not_eq(lit(0)),
        DataType::Utf8 | DataType::Utf8View => cast(value, DataType::Boolean),
        _ => value,
    })
}
