//! The digits of `round(x, 2)` in the engine's own type from the start. It would cast them, take a cast for
//! digits that differ by row, and give what is compared with the answer another scale than the answer has.
//! `trunc(x, 2)` of an exact number is one of as many digits.

use arrow::datatypes::DataType;
use datafusion::common::DFSchema;
use datafusion::common::tree_node::Transformed;
use datafusion::config::ConfigOptions;
use datafusion::error::Result;
use datafusion::logical_expr::{Expr, ExprSchemable, LogicalPlan, cast, lit};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;

use super::exprs;

#[derive(Debug)]
pub(super) struct Rounds;

impl AnalyzerRule for Rounds {
    fn name(&self) -> &str {
        "rounds"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        exprs::rewrite(plan, settled)
    }
}

fn settled(mut expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::ScalarFunction(call) = &mut expr else {
        return Ok(Transformed::no(expr));
    };
    let name = match call.func.name() {
        "round" => "round",
        "trunc" => "trunc",
        _ => return Ok(Transformed::no(expr)),
    };
    let [number, Expr::Literal(digits, _)] = call.args.as_mut_slice() else {
        return Ok(Transformed::no(expr));
    };
    match (name, digits.data_type()) {
        ("round", DataType::Int64) => {
            *digits = digits.cast_to(&DataType::Int32)?;
            Ok(Transformed::yes(expr))
        }
        ("trunc", of) if of.is_integer() && !number.is_volatile() => {
            let of = number.get_type(schema)?;
            let cut = match digits.cast_to(&DataType::Int64)? {
                ScalarValue::Int64(Some(digits)) => cut(number, &of, digits),
                _ => None,
            };
            Ok(match cut {
                Some(cut) => Transformed::yes(cut),
                None => Transformed::no(expr),
            })
        }
        _ => Ok(Transformed::no(expr)),
    }
}

/// Without the rest of a division by the last digit that is kept. None: of another type of number, or of more digits
/// than it has.
fn cut(number: &Expr, of: &DataType, digits: i64) -> Option<Expr> {
    let whole_places = u32::try_from(-digits).unwrap_or(0);
    let (unit, kept) = match of {
        DataType::Decimal128(_, scale) if digits >= i64::from(*scale) => {
            return Some(number.clone());
        }
        DataType::Decimal128(precision, _) => {
            let scale = i8::try_from(digits.max(0)).ok()?;
            let unit = 10_i128.checked_pow(whole_places)?;
            let unit_digits = u8::try_from(whole_places + 1)
                .ok()?
                .max(scale.unsigned_abs());
            (
                ScalarValue::Decimal128(Some(unit), unit_digits, scale),
                DataType::Decimal128(*precision, scale),
            )
        }
        of if of.is_integer() && digits >= 0 => return Some(number.clone()),
        of if of.is_integer() => {
            let unit = ScalarValue::Int64(Some(10_i64.checked_pow(whole_places)?));
            (unit.cast_to(of).ok()?, of.clone())
        }
        _ => return None,
    };
    let rest = number.clone() % lit(unit);
    Some(cast(number.clone() - rest, kept))
}
