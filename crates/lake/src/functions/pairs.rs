//! Aggregates of pairs of numbers: `corr`, `covar_pop`, `regr_slope` and their like. Their moments are brought up to date
//! with each pair (Welford 1962; two parts are merged as in Schubert and Gertz, SSDBM 2018), in DuckDB's order of steps,
//! so that the last digits are the same.

use std::collections::VecDeque;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{DataType, Field, FieldRef, Float64Type};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::function::{AccumulatorArgs, StateFieldsArgs};
use datafusion::logical_expr::{
    Accumulator, AggregateUDF, AggregateUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use crate::types::Dialect;

const NAMES: &[(&str, Told)] = &[
    ("corr", Told::Correlation),
    ("covar_pop", Told::Covariance),
    ("covar_samp", Told::SampleCovariance),
    ("regr_avgx", Told::MeanX),
    ("regr_avgy", Told::MeanY),
    ("regr_count", Told::Count),
    ("regr_intercept", Told::Intercept),
    ("regr_r2", Told::Determination),
    ("regr_slope", Told::Slope),
    ("regr_sxx", Told::SquaresX),
    ("regr_sxy", Told::Products),
    ("regr_syy", Told::SquaresY),
];

pub(super) fn aggregates(dialect: Dialect) -> Vec<AggregateUDF> {
    let udf = |(name, told): &(&'static str, Told)| {
        AggregateUDF::from(OfPairs {
            name,
            told: *told,
            dialect,
            signature: Signature::user_defined(Volatility::Immutable),
        })
    };
    NAMES.iter().map(udf).collect()
}

/// What is told of pairs (y, x).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Told {
    Correlation,
    Count,
    Covariance,
    /// The share of y's variance that the line explains.
    Determination,
    Intercept,
    MeanX,
    MeanY,
    Products,
    SampleCovariance,
    Slope,
    SquaresX,
    SquaresY,
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OfPairs {
    name: &'static str,
    told: Told,
    dialect: Dialect,
    signature: Signature,
}

impl OfPairs {
    fn pairs(&self, args: &AccumulatorArgs<'_>) -> Result<Pairs> {
        if args.is_distinct {
            return plan_err!("{}(DISTINCT ...) is not supported", self.name);
        }
        Ok(Pairs {
            told: self.told,
            dialect: self.dialect,
            moments: Moments::default(),
        })
    }
}

impl AggregateUDFImpl for OfPairs {
    fn name(&self) -> &str {
        self.name
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let is_number = |given: &DataType| given.is_numeric() || given.is_null();
        match given {
            [y, x] if is_number(y) && is_number(x) => Ok(vec![DataType::Float64; 2]),
            _ => plan_err!("{}() takes two numbers", self.name),
        }
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(match self.told {
            Told::Count => DataType::Int64,
            _ => DataType::Float64,
        })
    }

    fn state_fields(&self, _: StateFieldsArgs<'_>) -> Result<Vec<FieldRef>> {
        let field = |at| Field::new(format!("moment_{at}"), DataType::Float64, true);
        Ok((0..Moments::COUNT).map(field).map(Arc::new).collect())
    }

    fn accumulator(&self, args: AccumulatorArgs<'_>) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(self.pairs(&args)?))
    }

    fn create_sliding_accumulator(
        &self,
        args: AccumulatorArgs<'_>,
    ) -> Result<Box<dyn Accumulator>> {
        Ok(Box::new(InWindow {
            pairs: VecDeque::new(),
            of: self.pairs(&args)?,
        }))
    }
}

/// Of pairs seen so far. A sum of squares or products is of the distances from the means.
#[derive(Clone, Copy, Debug, Default)]
struct Moments {
    count: f64,
    mean_x: f64,
    mean_y: f64,
    squares_x: f64,
    squares_y: f64,
    products: f64,
    sum_x: f64,
    sum_y: f64,
}

impl Moments {
    const COUNT: usize = 8;

    fn add(&mut self, y: f64, x: f64) {
        self.count += 1.0;
        let (from_x, from_y) = (x - self.mean_x, y - self.mean_y);
        self.mean_x += from_x / self.count;
        self.mean_y += from_y / self.count;
        self.products += from_x * (y - self.mean_y);
        self.squares_x += (x - self.mean_x) * from_x;
        self.squares_y += (y - self.mean_y) * from_y;
        self.sum_x += x;
        self.sum_y += y;
    }

    fn merge(&mut self, other: &Self) {
        if self.count == 0.0 || other.count == 0.0 {
            *self = if self.count == 0.0 { *other } else { *self };
            return;
        }
        let count = self.count + other.count;
        let mean = |of: fn(&Self) -> f64| (other.count * of(other) + self.count * of(self)) / count;
        let (mean_x, mean_y) = (mean(|m| m.mean_x), mean(|m| m.mean_y));
        let (apart_x, apart_y) = (other.mean_x - self.mean_x, other.mean_y - self.mean_y);
        let apart = |product: f64| product * other.count * self.count / count;
        self.products += other.products + apart(apart_x * apart_y);
        self.squares_x += other.squares_x + apart(apart_x * apart_x);
        self.squares_y += other.squares_y + apart(apart_y * apart_y);
        (self.count, self.mean_x, self.mean_y) = (count, mean_x, mean_y);
        self.sum_x += other.sum_x;
        self.sum_y += other.sum_y;
    }

    fn to_array(self) -> [f64; Self::COUNT] {
        let Self {
            count,
            mean_x,
            mean_y,
            squares_x,
            squares_y,
            products,
            sum_x,
            sum_y,
        } = self;
        [
            count, mean_x, mean_y, squares_x, squares_y, products, sum_x, sum_y,
        ]
    }

    fn from_array(
        [
            count,
            mean_x,
            mean_y,
            squares_x,
            squares_y,
            products,
            sum_x,
            sum_y,
        ]: [f64; Self::COUNT],
    ) -> Self {
        Self {
            count,
            mean_x,
            mean_y,
            squares_x,
            squares_y,
            products,
            sum_x,
            sum_y,
        }
    }
}

#[derive(Debug)]
struct Pairs {
    told: Told,
    dialect: Dialect,
    moments: Moments,
}

impl Pairs {
    fn answer(&self) -> Option<f64> {
        let m = &self.moments;
        if m.count == 0.0 {
            return None;
        }
        Some(match self.told {
            Told::Correlation => return self.correlation(),
            Told::Count => m.count,
            Told::Covariance => m.products / m.count,
            Told::Determination if m.squares_x == 0.0 => return None,
            Told::Determination if m.squares_y == 0.0 => 1.0,
            Told::Determination => self.correlation()?.powi(2),
            Told::Intercept => {
                let slope = self.slope().filter(|slope| !slope.is_nan())?;
                m.sum_y / m.count - slope * (m.sum_x / m.count)
            }
            Told::MeanX => m.sum_x / m.count,
            Told::MeanY => m.sum_y / m.count,
            Told::Products => m.count * (m.products / m.count),
            Told::SampleCovariance if m.count < 2.0 => return None,
            Told::SampleCovariance => m.products / (m.count - 1.0),
            Told::Slope => return self.slope(),
            Told::SquaresX => m.count * (m.squares_x / m.count),
            Told::SquaresY => m.count * (m.squares_y / m.count),
        })
    }

    /// What is divided by a spread of zero is no number in DuckDB, and null in PostgreSQL.
    fn divided(&self, by: f64) -> Option<f64> {
        let covariance = self.moments.products / self.moments.count;
        (by != 0.0 || self.dialect == Dialect::DuckDb).then(|| covariance / by)
    }

    fn correlation(&self) -> Option<f64> {
        let m = &self.moments;
        let spread = |squares: f64| (squares / m.count).sqrt();
        self.divided(spread(m.squares_x) * spread(m.squares_y))
    }

    fn slope(&self) -> Option<f64> {
        self.divided(self.moments.squares_x / self.moments.count)
    }
}

/// The pairs without those where one is null.
fn pairs(values: &[ArrayRef]) -> impl Iterator<Item = (f64, f64)> {
    let [ys, xs] = [0, 1].map(|at| values[at].as_primitive::<Float64Type>().iter());
    ys.zip(xs).filter_map(|(y, x)| y.zip(x))
}

impl Accumulator for Pairs {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        pairs(values).for_each(|(y, x)| self.moments.add(y, x));
        Ok(())
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        let moments: Vec<_> = states
            .iter()
            .map(|state| state.as_primitive::<Float64Type>())
            .collect();
        for row in 0..states[0].len() {
            let other: [f64; Moments::COUNT] = std::array::from_fn(|at| moments[at].value(row));
            self.moments.merge(&Moments::from_array(other));
        }
        Ok(())
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        let moments = self.moments.to_array().into_iter();
        Ok(moments.map(ScalarValue::from).collect())
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        Ok(match self.told {
            Told::Count => ScalarValue::Int64(Some(self.moments.count as i64)),
            _ => ScalarValue::Float64(self.answer()),
        })
    }

    fn size(&self) -> usize {
        size_of_val(self)
    }
}

/// The same of the pairs in a moving window, which are taken anew for each of its places.
#[derive(Debug)]
struct InWindow {
    pairs: VecDeque<(f64, f64)>,
    of: Pairs,
}

impl Accumulator for InWindow {
    fn update_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.pairs.extend(pairs(values));
        Ok(())
    }

    fn retract_batch(&mut self, values: &[ArrayRef]) -> Result<()> {
        self.pairs.drain(..pairs(values).count());
        Ok(())
    }

    fn supports_retract_batch(&self) -> bool {
        true
    }

    fn evaluate(&mut self) -> Result<ScalarValue> {
        self.of.moments = Moments::default();
        for (y, x) in &self.pairs {
            self.of.moments.add(*y, *x);
        }
        self.of.evaluate()
    }

    fn merge_batch(&mut self, states: &[ArrayRef]) -> Result<()> {
        self.of.merge_batch(states)
    }

    fn state(&mut self) -> Result<Vec<ScalarValue>> {
        self.of.state()
    }

    fn size(&self) -> usize {
        size_of_val(self) + self.pairs.capacity() * size_of::<(f64, f64)>()
    }
}
