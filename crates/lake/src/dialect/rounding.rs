//! `round` of doubles by DuckDB's arithmetic, which leaves a number as it is where its digits would be beyond the largest
//! double; and of whole numbers by PostgreSQL's types: a double, or with digits a decimal.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int32Type};
use datafusion::error::Result;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, ReturnFieldArgs, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::length::evaluate;
use crate::types::Dialect;

/// The engine's functions, with `round` in place of its own.
pub(super) fn rounding(functions: Vec<Arc<ScalarUDF>>, dialect: Dialect) -> Vec<Arc<ScalarUDF>> {
    let rounding = |function: Arc<ScalarUDF>| match function.name() {
        "round" => Arc::new(ScalarUDF::from(Rounding {
            inner: function,
            dialect,
            signature: Signature::user_defined(Volatility::Immutable),
        })),
        _ => function,
    };
    functions.into_iter().map(rounding).collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Rounding {
    inner: Arc<ScalarUDF>,
    dialect: Dialect,
    signature: Signature,
}

impl ScalarUDFImpl for Rounding {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let mut types = types.to_vec();
        let is_alone = types.len() == 1;
        if let Some(first) = types.first_mut()
            && first.is_integer()
            && self.dialect == Dialect::Postgres
        {
            *first = match is_alone {
                true => DataType::Float64,
                false => DataType::Decimal128(20, 0),
            };
        }
        let field = |of| Arc::new(Field::new("", of, true));
        let given: Vec<FieldRef> = types.into_iter().map(field).collect();
        let taken = fields_with_udf(&given, self.inner.as_ref())?;
        Ok(taken.iter().map(|of| of.data_type().clone()).collect())
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn return_field_from_args(&self, args: ReturnFieldArgs<'_>) -> Result<FieldRef> {
        self.inner.return_field_from_args(args)
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_double = args.arg_fields[0].data_type().is_floating();
        match (self.dialect, is_double, args.args.len()) {
            (Dialect::DuckDb, true, 2) => evaluate(&args, rounded),
            _ => self.inner.invoke_with_args(args),
        }
    }
}

/// Computed with 64 bits, also of floats of 32.
fn rounded(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let numbers = cast(&arrays[0], &DataType::Float64)?;
    let digits = cast(&arrays[1], &DataType::Int32)?;
    let numbers = numbers.as_primitive::<Float64Type>().iter();
    let pairs = numbers.zip(digits.as_primitive::<Int32Type>());
    let answers: Float64Array = pairs
        .map(|(of, digits)| Some(round(of?, digits?)))
        .collect();
    Ok(cast(
        &(Arc::new(answers) as ArrayRef),
        arrays[0].data_type(),
    )?)
}

fn round(number: f64, digits: i32) -> f64 {
    let unit = 10f64.powi(digits.saturating_abs());
    let (rounded, otherwise) = match digits < 0 {
        true => ((number / unit).round() * unit, 0.0),
        false => ((number * unit).round() / unit, number),
    };
    if rounded.is_finite() {
        rounded
    } else {
        otherwise
    }
}
