//! Aggregates that are told of their rows at the end, in windows as in groups: a list of names, argument types and the
//! answer to the rows in which no argument is null.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, MapArray, StructArray, UInt32Array};
use arrow::buffer::OffsetBuffer;
use arrow::compute::{concat, filter, is_not_null, partition, sort_to_indices, take};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type, Int64Type};
use arrow::row::{RowConverter, SortField};
use datafusion::common::plan_err;
use datafusion::common::utils::SingleRowListArrayBuilder;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::function::{Takes, double, taken};

#[derive(Debug)]
struct Collected {
    names: &'static [&'static str],
    takes: &'static [Takes],
    gives: fn(&[DataType]) -> DataType,
    /// Of at least one row, or a null.
    answer: fn(&[ArrayRef]) -> Result<ScalarValue>,
}

const ALL: &[Collected] = &[
    Collected {
        names: &["product"],
        takes: &[Takes::Double],
        gives: double,
        answer: |rows| Ok(Some(doubles(rows).product::<f64>()).into()),
    },
    Collected {
        names: &["fsum", "kahan_sum", "sumkahan"],
        takes: &[Takes::Double],
        gives: double,
        answer: |rows| Ok(Some(careful_sum(rows)).into()),
    },
    Collected {
        names: &["favg"],
        takes: &[Takes::Double],
        gives: double,
        answer: |rows| Ok(Some(careful_sum(rows) / count(rows)).into()),
    },
    Collected {
        names: &["sem"],
        takes: &[Takes::Double],
        gives: double,
        answer: |rows| {
            let spread = central(rows, 2) / count(rows);
            Ok(Some(spread.sqrt() / count(rows).sqrt()).into())
        },
    },
    Collected {
        names: &["skewness"],
        takes: &[Takes::Double],
        gives: double,
        answer: |rows| Ok(skewness(rows).into()),
    },
    Collected {
        names: &["kurtosis"],
        takes: &[Takes::Double],
        gives: double,
        answer: |rows| Ok(kurtosis(rows, true).into()),
    },
    Collected {
        names: &["kurtosis_pop"],
        takes: &[Takes::Double],
        gives: double,
        answer: |rows| Ok(kurtosis(rows, false).into()),
    },
    // Of the distances from the median, the median.
    Collected {
        names: &["mad"],
        takes: &[Takes::Double],
        gives: double,
        answer: |rows| {
            let middle = median(doubles(rows).collect());
            let apart = doubles(rows).map(|value| (value - middle).abs());
            Ok(Some(median(apart.collect())).into())
        },
    },
    Collected {
        names: &["entropy"],
        takes: &[Takes::Any],
        gives: double,
        answer: |rows| {
            let runs = runs(&sorted(&rows[0])?)?;
            let shares = runs.iter().map(|run| run.len() as f64 / count(rows));
            Ok(Some(
                shares
                    .map(|share| (share * share.log2()).abs())
                    .sum::<f64>(),
            )
            .into())
        },
    },
    Collected {
        names: &["histogram"],
        takes: &[Takes::Any],
        gives: |given| counts_type(&given[0]),
        answer: |rows| counts(&rows[0]),
    },
    Collected {
        names: &["value_at_greatest"],
        takes: &[Takes::Any, Takes::Any],
        gives: |given| given[0].clone(),
        answer: |rows| value_at(rows, true),
    },
    Collected {
        names: &["value_at_least"],
        takes: &[Takes::Any, Takes::Any],
        gives: |given| given[0].clone(),
        answer: |rows| value_at(rows, false),
    },
];

pub(super) fn aggregates() -> Vec<AggregateUDF> {
    let udf = |of: &'static Collected| {
        AggregateUDF::from(Wrapped {
            of,
            aliases: of.names[1..].iter().map(|&name| name.to_owned()).collect(),
            signature: Signature::user_defined(Volatility::Immutable),
        })
    };
    ALL.iter().map(udf).collect()
}

// Answers.

fn doubles(rows: &[ArrayRef]) -> impl Iterator<Item = f64> {
    rows[0].as_primitive::<Float64Type>().iter().flatten()
}

fn count(rows: &[ArrayRef]) -> f64 {
    rows[0].len() as f64
}

/// What is lost in an addition is added to the next value (Kahan 1965).
fn careful_sum(rows: &[ArrayRef]) -> f64 {
    let (mut sum, mut lost) = (0.0, 0.0);
    for value in doubles(rows) {
        let value = value - lost;
        let next = sum + value;
        lost = (next - sum) - value;
        sum = next;
    }
    sum
}

/// The sum of the powers of the distances from the mean.
fn central(rows: &[ArrayRef], power: i32) -> f64 {
    let mean = doubles(rows).sum::<f64>() / count(rows);
    doubles(rows).map(|value| (value - mean).powi(power)).sum()
}

/// Of a sample, corrected for its size. Null: it has less than three values.
fn skewness(rows: &[ArrayRef]) -> Option<f64> {
    let n = count(rows);
    let (second, third) = (central(rows, 2) / n, central(rows, 3) / n);
    (n > 2.0).then(|| (n * (n - 1.0)).sqrt() / (n - 2.0) * third / second.powf(1.5))
}

/// In excess of the normal distribution's. Null: there are too few values, or all are equal.
fn kurtosis(rows: &[ArrayRef], of_sample: bool) -> Option<f64> {
    let n = count(rows);
    let (second, fourth) = (central(rows, 2) / n, central(rows, 4) / n);
    let least = if of_sample { 4.0 } else { 2.0 };
    let ratio = fourth / (second * second);
    (n >= least && second > 0.0).then(|| match of_sample {
        true => (n - 1.0) * ((n + 1.0) * ratio - 3.0 * (n - 1.0)) / ((n - 2.0) * (n - 3.0)),
        false => ratio - 3.0,
    })
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let (low, high) = ((values.len() - 1) / 2, values.len() / 2);
    f64::midpoint(values[low], values[high])
}

fn sorted(values: &ArrayRef) -> Result<ArrayRef> {
    let order = sort_to_indices(values, None, None)?;
    Ok(take(values, &order, None)?)
}

fn runs(sorted: &ArrayRef) -> Result<Vec<std::ops::Range<usize>>> {
    Ok(partition(&[Arc::clone(sorted)])?.ranges())
}

fn entries(of: &DataType) -> Field {
    let fields = vec![
        Field::new("key", of.clone(), false),
        Field::new("value", DataType::Int64, true),
    ];
    Field::new("entries", DataType::Struct(fields.into()), false)
}

fn counts_type(of: &DataType) -> DataType {
    DataType::Map(Arc::new(entries(of)), false)
}

/// How often each value occurs.
fn counts(values: &ArrayRef) -> Result<ScalarValue> {
    let values = sorted(values)?;
    let runs = runs(&values)?;
    let first: UInt32Array = runs.iter().map(|run| run.start as u32).collect();
    let counts = runs.iter().map(|run| run.len() as i64);
    let counts = arrow::array::PrimitiveArray::<Int64Type>::from_iter_values(counts);
    let field = entries(values.data_type());
    let DataType::Struct(fields) = field.data_type().clone() else {
        return plan_err!("entries of a map are structures");
    };
    let pairs = StructArray::try_new(
        fields,
        vec![take(&values, &first, None)?, Arc::new(counts)],
        None,
    )?;
    let offsets = OffsetBuffer::from_lengths([runs.len()]);
    let map = MapArray::try_new(Arc::new(field), offsets, pairs, None, false)?;
    ScalarValue::try_from_array(&map, 0)
}

/// The value of the first row in which the other one is greatest, or least.
fn value_at(rows: &[ArrayRef], greatest: bool) -> Result<ScalarValue> {
    let field = SortField::new(rows[1].data_type().clone());
    let keys = RowConverter::new(vec![field])?.convert_columns(&rows[1..])?;
    let mut best = 0;
    for at in 1..keys.num_rows() {
        let is_better = match greatest {
            true => keys.row(at) > keys.row(best),
            false => keys.row(at) < keys.row(best),
        };
        if is_better {
            best = at;
        }
    }
    ScalarValue::try_from_array(&rows[0], best)
}

// The engine's aggregate.

#[derive(Debug)]
struct Wrapped {
    of: &'static Collected,
    aliases: Vec<String>,
    signature: Signature,
}

impl PartialEq for Wrapped {
    fn eq(&self, other: &Self) -> bool {
        self.of.names == other.of.names
    }
}

impl Eq for Wrapped {}

impl std::hash::Hash for Wrapped {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.of.names.hash(state);
    }
}

impl AggregateUDFImpl for Wrapped {
    fn name(&self) -> &str {
        self.of.names[0]
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let takes = self.of.takes;
        if given.len() != takes.len() {
            return plan_err!("{}() takes {} arguments", self.name(), takes.len());
        }
        let each = takes.iter().zip(given);
        let wrong = each.clone().find(|(takes, given)| {
            **takes == Takes::Double && !given.is_numeric() && !given.is_null()
        });
        match wrong {
            Some((_, given)) => plan_err!("{}() takes numbers, not {given}", self.name()),
            None => Ok(each.map(|(takes, given)| taken(*takes, given)).collect()),
        }
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok((self.of.gives)(given))
    }

    fn state_fields(&self, args: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let field = |(at, of): (usize, &FieldRef)| {
            let item = Field::new_list_field(of.data_type().clone(), true);
            Arc::new(Field::new_list(format!("rows_{at}"), item, true))
        };
        Ok(args.input_fields.iter().enumerate().map(field).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        if args.is_distinct {
            return plan_err!("{}(DISTINCT ...) is not supported", self.name());
        }
        let types = args.expr_fields.iter().map(|field| field.data_type());
        Ok(Box::new(Rows {
            of: self.of,
            types: types.cloned().collect(),
            gives: args.return_field.data_type().clone(),
            parts: Vec::new(),
        }))
    }
}

/// The rows so far, in the parts in which they came.
#[derive(Debug)]
struct Rows {
    of: &'static Collected,
    types: Vec<DataType>,
    gives: DataType,
    parts: Vec<Vec<ArrayRef>>,
}

/// Which rows have no null.
fn known(values: &[ArrayRef]) -> Result<BooleanArray> {
    let mut known = is_not_null(&values[0])?;
    for value in &values[1..] {
        known = arrow::compute::and(&known, &is_not_null(value)?)?;
    }
    Ok(known)
}

impl Rows {
    fn columns(&self) -> Result<Vec<ArrayRef>> {
        let column = |at: usize| {
            let parts = self.parts.iter().map(|part| part[at].as_ref());
            let parts: Vec<&dyn Array> = parts.collect();
            Ok(match parts.is_empty() {
                true => arrow::array::new_empty_array(&self.types[at]),
                false => concat(&parts)?,
            })
        };
        (0..self.types.len()).map(column).collect()
    }
}

impl Accumulator for Rows {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let known = known(values)?;
        if known.true_count() > 0 {
            let part = values.iter().map(|value| Ok(filter(value, &known)?));
            self.parts.push(part.collect::<Result<_>>()?);
        }
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        let mut gone = known(values)?.true_count();
        self.parts.retain_mut(|part| {
            let here = gone.min(part[0].len());
            gone -= here;
            let rest = part[0].len() - here;
            part.iter_mut()
                .for_each(|column| *column = column.slice(here, rest));
            rest > 0
        });
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        for row in 0..states[0].len() {
            let part = states.iter().map(|state| state.as_list::<i32>().value(row));
            self.update_batch(&part.collect::<Vec<_>>())?;
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let columns = self.columns()?.into_iter();
        Ok(columns
            .map(|column| SingleRowListArrayBuilder::new(column).build_list_scalar())
            .collect())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        match self.parts.is_empty() {
            true => ScalarValue::try_from(&self.gives),
            false => (self.of.answer)(&self.columns()?),
        }
    }

    fn size(&self) -> usize {
        let arrays = self.parts.iter().flatten();
        size_of_val(self) + arrays.map(|a| a.get_array_memory_size()).sum::<usize>()
    }
}
