//! A text that is written out and is no value of the type that it is cast to: to DuckDB it is an error where it is needed,
//! so that `coalesce(day, '')` may be asked where no day is null. The engine makes it an error of the plan.

use arrow::array::new_empty_array;
use arrow::datatypes::DataType;
use datafusion::common::{DFSchema, Result};
use datafusion::logical_expr::{
    ColumnarValue, Expr, ExprSchemable, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature,
    Volatility,
};

use super::columns::constant;

/// The cast of a constant as it is, or one that is not computed before it is needed.
pub(super) fn unless_read(cast: Expr, schema: &DFSchema) -> Result<Expr> {
    if constant(cast.clone()).is_ok() {
        return Ok(cast);
    }
    let function = ScalarUDF::from(Late {
        to: cast.get_type(schema)?,
        cast,
        signature: Signature::nullary(Volatility::Volatile),
    });
    Ok(function.call(Vec::new()))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Late {
    cast: Expr,
    to: DataType,
    signature: Signature,
}

impl ScalarUDFImpl for Late {
    fn name(&self) -> &str {
        "late"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.to.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        match args.number_rows {
            0 => Ok(ColumnarValue::Array(new_empty_array(&self.to))),
            _ => constant(self.cast.clone()).map(ColumnarValue::Scalar),
        }
    }
}
