//! Aggregates over types that DuckDB takes otherwise: an average of decimals is a double, a sum of
//! conditions counts them.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility,
};

/// The engine's aggregates, with those that take their argument as DuckDB does in place of its own.
pub(super) fn coerced(
    functions: impl Iterator<Item = Arc<AggregateUDF>>,
) -> Vec<Arc<AggregateUDF>> {
    let coerced = |function: Arc<AggregateUDF>| match function.name() {
        "avg" | "sum" => Arc::new(AggregateUDF::from(Coerced {
            signature: Signature::user_defined(Volatility::Immutable),
            inner: function,
        })),
        _ => function,
    };
    functions.map(coerced).collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Coerced {
    inner: Arc<AggregateUDF>,
    signature: Signature,
}

impl AggregateUDFImpl for Coerced {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn aliases(&self) -> &[String] {
        self.inner.aliases()
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        let of_avg = self.name() == "avg";
        let taken = |given: &DataType| match given {
            DataType::Decimal128(..) | DataType::Decimal256(..) if of_avg => DataType::Float64,
            given if of_avg && given.is_integer() => DataType::Float64,
            DataType::Float32 => DataType::Float64,
            DataType::Boolean => DataType::Int64,
            given if given.is_integer() => DataType::Int64,
            given => given.clone(),
        };
        let taken: Vec<DataType> = types.iter().map(taken).collect();
        match taken.as_slice() {
            [one] if one.is_numeric() || matches!(one, DataType::Duration(_)) => Ok(taken),
            [DataType::Null] => Ok(vec![DataType::Float64]),
            _ => datafusion::common::plan_err!(
                "{}() takes numbers, not {}",
                self.name(),
                types
                    .iter()
                    .map(DataType::to_string)
                    .collect::<Vec<_>>()
                    .join(", ")
            ),
        }
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.inner.return_type(types)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.inner.accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.inner.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.inner.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        self.inner.create_groups_accumulator(args)
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        self.inner.create_sliding_accumulator(args)
    }

    fn order_sensitivity(&self) -> datafusion::logical_expr::utils::AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }
}
