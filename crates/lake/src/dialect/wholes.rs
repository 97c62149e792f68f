//! Whole numbers as they are written: an `integer` where they fit into 32 bits, as in PostgreSQL and DuckDB. To the
//! engine's planner all of them are a `bigint`, which would show in tables, contracts and `typeof`.
//!
//! Such a number becomes a mark, an operator of our own between it and null, that the session's planner takes for the
//! literal: the planner has no other door for literals. Only values are marked: not places in `ORDER BY`, counts of
//! rows, nor what most functions take.

use std::ops::ControlFlow;

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::error::Result;
use datafusion::logical_expr::Expr as Planned;
use datafusion::logical_expr::planner::{ExprPlanner, PlannerResult, RawBinaryExpr};
use datafusion::scalar::ScalarValue;
use datafusion::sql::sqlparser::ast::{
    BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, GroupByExpr,
    OrderByKind, Query, Select, SelectItem, SetExpr, UnaryOperator, Value, VisitMut, VisitorMut,
};

use super::calls;
use crate::types::Dialect;

const MARK: &str = "int4";

/// Marks the query's whole numbers, after all else is rewritten.
pub(super) fn rewrite(query: &mut Query, dialect: Dialect) {
    let _ = query.visit(&mut Marker);
    if dialect == Dialect::DuckDb {
        let _ = query.visit(&mut Fractions);
    }
}

/// Marks decimals below one: to DuckDB the zero before the point is one of their digits.
struct Fractions;

impl VisitorMut for Fractions {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if digits(expr).is_some_and(|digits| digits.starts_with("0.")) {
            in_mark(expr);
        }
        ControlFlow::Continue(())
    }
}

struct Marker;

impl VisitorMut for Marker {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let by = query.order_by.as_mut().map(|by| &mut by.kind);
        if let Some(OrderByKind::Expressions(keys)) = by {
            keys.iter_mut().for_each(|key| place(&mut key.expr));
        }
        mark_values(&mut query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        if let GroupByExpr::Expressions(keys, _) = &mut select.group_by {
            keys.iter_mut().for_each(place);
        }
        for item in &mut select.projection {
            if let SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } = item {
                mark(expr);
            }
        }
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::BinaryOp { left, op, right } if is_of_values(op) => {
                mark(left);
                mark(right);
            }
            Expr::IsDistinctFrom(left, right) | Expr::IsNotDistinctFrom(left, right) => {
                mark(left);
                mark(right);
            }
            // The least `integer` in parentheses may stand behind a sign.
            Expr::Nested(inner) if !is_least(inner) => mark(inner),
            Expr::Between {
                expr, low, high, ..
            } => [expr, low, high].into_iter().for_each(|side| mark(side)),
            Expr::InList { list, .. } => list.iter_mut().for_each(mark),
            Expr::Array(array) => array.elem.iter_mut().for_each(mark),
            Expr::Dictionary(fields) => fields.iter_mut().for_each(|field| mark(&mut field.value)),
            Expr::Map(map) => {
                for entry in &mut map.entries {
                    mark(&mut entry.key);
                    mark(&mut entry.value);
                }
            }
            Expr::Case {
                conditions,
                else_result,
                ..
            } => {
                let results = conditions.iter_mut().map(|when| &mut when.result);
                results.chain(else_result.as_deref_mut()).for_each(mark);
            }
            Expr::Function(function) => mark_args(function),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

/// Rows that are written out, those of a union too.
fn mark_values(body: &mut SetExpr) {
    match body {
        SetExpr::Values(values) => {
            let rows = values.rows.iter_mut();
            rows.for_each(|row| row.content.iter_mut().for_each(mark));
        }
        SetExpr::SetOperation { left, right, .. } => {
            mark_values(left);
            mark_values(right);
        }
        _ => {}
    }
}

/// Functions that give an argument, hold or add up what they are given, or say its type.
const GIVING: &[&str] = &[
    "abs",
    "any_value",
    "array_agg",
    "array_append",
    "array_max",
    "array_min",
    "array_reduce",
    "coalesce",
    "greatest",
    "ifnull",
    "least",
    "list_reduce",
    "make_array",
    "max",
    "min",
    "mod",
    "mode",
    "named_struct",
    "nullif",
    "nvl",
    "pg_typeof",
    "reduce",
    "struct",
    "sum",
    "to_hex",
    "trunc",
    "typeof",
];

/// Functions that give their first argument, and count or place by the others.
const GIVING_FIRST: &[&str] = &[
    "first_value",
    "lag",
    "last_value",
    "lead",
    "nth_value",
    "quantile_disc",
    "round",
];

fn mark_args(function: &mut Function) {
    let name = calls::name_of(function).unwrap_or_default();
    let count = match name.as_str() {
        name if GIVING.contains(&name) => usize::MAX,
        name if GIVING_FIRST.contains(&name) => 1,
        _ => 0,
    };
    let FunctionArguments::List(list) = &mut function.args else {
        return;
    };
    for arg in list.args.iter_mut().take(count) {
        if let FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) = arg {
            mark(expr);
        }
    }
}

/// A place in the list of items, in parentheses or not.
fn place(key: &mut Expr) {
    while let Expr::Nested(inner) = key
        && (digits(inner).is_some() || matches!(**inner, Expr::Nested(_)))
    {
        let inner = std::mem::replace(inner.as_mut(), Expr::Value(Value::Null.into()));
        *key = inner;
    }
}

fn is_of_values(op: &BinaryOperator) -> bool {
    use BinaryOperator::*;
    matches!(
        op,
        Plus | Minus
            | Multiply
            | Divide
            | DuckIntegerDivide
            | Modulo
            | Eq
            | NotEq
            | Gt
            | GtEq
            | Lt
            | LtEq
            | BitwiseAnd
            | BitwiseOr
            | PGBitwiseXor
            | PGBitwiseShiftLeft
            | PGBitwiseShiftRight
    )
}

fn mark(expr: &mut Expr) {
    if let Some(digits) = digits(expr).filter(|digits| is_beyond(digits)) {
        let text = Expr::Value(Value::SingleQuotedString(digits).into());
        if let Some(exact) = calls::fill("_1::numeric(38,0)", &[text]) {
            *expr = exact;
        }
    }
    if is_short(expr) {
        in_mark(expr);
    }
}

fn in_mark(expr: &mut Expr) {
    *expr = Expr::BinaryOp {
        left: Box::new(std::mem::replace(expr, Expr::Value(Value::Null.into()))),
        op: BinaryOperator::Custom(MARK.to_owned()),
        right: Box::new(Expr::Value(Value::Null.into())),
    };
}

fn is_short(expr: &Expr) -> bool {
    match expr {
        Expr::UnaryOp {
            op: UnaryOperator::Minus,
            expr,
        } => digits(expr).is_some_and(|digits| format!("-{digits}").parse::<i32>().is_ok()),
        expr => digits(expr).is_some_and(|digits| digits.parse::<i32>().is_ok()),
    }
}

/// A number that only the engine's whole numbers without a sign hold.
fn is_beyond(digits: &str) -> bool {
    digits.parse::<u64>().is_ok() && digits.parse::<i64>().is_err()
}

fn is_least(expr: &Expr) -> bool {
    matches!(expr, Expr::UnaryOp { op: UnaryOperator::Minus, expr }
        if digits(expr).is_some_and(|digits| digits.parse::<i32>().is_err()))
}

fn digits(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Value(value) => match &value.value {
            Value::Number(number, _) => Some(number.replace('_', "")),
            _ => None,
        },
        _ => None,
    }
}

/// Plans what is marked.
#[derive(Debug)]
pub(super) struct Wholes;

impl ExprPlanner for Wholes {
    fn plan_binary_op(
        &self,
        expr: RawBinaryExpr,
        _schema: &DFSchema,
    ) -> Result<PlannerResult<RawBinaryExpr>> {
        match (&expr.op, &expr.left) {
            (
                BinaryOperator::Custom(op),
                Planned::Literal(ScalarValue::Decimal128(number, digits, scale), _),
            ) if op == MARK => {
                let digits = (*digits).max(scale.unsigned_abs() + 1).min(38);
                let number = ScalarValue::Decimal128(*number, digits, *scale);
                Ok(PlannerResult::Planned(Planned::Literal(number, None)))
            }
            (BinaryOperator::Custom(op), Planned::Literal(value, _)) if op == MARK => {
                let short = value.cast_to(&DataType::Int32)?;
                Ok(PlannerResult::Planned(Planned::Literal(short, None)))
            }
            _ => Ok(PlannerResult::Original(expr)),
        }
    }
}
