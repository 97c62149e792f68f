//! Aggregates that pick one of the values: the most frequent one, and the one at a share of their order.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array};
use arrow::compute::{concat, is_not_null, sort_to_indices, take};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::plan_err;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

pub(crate) fn aggregates() -> Vec<AggregateUDF> {
    let picks = [Pick::Mode, Pick::AtShare, Pick::AtShareDown].into_iter();
    let signature = || Signature::user_defined(Volatility::Immutable);
    let udf = |pick| {
        AggregateUDF::from(Picked {
            pick,
            signature: signature(),
        })
    };
    picks.map(udf).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Pick {
    /// The most frequent value, of several the least.
    Mode,
    /// The first value in their order that has at least the share of all values up to it.
    AtShare,
    /// The same from the greatest value down.
    AtShareDown,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Picked {
    pick: Pick,
    signature: Signature,
}

impl AggregateUDFImpl for Picked {
    fn name(&self) -> &str {
        match self.pick {
            Pick::Mode => "mode",
            Pick::AtShare => "quantile_disc",
            Pick::AtShareDown => "quantile_disc_down",
        }
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        match (self.pick, given) {
            (Pick::Mode, [of]) => Ok(vec![of.clone()]),
            (Pick::AtShare | Pick::AtShareDown, [of, share]) if share.is_numeric() => {
                Ok(vec![of.clone(), DataType::Float64])
            }
            (Pick::Mode, _) => plan_err!("mode() takes one column"),
            (Pick::AtShare | Pick::AtShareDown, _) => {
                plan_err!("quantile_disc() takes a column and one number from 0 to 1")
            }
        }
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok(given[0].clone())
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let values = Field::new_list(
            "values",
            Field::new_list_field(args.return_type().clone(), true),
            true,
        );
        let share = Field::new("share", DataType::Float64, true);
        Ok(vec![Arc::new(values), Arc::new(share)])
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return plan_err!("{}(DISTINCT ...) is not supported", self.name());
        }
        Ok(Box::new(Values {
            pick: self.pick,
            data_type: args.return_field.data_type().clone(),
            arrays: Vec::new(),
            share: None,
        }))
    }
}

#[derive(Debug)]
struct Values {
    pick: Pick,
    data_type: DataType,
    arrays: Vec<ArrayRef>,
    share: Option<f64>,
}

impl Values {
    fn add(&mut self, values: &ArrayRef) -> Result<()> {
        let present = match values.null_count() {
            0 => Arc::clone(values),
            _ => arrow::compute::filter(values, &is_not_null(values)?)?,
        };
        if !present.is_empty() {
            self.arrays.push(present);
        }
        Ok(())
    }

    fn set_share(&mut self, shares: &Float64Array) {
        self.share = self.share.or_else(|| shares.iter().flatten().next());
    }

    fn all(&self) -> Result<ArrayRef> {
        let arrays: Vec<&dyn Array> = self.arrays.iter().map(AsRef::as_ref).collect();
        Ok(match arrays.is_empty() {
            true => arrow::array::new_empty_array(&self.data_type),
            false => concat(&arrays)?,
        })
    }
}

impl Accumulator for Values {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        if let Some(shares) = values.get(1) {
            self.set_share(shares.as_primitive::<Float64Type>());
        }
        self.add(&values[0])
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.set_share(states[1].as_primitive::<Float64Type>());
        for values in states[0].as_list::<i32>().iter().flatten() {
            self.add(&values)?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let list = SingleRowListArrayBuilder::new(self.all()?).build_list_scalar();
        Ok(vec![list, ScalarValue::Float64(self.share)])
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        let all = self.all()?;
        if all.is_empty() {
            return ScalarValue::try_from(&self.data_type);
        }
        let order = sort_to_indices(&all, None, None)?;
        let sorted = take(&all, &order, None)?;
        let at = match self.pick {
            Pick::Mode => longest_run(&sorted)?,
            Pick::AtShare => place(self.share, sorted.len())?,
            Pick::AtShareDown => sorted.len() - 1 - place(self.share, sorted.len())?,
        };
        ScalarValue::try_from_array(&sorted, at)
    }

    fn size(&self) -> usize {
        let arrays = self
            .arrays
            .iter()
            .map(|array| array.get_array_memory_size());
        size_of_val(self) + arrays.sum::<usize>()
    }
}

/// Where the longest row of equal values begins.
fn longest_run(sorted: &ArrayRef) -> Result<usize> {
    let starts = arrow::compute::partition(&[Arc::clone(sorted)])?.ranges();
    let best = starts.into_iter().rev().max_by_key(|range| range.len());
    Ok(best.map_or(0, |range| range.start))
}

fn place(share: Option<f64>, count: usize) -> Result<usize> {
    let share = share.unwrap_or(f64::NAN);
    if !(0.0..=1.0).contains(&share) {
        return plan_err!("a share of {share} is not between 0 and 1");
    }
    let upto = (share * count as f64).ceil() as usize;
    Ok(upto.clamp(1, count) - 1)
}
