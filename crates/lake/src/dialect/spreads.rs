//! `stddev` and `variance` over a moving window are computed from the values in it. The engine takes what leaves
//! the window out of its sums again, and keeps the error of that: values that are all equal have a spread of
//! 1e-7 then.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef};
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, GroupsAccumulator, Signature,
};

use super::moving::{Moving, OfValues};

const SPREADS: &[&str] = &["var", "var_pop", "stddev", "stddev_pop"];

/// The engine's aggregates, with those that tell a spread in place of its own.
pub(super) fn exact(functions: Vec<Arc<AggregateUDF>>) -> Vec<Arc<AggregateUDF>> {
    let exact = |function: Arc<AggregateUDF>| match SPREADS.contains(&function.name()) {
        true => Arc::new(AggregateUDF::from(Spreading(function))),
        false => function,
    };
    functions.into_iter().map(exact).collect()
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Spreading(Arc<AggregateUDF>);

impl AggregateUDFImpl for Spreading {
    fn name(&self) -> &str {
        self.0.name()
    }

    fn aliases(&self) -> &[String] {
        self.0.aliases()
    }

    fn signature(&self) -> &Signature {
        self.0.signature()
    }

    fn coerce_types(&self, types: &[DataType]) -> Result<Vec<DataType>> {
        self.0.coerce_types(types)
    }

    fn return_type(&self, types: &[DataType]) -> Result<DataType> {
        self.0.return_type(types)
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        self.0.state_fields(args)
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        self.0.accumulator(args)
    }

    fn groups_accumulator_supported(&self, args: AccumulatorArgs<'_>) -> bool {
        self.0.groups_accumulator_supported(args)
    }

    fn create_groups_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn GroupsAccumulator>> {
        self.0.create_groups_accumulator(args)
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        match args.is_distinct {
            true => self.0.create_sliding_accumulator(args),
            false => Ok(Box::new(Moving::of(Spread {
                of_sample: !self.name().ends_with("_pop"),
                is_root: self.name().starts_with("stddev"),
            }))),
        }
    }
}

#[derive(Debug)]
struct Spread {
    of_sample: bool,
    is_root: bool,
}

impl OfValues for Spread {
    fn answer(&self, values: &VecDeque<f64>) -> Option<f64> {
        let count = values.len();
        let by = count
            .checked_sub(usize::from(self.of_sample))
            .filter(|by| *by > 0)?;
        let mean = values.iter().sum::<f64>() / count as f64;
        let squares = values.iter().map(|value| (value - mean).powi(2));
        let variance = squares.sum::<f64>() / by as f64;
        Some(match self.is_root {
            true => variance.sqrt(),
            false => variance,
        })
    }
}
