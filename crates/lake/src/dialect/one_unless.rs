//! `nullif(a, b)` has the type of `a`, as in DuckDB and PostgreSQL. To the engine it has one into which both fit, so that
//! `1 / nullif(2, 0.5)` would be planned as a division of doubles, and `nullif(day, moment)` be a moment.

use std::sync::Arc;

use arrow::compute::{cast, kernels::cmp::eq, nullif};
use arrow::datatypes::DataType;
use datafusion::error::Result;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;
use datafusion::logical_expr::type_coercion::functions::fields_with_udf;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};

/// The engine's functions, with this one in place of its own.
pub(super) fn of_first(functions: Vec<Arc<ScalarUDF>>) -> Vec<Arc<ScalarUDF>> {
    let of_first = |function: Arc<ScalarUDF>| match function.name() {
        "nullif" => {
            let signature = Signature::user_defined(Volatility::Immutable);
            Arc::new(ScalarUDF::from(OfFirst {
                signature,
                engines: function,
            }))
        }
        _ => function,
    };
    functions.into_iter().map(of_first).collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OfFirst {
    signature: Signature,
    engines: Arc<ScalarUDF>,
}

/// Whether values of two types are compared in a third, and remain what they are.
pub(super) fn keep_types(one: &DataType, other: &DataType) -> bool {
    let is_truth = one == &DataType::Boolean && other.is_integer();
    is_truth || one.is_numeric() && other.is_numeric() || one.is_temporal() && other.is_temporal()
}

impl ScalarUDFImpl for OfFirst {
    fn name(&self) -> &str {
        self.engines.name()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        match types {
            [one, other] if keep_types(one, other) => Ok(types.to_vec()),
            _ => {
                let fields = types.iter().map(|of| {
                    let field = arrow::datatypes::Field::new("x", of.clone(), true);
                    Arc::new(field)
                });
                let fields: Vec<_> = fields.collect();
                let fields = fields_with_udf(&fields, self.engines.as_ref())?;
                Ok(fields.iter().map(|f| f.data_type().clone()).collect())
            }
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        match types {
            [one, other] if keep_types(one, other) => Ok(one.clone()),
            _ => self.engines.inner().return_type(types),
        }
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let types: Vec<DataType> = args.args.iter().map(ColumnarValue::data_type).collect();
        let common = match types.as_slice() {
            [one, other] if one != other => comparison_coercion(one, other),
            _ => None,
        };
        let Some(common) = common else {
            return self.engines.invoke_with_args(args);
        };
        let values = ColumnarValue::values_to_arrays(&args.args)?;
        let is_equal = eq(&cast(&values[0], &common)?, &cast(&values[1], &common)?)?;
        Ok(ColumnarValue::Array(nullif(&values[0], &is_equal)?))
    }
}
