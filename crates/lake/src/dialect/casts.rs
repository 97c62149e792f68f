//! Casts that the engine does otherwise than PostgreSQL and DuckDB: it cuts where they round
//! (`2.5::int`), and writes timestamps, doubles and lists in a form of its own. Runs after the engine
//! has added the casts that it needs.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, Result};
use datafusion::config::ConfigOptions;
use datafusion::logical_expr::{
    Cast, ColumnarValue, Expr, ExprSchemable, LogicalPlan, ScalarFunctionArgs, ScalarUDF,
    ScalarUDFImpl, Signature, TryCast, Volatility, cast, lit,
};
use datafusion::optimizer::AnalyzerRule;
use datafusion::scalar::ScalarValue;
use forebay_core::Diagnostic;

use super::length::{evaluate, problem};
use super::{durations, exprs, late};
use crate::engine::sql_type;
use crate::functions::{self, Form};
use crate::types::Dialect;

#[derive(Debug)]
pub(super) struct Casts(pub Dialect);

impl AnalyzerRule for Casts {
    fn name(&self) -> &str {
        "casts"
    }

    fn analyze(&self, plan: LogicalPlan, _config: &ConfigOptions) -> Result<LogicalPlan> {
        exprs::rewrite(plan, |expr, schema| self.expr(expr, schema))
    }
}

impl Casts {
    fn expr(&self, expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
        if let (Expr::ScalarFunction(call), Dialect::Postgres) = (&expr, self.0)
            && let ("round", [of]) = (call.func.name(), call.args.as_slice())
            && matches!(
                of.get_type(schema),
                Ok(DataType::Float64 | DataType::Float32)
            )
        {
            return Ok(Transformed::yes(rint(of.clone())));
        }
        let (Expr::Cast(Cast { expr: of, field }) | Expr::TryCast(TryCast { expr: of, field })) =
            &expr
        else {
            return Ok(Transformed::no(expr));
        };
        let Ok(from) = of.get_type(schema) else {
            return Ok(Transformed::no(expr));
        };
        let loses = loses(&from, field.data_type());
        let is_written = matches!(**of, Expr::Literal(ScalarValue::Utf8(Some(_)), _));
        let is_cast = matches!(expr, Expr::Cast(_));
        let done = self.cast(expr, &from)?;
        if is_written && is_cast && self.0 == Dialect::DuckDb {
            return Ok(Transformed::yes(late::unless_read(done.data, schema)?));
        }
        Ok(match loses {
            true => Transformed::yes(named("kept", done.data)),
            false => done,
        })
    }

    fn cast(&self, expr: Expr, from: &DataType) -> Result<Transformed<Expr>> {
        let (of, to) = match &expr {
            Expr::Cast(Cast { expr, field }) | Expr::TryCast(TryCast { expr, field }) => {
                (expr.as_ref(), field.data_type())
            }
            _ => return Ok(Transformed::no(expr)),
        };
        let of = &value_of(of, from, to);
        let tries = matches!(expr, Expr::TryCast(_));
        if is_never(from, to) {
            return match (tries, self.0) {
                (true, _) => Ok(Transformed::yes(lit(ScalarValue::try_from(to)?))),
                // Only a value is refused: a column without any, of which a seed knows no better type, becomes one of dates.
                (false, Dialect::DuckDb) => {
                    let to_type = lit(sql_type(to));
                    let nulls = functions::named("no_value").call(vec![of.clone(), to_type]);
                    Ok(Transformed::yes(match to.is_nested() {
                        true => functions::of_text(nulls, Form::DuckDb, to, false),
                        false => cast(nulls, to.clone()),
                    }))
                }
                (false, Dialect::Postgres) => Err(problem(Diagnostic::error(format!(
                    "a value of type {} cannot be cast to {}",
                    sql_type(from),
                    sql_type(to)
                )))),
            };
        }
        let is_plain_text = from.is_string() && from != &DataType::LargeUtf8;
        let form = match to {
            DataType::List(_) | DataType::Struct(_) | DataType::Map(..)
                if is_plain_text && self.0 == Dialect::DuckDb =>
            {
                Some(Form::DuckDb)
            }
            to if from.is_string() && is_shaped(to) => Some(Form::Json),
            DataType::List(item)
                if from == &DataType::LargeUtf8
                    && self.0 == Dialect::DuckDb
                    && item.data_type() != &DataType::LargeUtf8 =>
            {
                Some(Form::Json)
            }
            _ => None,
        };
        if let Some(form) = form {
            return Ok(Transformed::yes(functions::of_text(
                of.clone(),
                form,
                to,
                tries,
            )));
        }
        let inner = match (from, to) {
            (from, DataType::Boolean) if from.is_string() && self.0 == Dialect::DuckDb => {
                named("truth_text", of.clone())
            }
            (from, DataType::Boolean) if is_decimal(from) => {
                let zero = ScalarValue::new_zero(from)?;
                return Ok(Transformed::yes(of.clone().not_eq(lit(zero))));
            }
            (DataType::Boolean, to) if is_decimal(to) => cast(of.clone(), DataType::Int32),
            (from, DataType::Time32(_) | DataType::Time64(_)) if from.is_string() => {
                named("time_text", of.clone())
            }
            (from, to) if to.is_string() && is_written(from) => {
                return Ok(Transformed::yes(cast(
                    as_text(of.clone(), self.0),
                    to.clone(),
                )));
            }
            (from, to) if from.is_string() && to.is_integer() && self.0 == Dialect::DuckDb => {
                let function = match tries {
                    true => "try_whole_number",
                    false => "whole_number",
                };
                named(function, of.clone())
            }
            (from, to) if from.is_string() && (is_decimal(to) || is_read(to, self.0)) => named(
                match self.0 {
                    Dialect::DuckDb => "plain_number",
                    Dialect::Postgres => "number_without_exponent",
                },
                of.clone(),
            ),
            (DataType::Binary, to) if to.is_string() => {
                let text = as_text(of.clone(), self.0);
                return Ok(Transformed::yes(cast(text, to.clone())));
            }
            (from, DataType::Binary) if from.is_string() && self.0 == Dialect::Postgres => {
                return Ok(Transformed::yes(named("bytes_of_text", of.clone())));
            }

            (from, DataType::Date32 | DataType::Timestamp(..)) if from.is_string() => {
                let is_zoned = matches!(to, DataType::Timestamp(_, Some(_)));
                let function = match (is_zoned, self.0) {
                    (true, Dialect::DuckDb) => "zoned_text",
                    (true, Dialect::Postgres) => "any_zoned_text",
                    (false, Dialect::DuckDb) => "local_text",
                    (false, Dialect::Postgres) => "any_local_text",
                };
                named(function, of.clone())
            }
            (DataType::Duration(_), DataType::Interval(_)) => durations::days(of.clone()),
            (from, DataType::Interval(_)) if from.is_string() => named("interval_text", of.clone()),
            (DataType::Float64, DataType::Float32) => {
                let function = match tries {
                    true => "try_within_real",
                    false => "within_real",
                };
                named(function, of.clone())
            }
            (DataType::Float32 | DataType::Float64, to) if to.is_integer() => rint(of.clone()),
            (DataType::Float64, DataType::Decimal128(..)) if self.0 == Dialect::Postgres => {
                named("fifteen_digits", of.clone())
            }
            (DataType::Decimal128(precision, scale @ 1..), to) if to.is_integer() => {
                // The engine rounds between decimals.
                let whole = precision - u8::try_from(*scale).unwrap_or(0) + 1;
                cast(of.clone(), DataType::Decimal128(whole.min(38), 0))
            }
            (from, DataType::List(_)) if from.is_string() => {
                let function = match tries {
                    true => "try_items_of_text",
                    false => "items_of_text",
                };
                named(function, of.clone())
            }
            (DataType::List(from), DataType::List(to)) if to.data_type().is_integer() => {
                match rounded_items(of, from.data_type()) {
                    Some(rounded) => rounded,
                    None => return Ok(Transformed::no(expr)),
                }
            }
            _ => return Ok(Transformed::no(expr)),
        };
        Ok(Transformed::yes(match expr {
            Expr::TryCast(TryCast { field, .. }) => {
                Expr::TryCast(TryCast::new_from_field(Box::new(inner), field))
            }
            Expr::Cast(Cast { field, .. }) => {
                Expr::Cast(Cast::new_from_field(Box::new(inner), field))
            }
            other => other,
        }))
    }
}

/// Whether values of the one type may be others in the other, or none: the engine takes a cast away where it is compared
/// with a constant, `x::int = 1` as `x = 1`.
pub(super) fn loses(from: &DataType, to: &DataType) -> bool {
    let digits = |number: &DataType| match number {
        DataType::Int8 | DataType::UInt8 => Some((3, 0)),
        DataType::Int16 | DataType::UInt16 => Some((5, 0)),
        DataType::Int32 | DataType::UInt32 => Some((10, 0)),
        DataType::Int64 => Some((19, 0)),
        DataType::UInt64 => Some((20, 0)),
        DataType::Decimal128(precision, scale) | DataType::Decimal256(precision, scale) => {
            Some((i16::from(*precision) - i16::from(*scale), *scale))
        }
        _ => None,
    };
    digits(from)
        .zip(digits(to))
        .is_some_and(|(from, to)| to.0 < from.0 || to.1 < from.1)
}

/// Of JSON that becomes another value than a text, its text without the quotes.
fn value_of(of: &Expr, from: &DataType, to: &DataType) -> Expr {
    match from == &DataType::LargeUtf8 && !to.is_string() && !to.is_nested() {
        true => functions::named("json_normal_text").call(vec![of.clone(), lit("$")]),
        false => of.clone(),
    }
}

/// Structures, and lists of such or of lists: texts of them are JSON.
fn is_shaped(to: &DataType) -> bool {
    match to {
        DataType::Struct(_) => true,
        DataType::List(item) => item.data_type().is_nested(),
        _ => false,
    }
}

/// Casts that neither database has, and the engine makes by the numbers that it keeps moments as.
fn is_never(from: &DataType, to: &DataType) -> bool {
    let is_number = |of: &DataType| of.is_numeric() || of == &DataType::Boolean;
    let is_day = |of: &DataType| matches!(of, DataType::Date32 | DataType::Timestamp(..));
    let is_time = |of: &DataType| matches!(of, DataType::Time32(_) | DataType::Time64(_));
    let is_moment = |of: &DataType| is_day(of) || is_time(of);
    (is_number(from) && is_moment(to))
        // Lists and structures are no single values; the engine makes a list of one.
        || (from.is_nested() && !to.is_nested() && !to.is_string() && !to.is_null())
        || (to.is_nested() && !from.is_nested() && !from.is_string() && !from.is_null())
        // The engine subtracts times as whole numbers.
        || (is_moment(from) && is_number(to) && !(is_time(from) && to == &DataType::Int64))
        || (from == &DataType::Date32 && is_time(to))
        || (is_time(from) && is_day(to))
}

/// Doubles in texts of which the dialect reads `1_000`.
fn is_read(to: &DataType, dialect: Dialect) -> bool {
    to.is_floating() && dialect == Dialect::DuckDb
}

fn is_decimal(of: &DataType) -> bool {
    matches!(of, DataType::Decimal128(..) | DataType::Decimal256(..))
}

/// The items of a list as whole numbers of their own type. None: they are no fractions.
fn rounded_items(list: &Expr, item: &DataType) -> Option<Expr> {
    match item {
        DataType::Float32 | DataType::Float64 => Some(rint(list.clone())),
        DataType::Decimal128(precision, scale @ 1..) => {
            let whole = precision - u8::try_from(*scale).unwrap_or(0) + 1;
            let whole = DataType::Decimal128(whole.min(38), 0);
            Some(cast(list.clone(), DataType::new_list(whole, true)))
        }
        _ => None,
    }
}

/// Whether values of the type are written otherwise than the engine writes them.
fn is_written(from: &DataType) -> bool {
    matches!(
        from,
        DataType::Float32
            | DataType::Float64
            | DataType::Timestamp(..)
            | DataType::Time32(_)
            | DataType::Time64(_)
            | DataType::Interval(_)
            | DataType::Duration(_)
            | DataType::List(_)
            | DataType::LargeList(_)
            | DataType::FixedSizeList(..)
            | DataType::Struct(_)
            | DataType::Map(..)
    )
}

fn rint(of: Expr) -> Expr {
    named("rint", of)
}

/// A call of one of our functions.
fn named(function: &'static str, of: Expr) -> Expr {
    functions::named(function).call(vec![of])
}

fn as_text(of: Expr, dialect: Dialect) -> Expr {
    let function = ScalarUDF::from(AsText {
        dialect,
        signature: Signature::any(1, Volatility::Immutable),
    });
    function.call(vec![of])
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct AsText {
    dialect: Dialect,
    signature: Signature,
}

impl ScalarUDFImpl for AsText {
    fn name(&self) -> &str {
        "as_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(DataType::Utf8)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        evaluate(&args, |arrays| functions::write(&arrays[0], self.dialect))
    }
}
