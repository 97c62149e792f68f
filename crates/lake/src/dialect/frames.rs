//! `RANGE` frames of a plain number: over dates they are days in DuckDB, and over moments there is none. The engine would
//! read it as months.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ScalarValue, plan_err};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, WindowFrameBound, WindowFrameUnits};

use crate::types::Dialect;

/// The call of a window with such a frame told in days, or refused.
pub(super) fn told(
    mut expr: Expr,
    schema: &DFSchema,
    dialect: Dialect,
) -> Result<Transformed<Expr>> {
    let Expr::WindowFunction(window) = &mut expr else {
        return Ok(Transformed::no(expr));
    };
    let params = &mut window.params;
    let frame = &mut params.window_frame;
    let (WindowFrameUnits::Range, Some(key)) = (frame.units, params.order_by.first()) else {
        return Ok(Transformed::no(expr));
    };
    let bounds: Vec<&mut String> = [&mut frame.start_bound, &mut frame.end_bound]
        .into_iter()
        .filter_map(number)
        .collect();
    if bounds.is_empty() {
        return Ok(Transformed::no(expr));
    }
    match key.expr.get_type(schema)? {
        DataType::Date32 if dialect == Dialect::DuckDb => {
            bounds.into_iter().for_each(|bound| bound.push_str(" days"));
            Ok(Transformed::yes(expr))
        }
        DataType::Date32 | DataType::Timestamp(..) => plan_err!(
            "a frame of RANGE over dates and moments takes an interval: RANGE BETWEEN INTERVAL '7 days' PRECEDING"
        ),
        _ => Ok(Transformed::no(expr)),
    }
}

/// The number that a bound is away.
fn number(bound: &mut WindowFrameBound) -> Option<&mut String> {
    match bound {
        WindowFrameBound::Preceding(ScalarValue::Utf8(Some(text)))
        | WindowFrameBound::Following(ScalarValue::Utf8(Some(text))) => {
            text.trim().parse::<f64>().is_ok().then_some(text)
        }
        _ => None,
    }
}
