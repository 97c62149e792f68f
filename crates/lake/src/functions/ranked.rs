//! Aggregates of values in their order: the most frequent one, the one at a share of them, and what lies between two
//! at a share.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Float64Array, UInt64Array};
use arrow::compute::{concat, is_not_null, sort_to_indices, take};
use arrow::datatypes::{
    DataType, Decimal128Type, DurationMicrosecondType, Field, FieldRef, Float64Type, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::plan_err;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::types::Dialect;

/// Decimals of more digits are added as whole numbers by DuckDB, and the part of one is cut before.
const DIGITS_OF_64_BITS: u8 = 18;

pub(super) fn aggregates(dialect: Dialect) -> Vec<AggregateUDF> {
    let picks = [
        Pick::Mode,
        Pick::AtShare,
        Pick::AtShareDown,
        Pick::Between,
        Pick::BetweenDown,
        Pick::Middle,
    ]
    .into_iter();
    let signature = || Signature::user_defined(Volatility::Immutable);
    let udf = |pick| {
        AggregateUDF::from(Picked {
            pick,
            dialect,
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
    /// Between the two values around the share, by how near they are to it.
    Between,
    /// The same from the greatest value down.
    BetweenDown,
    /// Between the two values in the middle; of values with nothing between them the first of the two.
    Middle,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Picked {
    pick: Pick,
    dialect: Dialect,
    signature: Signature,
}

impl AggregateUDFImpl for Picked {
    fn name(&self) -> &str {
        match self.pick {
            Pick::Mode => "mode",
            Pick::AtShare => "quantile_disc",
            Pick::AtShareDown => "quantile_disc_down",
            Pick::Between => "quantile_cont",
            Pick::BetweenDown => "quantile_cont_down",
            Pick::Middle => "middle_of",
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
            (Pick::Between | Pick::BetweenDown, [of, share]) if share.is_numeric() => {
                match between_as(of, self.dialect) {
                    Some(taken) => Ok(vec![taken, DataType::Float64]),
                    None => plan_err!("there is nothing between two values of {of}"),
                }
            }
            (Pick::Middle, [of]) => {
                let taken = between_as(of, self.dialect);
                match taken.or_else(|| is_ranked(of, self.dialect).then(|| of.clone())) {
                    Some(taken) => Ok(vec![taken]),
                    None => plan_err!("there is nothing between two values of {of}"),
                }
            }
            (Pick::Middle, _) => plan_err!("median() takes one column"),
            (Pick::Mode, _) => plan_err!("mode() takes one column"),
            (Pick::Between | Pick::BetweenDown, _) => {
                plan_err!("quantile_cont() takes a column and one number from 0 to 1")
            }
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
            dialect: self.dialect,
            data_type: args.return_field.data_type().clone(),
            arrays: Vec::new(),
            share: None,
        }))
    }
}

#[derive(Debug)]
struct Values {
    pick: Pick,
    dialect: Dialect,
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

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let mut gone = values[0].len() - values[0].null_count();
        let mut kept = std::mem::take(&mut self.arrays);
        kept.retain_mut(|array| {
            let here = gone.min(array.len());
            gone -= here;
            *array = array.slice(here, array.len() - here);
            !array.is_empty()
        });
        self.arrays = kept;
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
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
            Pick::Between => return between(&sorted, share(self.share)?, self.dialect),
            Pick::Middle if between_as(sorted.data_type(), self.dialect).is_some() => {
                return between(&sorted, 0.5, self.dialect);
            }
            Pick::Middle => place(Some(0.5), sorted.len())?,
            Pick::BetweenDown => {
                let backwards: UInt64Array = (0..sorted.len() as u64).rev().collect();
                let sorted = take(&sorted, &backwards, None)?;
                return between(&sorted, share(self.share)?, self.dialect);
            }
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
    let upto = (self::share(share)? * count as f64).ceil() as usize;
    Ok(upto.clamp(1, count) - 1)
}

fn share(share: Option<f64>) -> Result<f64> {
    match share.unwrap_or(f64::NAN) {
        share if (0.0..=1.0).contains(&share) => Ok(share),
        share => plan_err!("a share of {share} is not between 0 and 1"),
    }
}

/// What values are taken as, to find one between two of them.
fn between_as(of: &DataType, dialect: Dialect) -> Option<DataType> {
    Some(match (of, dialect) {
        (
            DataType::Decimal128(..) | DataType::Timestamp(TimeUnit::Microsecond, _),
            Dialect::DuckDb,
        ) => of.clone(),
        // A difference of timestamps.
        (DataType::Duration(TimeUnit::Microsecond), _) => of.clone(),
        (DataType::Date32, Dialect::DuckDb) => DataType::Timestamp(TimeUnit::Microsecond, None),
        (of, _) if of.is_numeric() || of.is_null() => DataType::Float64,
        _ => return None,
    })
}

/// What DuckDB takes the median of, though nothing is between two such values.
fn is_ranked(of: &DataType, dialect: Dialect) -> bool {
    dialect == Dialect::DuckDb && (of.is_string() || of == &DataType::Boolean)
}

/// The value at the share of the way from the first to the last.
fn between(sorted: &ArrayRef, share: f64, dialect: Dialect) -> Result<ScalarValue> {
    let at = (sorted.len() - 1) as f64 * share;
    let part = at - at.floor();
    let (low, high) = (at.floor() as usize, at.ceil() as usize);
    // DuckDB's own, as compilers make it: with one rounding of the sum.
    let whole = |low: i128, high: i128| ((high - low) as f64).mul_add(part, low as f64);
    Ok(match sorted.data_type() {
        DataType::Decimal128(precision, scale) => {
            let values = sorted.as_primitive::<Decimal128Type>();
            let (low, high) = (values.value(low), values.value(high));
            let value = match *precision > DIGITS_OF_64_BITS {
                true => low + ((high - low) as f64 * part) as i128,
                false => whole(low, high) as i128,
            };
            ScalarValue::Decimal128(Some(value), *precision, *scale)
        }
        DataType::Timestamp(_, zone) => {
            let values = sorted.as_primitive::<TimestampMicrosecondType>();
            let value = whole(values.value(low).into(), values.value(high).into());
            let value = value.round() as i64;
            ScalarValue::TimestampMicrosecond(Some(value), zone.clone())
        }
        DataType::Duration(_) => {
            let values = sorted.as_primitive::<DurationMicrosecondType>();
            let value = whole(values.value(low).into(), values.value(high).into()) as i64;
            ScalarValue::DurationMicrosecond(Some(value))
        }
        _ => {
            let values = sorted.as_primitive::<Float64Type>();
            let (low, high) = (values.value(low), values.value(high));
            ScalarValue::Float64(Some(match dialect {
                Dialect::DuckDb if part == 0.0 => low,
                Dialect::DuckDb => low.mul_add(1.0 - part, high * part),
                Dialect::Postgres if part == 0.0 => low,
                Dialect::Postgres => low + part * (high - low),
            }))
        }
    })
}
