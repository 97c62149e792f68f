//! Aggregates over types that are taken otherwise: to DuckDB an average of decimals is a double, made of their
//! exact sum, and a sum of conditions counts them; to PostgreSQL such an average has many digits. One of lengths
//! of time is a length, and to DuckDB one of moments a moment.

use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, TimeUnit};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature, Volatility,
};

use super::mean_moments;
use crate::types::Dialect;

/// The engine's aggregates, with those that take their argument as the dialect does in place of its own.
pub(super) fn coerced(
    functions: impl Iterator<Item = Arc<AggregateUDF>>,
    dialect: Dialect,
) -> Vec<Arc<AggregateUDF>> {
    let coerced = |function: Arc<AggregateUDF>| match (function.name(), dialect) {
        ("avg", _) | ("sum", Dialect::DuckDb) => Arc::new(AggregateUDF::from(Coerced {
            signature: Signature::user_defined(Volatility::Immutable),
            inner: function,
            dialect,
        })),
        _ => function,
    };
    functions.map(coerced).collect()
}

fn is_length(of: &DataType) -> bool {
    matches!(of, DataType::Duration(_) | DataType::Interval(_))
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Coerced {
    inner: Arc<AggregateUDF>,
    signature: Signature,
    dialect: Dialect,
}

impl Coerced {
    fn is_of_moments(&self, of: &DataType) -> bool {
        self.name() == "avg"
            && self.dialect == Dialect::DuckDb
            && mean_moments::taken(of).as_ref() == Some(of)
    }
}

/// A decimal whose average has sixteen digits after the point, as a quotient has, where they fit.
fn wide(precision: u8, scale: i8) -> DataType {
    let whole = precision.saturating_sub(scale.max(0) as u8);
    let scale = scale.max(34u8.saturating_sub(whole).min(12) as i8);
    DataType::Decimal128((whole + scale.max(0) as u8).min(38), scale)
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
        let is_exact = of_avg && self.dialect == Dialect::DuckDb;
        let moment = |given: &DataType| mean_moments::taken(given).filter(|_| is_exact);
        let taken = |given: &DataType| match given {
            given if moment(given).is_some() => moment(given).unwrap_or(DataType::Null),
            DataType::Decimal128(precision, scale)
                if of_avg && self.dialect == Dialect::Postgres =>
            {
                wide(*precision, *scale)
            }
            DataType::Decimal128(..) if is_exact => given.clone(),
            DataType::UInt64 if is_exact => DataType::Decimal128(20, 0),
            given if is_exact && given.is_integer() => DataType::Int64,
            DataType::Decimal128(..) | DataType::Decimal256(..) if of_avg => DataType::Float64,
            given if of_avg && given.is_integer() => DataType::Float64,
            DataType::Float32 => DataType::Float64,
            DataType::Boolean if is_exact => DataType::Boolean,
            DataType::Boolean => DataType::Int64,
            given if given.is_integer() => DataType::Int64,
            given => given.clone(),
        };
        let taken: Vec<DataType> = types.iter().map(taken).collect();
        match taken.as_slice() {
            [one] if one.is_numeric() || is_length(one) || self.is_of_moments(one) => Ok(taken),
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
        match types {
            // It is a difference of timestamps before it is computed.
            [DataType::Interval(_)] => Ok(DataType::Duration(TimeUnit::Microsecond)),
            [one]
                if self.name() == "avg" && self.dialect == Dialect::DuckDb && one.is_numeric() =>
            {
                Ok(DataType::Float64)
            }
            [one] if self.is_of_moments(one) => Ok(one.clone()),
            types => self.inner.return_type(types),
        }
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        // A difference of timestamps is a duration by now.
        if let Some(of) = args.expr_fields.first()
            && matches!(of.data_type(), DataType::Interval(_))
        {
            return datafusion::common::plan_err!(
                "{}() of intervals is not supported: their months have no one length",
                self.name()
            );
        }
        if self.is_of_moments(args.return_field.data_type()) {
            return mean_moments::accumulator(&args);
        }
        self.inner.accumulator(args)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        if self.is_of_moments(args.return_field.data_type()) {
            return Ok(mean_moments::state_fields());
        }
        self.inner.state_fields(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        !self.is_of_moments(args.return_field.data_type())
            && self.inner.groups_accumulator_supported(args)
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
        if self.is_of_moments(args.return_field.data_type()) {
            return mean_moments::accumulator(&args);
        }
        self.inner.create_sliding_accumulator(args)
    }

    fn order_sensitivity(&self) -> datafusion::logical_expr::utils::AggregateOrderSensitivity {
        self.inner.order_sensitivity()
    }
}
