//! `+`, `-` and `*` of decimals. Where the digits of both sides tell that the answer has a place in 128 bits, no value is
//! looked at, and factors of 64 bits are multiplied as such. The engine's own kernels look at each value.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Decimal128Array};
use arrow::compute::kernels::numeric;
use arrow::compute::{CastOptions, binary, cast_with_options};
use arrow::datatypes::{DataType, Decimal128Type};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, Operator, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};
use datafusion::scalar::ScalarValue;

/// Digits of a decimal in 64 bits, and in 128.
pub(super) const NARROW: u8 = 18;
pub(super) const WIDE: u8 = 38;

/// A sum, a difference or a product as a call, whose answer has the type given; none where the engine's operator
/// will do.
pub(super) fn call(
    operator: Operator,
    sides: [Expr; 2],
    types: [&DataType; 2],
    of: &DataType,
) -> Option<Expr> {
    let [DataType::Decimal128(..), DataType::Decimal128(..)] = types else {
        return None;
    };
    let calculation = match operator {
        Operator::Plus => Calculation::Add,
        Operator::Minus => Calculation::Subtract,
        Operator::Multiply => Calculation::Multiply,
        _ => return None,
    };
    let function = ScalarUDF::from(Exact {
        calculation,
        of: of.clone(),
        signature: Signature::any(2, Volatility::Immutable),
    });
    Some(function.call(sides.into()))
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Calculation {
    Add,
    Subtract,
    Multiply,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Exact {
    calculation: Calculation,
    of: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for Exact {
    fn name(&self) -> &str {
        match self.calculation {
            Calculation::Add => "add",
            Calculation::Subtract => "subtract",
            Calculation::Multiply => "multiply",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _given: &[DataType]) -> Result<DataType> {
        Ok(self.of.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let rows = args.number_rows;
        let [left, right] = args.args.as_slice() else {
            return datafusion::common::internal_err!("{} takes two values", self.name());
        };
        if let Some(answer) = self.quick(left, right) {
            return Ok(ColumnarValue::Array(answer));
        }
        let is_single = |side: &ColumnarValue| matches!(side, ColumnarValue::Scalar(_));
        let rows = match is_single(left) && is_single(right) {
            true => 1,
            false => rows,
        };
        let answer = self.looking(&left.to_array(rows)?, &right.to_array(rows)?)?;
        Ok(match is_single(left) && is_single(right) {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&answer, 0)?),
            false => ColumnarValue::Array(answer),
        })
    }
}

impl Exact {
    /// What does not fit is an error.
    fn looking(&self, left: &ArrayRef, right: &ArrayRef) -> Result<ArrayRef> {
        let answer = match self.calculation {
            Calculation::Add => numeric::add(left, right)?,
            Calculation::Subtract => numeric::sub(left, right)?,
            Calculation::Multiply => numeric::mul(left, right)?,
        };
        let strict = CastOptions {
            safe: false,
            ..CastOptions::default()
        };
        let answer = cast_with_options(&answer, &self.of, &strict)?;
        if let DataType::Decimal128(digits, _) = self.of {
            // A cast to its own type looks at no value, and the kernels only at the bits.
            let decimals = answer.as_primitive::<Decimal128Type>();
            decimals.validate_decimal_precision(digits)?;
        }
        Ok(answer)
    }

    fn quick(&self, left: &ColumnarValue, right: &ColumnarValue) -> Option<ArrayRef> {
        let (left, right) = (Side::of(left)?, Side::of(right)?);
        let DataType::Decimal128(digits, behind) = self.of else {
            return None;
        };
        let answer = match self.calculation {
            Calculation::Multiply => product(&left, &right, digits, behind)?,
            Calculation::Add => {
                let (l, r) = (left.in_units(behind)?, right.in_units(behind)?);
                each(&left, &right, |a, b| {
                    (a.wrapping_mul(l)).wrapping_add(b.wrapping_mul(r))
                })?
            }
            Calculation::Subtract => {
                let (l, r) = (left.in_units(behind)?, right.in_units(behind)?);
                each(&left, &right, |a, b| {
                    (a.wrapping_mul(l)).wrapping_sub(b.wrapping_mul(r))
                })?
            }
        };
        Some(Arc::new(answer.with_data_type(self.of.clone())))
    }
}

fn product(left: &Side<'_>, right: &Side<'_>, digits: u8, behind: i8) -> Option<Decimal128Array> {
    let all = left.digits + right.digits;
    if all > WIDE || left.behind + right.behind != behind {
        return None;
    }
    let answer = match left.digits.max(right.digits) <= NARROW {
        true => each(left, right, |a, b| i128::from(low(a)) * i128::from(low(b)))?,
        false => each(left, right, i128::wrapping_mul)?,
    };
    let limit = 10_u128.pow(digits.into());
    let fits = |value: &i128| value.unsigned_abs() < limit;
    (digits >= all || answer.values().iter().all(fits)).then_some(answer)
}

/// Of a decimal with no more digits than 64 bits have a place for.
#[expect(clippy::cast_possible_truncation, reason = "its digits fit")]
fn low(value: i128) -> i64 {
    value as i64
}

/// A column, or one value for all rows.
struct Side<'a> {
    values: Values<'a>,
    digits: u8,
    behind: i8,
}

enum Values<'a> {
    Column(&'a Decimal128Array),
    One(i128),
}

impl<'a> Side<'a> {
    /// None of what is null in every row.
    fn of(value: &'a ColumnarValue) -> Option<Self> {
        let (values, digits, behind) = match value {
            ColumnarValue::Array(array) => {
                let column = array.as_primitive_opt::<Decimal128Type>()?;
                (Values::Column(column), column.precision(), column.scale())
            }
            ColumnarValue::Scalar(ScalarValue::Decimal128(Some(value), digits, behind)) => {
                (Values::One(*value), *digits, *behind)
            }
            ColumnarValue::Scalar(_) => return None,
        };
        Some(Self {
            values,
            digits,
            behind,
        })
    }

    /// How many units of so many digits behind the point one of its own is, if two such values have a sum.
    fn in_units(&self, behind: i8) -> Option<i128> {
        let more = u8::try_from(behind.checked_sub(self.behind)?).ok()?;
        (self.digits + more < WIDE).then(|| 10_i128.pow(more.into()))
    }
}

fn each(
    left: &Side<'_>,
    right: &Side<'_>,
    calculate: impl Fn(i128, i128) -> i128,
) -> Option<Decimal128Array> {
    Some(match (&left.values, &right.values) {
        (Values::Column(left), Values::Column(right)) => binary(left, right, calculate).ok()?,
        (Values::Column(left), Values::One(right)) => left.unary(|left| calculate(left, *right)),
        (Values::One(left), Values::Column(right)) => right.unary(|right| calculate(*left, right)),
        (Values::One(_), Values::One(_)) => return None,
    })
}
