//! Numbers.

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Decimal128Array, Float64Array, Int8Array, Int64Array,
    ListArray,
};
use arrow::compute::{cast, unary};
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, i256};
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::Result;
use std::sync::Arc;

use super::forms::ungrouped;
use super::function::{Function, Takes, boolean, double, int, strict};

pub(super) const FUNCTIONS: &[Function] = &[
    // A double as a number of the type of the second argument.
    Function {
        names: &["typed_as"],
        takes: &[Takes::Double, Takes::Any],
        count: (2, 2),
        gives: |given| match given.get(1) {
            Some(of) if of.is_numeric() => of.clone(),
            _ => DataType::Float64,
        },
        run: |arrays| {
            let to = arrays[1].data_type();
            let whole = |value: f64| value.round_ties_even();
            Ok(match to {
                to if to.is_integer() => {
                    let doubles = arrays[0].as_primitive::<Float64Type>();
                    arrow::compute::cast(&doubles.unary::<_, Float64Type>(whole), to)?
                }
                to if to.is_numeric() => arrow::compute::cast(&arrays[0], to)?,
                _ => Arc::clone(&arrays[0]),
            })
        },
    },
    // What a cast of a double to a whole number rounds by: halves go to the even side.
    Function {
        names: &["rint"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: |given| given[0].clone(),
        run: |arrays| Ok(rint(&arrays[0])),
    },
    // The value as it is: what is below is computed, and not looked through. A text with it tells it from others.
    Function {
        names: &["kept"],
        takes: &[Takes::Any],
        count: (1, 2),
        gives: |given| given[0].clone(),
        run: |arrays| Ok(Arc::clone(&arrays[0])),
    },
    // Of the many that are not a number one, which sorts behind all numbers.
    Function {
        names: &["one_nan"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: |given| given[0].clone(),
        // -0.0 is what adds nothing to any number.
        run: |arrays| Ok(one_of_equals(&arrays[0], -0.0)),
    },
    // Of -0.0 and 0.0, which are equal, one; and of what is not a number.
    Function {
        names: &["one_zero"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: |given| given[0].clone(),
        run: |arrays| Ok(one_of_equals(&arrays[0], 0.0)),
    },
    Function {
        names: &["whole_number"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: int,
        run: |arrays| {
            strict::<Int64Array, _>(arrays, |row| match whole(row.text(0)) {
                Some(number) => Ok(Some(number)),
                None => exec_err!("Cannot cast string '{}' to a whole number", row.text(0)),
            })
        },
    },
    Function {
        names: &["try_whole_number"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: int,
        run: |arrays| strict::<Int64Array, _>(arrays, |row| Ok(whole(row.text(0)))),
    },
    // The quotient of decimals with sixteen digits after the point.
    Function {
        names: &["quotient"],
        takes: &[Takes::Any],
        count: (2, 2),
        gives: |_| QUOTIENT,
        run: |arrays| {
            let scale = |at: usize| match arrays[at].data_type() {
                DataType::Decimal128(_, scale) => i32::from(*scale),
                _ => 0,
            };
            let shift = 16 + scale(1) - scale(0);
            let values = |at: usize| arrays[at].as_primitive::<Decimal128Type>();
            let pairs = values(0).iter().zip(values(1));
            let answers = pairs.map(|pair| match pair {
                (Some(one), Some(by)) => quotient(one, by, shift).map(Some),
                _ => Ok(None),
            });
            let answers = answers.collect::<Result<Decimal128Array>>()?;
            Ok(Arc::new(answers.with_data_type(QUOTIENT)))
        },
    },
    Function {
        names: &["whole_quotient"],
        takes: &[Takes::Any],
        count: (2, 2),
        gives: |_| DataType::Decimal128(38, 0),
        run: |arrays| {
            let whole = |at: usize| cast(&arrays[at], &DataType::Decimal128(38, 0));
            let (ones, bys) = (whole(0)?, whole(1)?);
            let bys = bys.as_primitive::<Decimal128Type>().iter();
            let pairs = ones.as_primitive::<Decimal128Type>().iter().zip(bys);
            let answers = pairs.map(|(one, by)| one?.checked_div(by?));
            let answers: Decimal128Array = answers.collect();
            Ok(Arc::new(
                answers.with_data_type(DataType::Decimal128(38, 0)),
            ))
        },
    },
    // Of a number without a sign, whether it is one.
    Function {
        names: &["within"],
        takes: &[Takes::Any],
        count: (2, 2),
        gives: |_| DataType::Decimal128(38, 0),
        run: |arrays| within(&arrays[0], &arrays[1]),
    },
    // As DuckDB's `<<` and `>>`: no bit is lost to the left.
    Function {
        names: &["shift_left"],
        takes: &[Takes::Any, Takes::Int],
        count: (2, 2),
        gives: |given| given[0].clone(),
        run: |arrays| shifted(arrays, left),
    },
    Function {
        names: &["shift_right"],
        takes: &[Takes::Any, Takes::Int],
        count: (2, 2),
        gives: |given| given[0].clone(),
        run: |arrays| {
            shifted(arrays, |number, by, width| {
                Ok(match (0..width).contains(&by) {
                    true => number >> by,
                    false => 0,
                })
            })
        },
    },
    // Whole numbers of decimals, and of doubles.
    Function {
        names: &["floor"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: whole_type,
        run: |arrays| wholes(&arrays[0], f64::floor, i128::div_euclid),
    },
    Function {
        names: &["ceil"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: whole_type,
        run: |arrays| {
            let up = |number: i128, unit| -(-number).div_euclid(unit);
            wholes(&arrays[0], f64::ceil, up)
        },
    },
    Function {
        names: &["within_real"],
        takes: &[Takes::Double],
        count: (1, 1),
        gives: double,
        run: |arrays| {
            strict::<Float64Array, _>(arrays, |row| match real(row.double(0)) {
                Some(number) => Ok(Some(number)),
                None => exec_err!("{:?} is out of the range of real", row.double(0)),
            })
        },
    },
    Function {
        names: &["try_within_real"],
        takes: &[Takes::Double],
        count: (1, 1),
        gives: double,
        run: |arrays| strict::<Float64Array, _>(arrays, |row| Ok(real(row.double(0)))),
    },
    // PostgreSQL's `/` of doubles.
    Function {
        names: &["double_quotient"],
        takes: &[Takes::Double, Takes::Double],
        count: (2, 2),
        gives: double,
        run: |arrays| {
            strict::<Float64Array, _>(arrays, |row| match row.double(1) {
                0.0 => Err(arrow::error::ArrowError::DivideByZero.into()),
                by => Ok(Some(row.double(0) / by)),
            })
        },
    },
    // Dates and timestamps all are.
    Function {
        names: &["isfinite"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: boolean,
        run: |arrays| {
            let doubles = match arrays[0].data_type().is_numeric() {
                true => cast(&arrays[0], &DataType::Float64)?,
                false => Arc::clone(&arrays[0]),
            };
            strict::<BooleanArray, _>(&[doubles], |row| {
                let is_double = row.array(0).data_type() == &DataType::Float64;
                Ok(Some(!is_double || row.double(0).is_finite()))
            })
        },
    },
    Function {
        names: &["bit_count"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: int,
        run: |arrays| {
            // A negative number has as many as its type has bits.
            let bits = match arrays[0].data_type() {
                DataType::Int8 => 8,
                DataType::Int16 => 16,
                DataType::Int32 => 32,
                _ => 64,
            };
            let wide = cast(&arrays[0], &DataType::Int64)?;
            strict::<Int64Array, _>(&[wide], |row| {
                let unused = 64 - bits;
                Ok(Some(i64::from((row.int(0) << unused).count_ones())))
            })
        },
    },
    Function {
        names: &["width_bucket"],
        takes: &[Takes::Double, Takes::Double, Takes::Double, Takes::Int],
        count: (4, 4),
        gives: int,
        run: |arrays| {
            strict::<Int64Array, _>(arrays, |row| {
                bucket(row.double(0), row.double(1), row.double(2), row.int(3)).map(Some)
            })
        },
    },
    Function {
        names: &["round_even", "roundbankers"],
        takes: &[Takes::Double, Takes::Int],
        count: (2, 2),
        gives: double,
        run: |arrays| {
            strict::<Float64Array, _>(arrays, |row| {
                let scale = 10f64.powi(i32::try_from(row.int(1)).unwrap_or(0));
                Ok(Some((row.double(0) * scale).round_ties_even() / scale))
            })
        },
    },
];

pub(super) const DUCKDB: &[Function] = &[
    Function {
        names: &["trunc"],
        takes: &[Takes::Any, Takes::Int],
        count: (1, 2),
        gives: |given| match given {
            [of] if of.is_integer() => of.clone(),
            given => cut_type(given),
        },
        run: |arrays| match arrays {
            [of] if of.data_type().is_integer() => Ok(Arc::clone(of)),
            arrays => cut(arrays),
        },
    },
    Function {
        names: &["signum"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: |_| DataType::Int8,
        run: |arrays| {
            let numbers = [cast(&arrays[0], &DataType::Float64)?];
            strict::<Int8Array, _>(&numbers, |row| {
                Ok(Some(match row.double(0) {
                    number if number > 0.0 => 1,
                    number if number < 0.0 => -1,
                    _ => 0,
                }))
            })
        },
    },
];

pub(super) const POSTGRES: &[Function] = &[Function {
    names: &["trunc"],
    takes: &[Takes::Any, Takes::Int],
    count: (1, 2),
    gives: cut_type,
    run: cut,
}];

fn cut_type(given: &[DataType]) -> DataType {
    match given {
        [_] => whole_type(given),
        _ => DataType::Float64,
    }
}

/// Without what is behind the point, or behind so many digits after it.
fn cut(arrays: &[ArrayRef]) -> Result<ArrayRef> {
    let [numbers, _] = arrays else {
        return wholes(&arrays[0], f64::trunc, |number, unit| number / unit);
    };
    let arrays = [cast(numbers, &DataType::Float64)?, Arc::clone(&arrays[1])];
    strict::<Float64Array, _>(&arrays, |row| {
        let by = 10f64.powi(row.int(1).unsigned_abs().min(400) as i32);
        Ok(Some(match row.int(1) {
            0.. => (row.double(0) * by).trunc() / by,
            _ => (row.double(0) / by).trunc() * by,
        }))
    })
}

/// Without a fraction: decimals keep their digits before the point, and whole numbers become doubles.
fn whole_type(given: &[DataType]) -> DataType {
    match given[0] {
        DataType::Decimal128(digits, _) => DataType::Decimal128(digits, 0),
        _ => DataType::Float64,
    }
}

/// Each as a whole number, `of_decimal` from its smallest units and how many of them make one.
fn wholes(
    numbers: &ArrayRef,
    of_double: fn(f64) -> f64,
    of_decimal: fn(i128, i128) -> i128,
) -> Result<ArrayRef> {
    let DataType::Decimal128(digits, scale) = *numbers.data_type() else {
        let doubles = cast(numbers, &DataType::Float64)?;
        let doubles = doubles.as_primitive::<Float64Type>();
        return Ok(Arc::new(unary::<_, _, Float64Type>(doubles, of_double)));
    };
    let unit = 10i128.pow(u32::try_from(scale).unwrap_or(0));
    let decimals = numbers.as_primitive::<Decimal128Type>();
    let whole = unary::<_, _, Decimal128Type>(decimals, |number| of_decimal(number, unit));
    Ok(Arc::new(whole.with_precision_and_scale(digits, 0)?))
}

fn shifted(arrays: &[ArrayRef], shift: fn(i64, i64, i64) -> Result<i64>) -> Result<ArrayRef> {
    let of = arrays[0].data_type();
    let width = 8 * of.primitive_width().unwrap_or(8) as i64;
    let numbers = [cast(&arrays[0], &DataType::Int64)?, Arc::clone(&arrays[1])];
    let answers = strict::<Int64Array, _>(&numbers, |row| {
        shift(row.int(0), row.int(1), width).map(Some)
    })?;
    Ok(cast(&answers, of)?)
}

fn left(number: i64, by: i64, width: i64) -> Result<i64> {
    let room = i64::from(number.leading_zeros()) - (64 - width);
    match number {
        _ if !(0..width).contains(&by) => exec_err!("{by} bits are more than the number has"),
        0 => Ok(0),
        ..0 => exec_err!("{number} is negative, and cannot be shifted to the left"),
        _ if by < room => Ok(number << by),
        _ => exec_err!("{number} << {by} does not fit into the number's type"),
    }
}

/// None: it is too large for 32 bits.
fn real(number: f64) -> Option<f64> {
    let is_lost = number.is_finite() && (number as f32).is_infinite();
    (!is_lost).then_some(number)
}

const QUOTIENT: DataType = DataType::Decimal128(38, 16);

/// Halves are rounded away from zero.
fn quotient(one: i128, by: i128, shift: i32) -> Result<i128> {
    if by == 0 {
        return Err(arrow::error::ArrowError::DivideByZero.into());
    }
    let (one, by) = (i256::from_i128(one), i256::from_i128(by));
    let power = |of: i32| i256::from_i128(10).checked_pow(of.unsigned_abs());
    let scaled = |number: i256, of: i32| power(of).and_then(|by| number.checked_mul(by));
    let (one, by) = match shift >= 0 {
        true => (scaled(one, shift), Some(by)),
        false => (Some(one), scaled(by, shift)),
    };
    let answer = one.zip(by).and_then(|(one, by)| {
        let (whole, rest) = (one.checked_div(by)?, one.checked_rem(by)?);
        let two = i256::from_i128(2);
        let half = rest.checked_abs()?.checked_mul(two)? >= by.checked_abs()?;
        let sign = if (one < i256::ZERO) == (by < i256::ZERO) {
            1
        } else {
            -1
        };
        match half {
            true => whole.checked_add(i256::from_i128(sign))?.to_i128(),
            false => whole.to_i128(),
        }
    });
    answer.ok_or_else(|| exec_datafusion_err!("the quotient of the decimals is too large"))
}

/// A whole number, also `0x1F`, `0b11` and `1_000`, or a number that is rounded to one.
pub(super) fn whole(text: &str) -> Option<i64> {
    let text = text.trim();
    for (prefix, radix) in [("0x", 16), ("0X", 16), ("0b", 2), ("0B", 2)] {
        if let Some(digits) = text.strip_prefix(prefix) {
            return i64::from_str_radix(digits, radix).ok();
        }
    }
    let text = ungrouped(text);
    text.parse().ok().or_else(|| {
        let number: f64 = text.parse().ok()?;
        let rounded = number.round();
        (rounded.abs() < 9e18).then_some(rounded as i64)
    })
}

fn bucket(value: f64, low: f64, high: f64, count: i64) -> Result<i64> {
    if count < 1 || low == high || !(low.is_finite() && high.is_finite()) {
        return exec_err!("width_bucket() needs two different finite bounds and a positive count");
    }
    let place = (value - low) / (high - low) * count as f64;
    Ok(match place {
        p if p < 0.0 => 0,
        p if p >= count as f64 => count + 1,
        p => p.floor() as i64 + 1,
    })
}

fn within(numbers: &ArrayRef, most: &ArrayRef) -> Result<ArrayRef> {
    let whole = DataType::Decimal128(38, 0);
    let (numbers, most) = (cast(numbers, &whole)?, cast(most, &whole)?);
    let most = most.as_primitive::<Decimal128Type>();
    for (number, most) in numbers.as_primitive::<Decimal128Type>().iter().zip(most) {
        if let (Some(number), Some(most)) = (number, most)
            && !(0..=most).contains(&number)
        {
            return exec_err!("{number} is out of range: the type holds 0 to {most}");
        }
    }
    Ok(numbers)
}

/// What every float becomes: one NaN of the many, and `x + zero`. What is no float stays.
fn one_of_equals(array: &ArrayRef, zero: f32) -> ArrayRef {
    match array.data_type() {
        DataType::Float32 => {
            let array = array.as_primitive::<Float32Type>();
            let one = |x: f32| if x.is_nan() { f32::NAN } else { x + zero };
            Arc::new(unary::<_, _, Float32Type>(array, one))
        }
        DataType::Float64 => {
            let array = array.as_primitive::<Float64Type>();
            let zero = f64::from(zero);
            let one = |x: f64| if x.is_nan() { f64::NAN } else { x + zero };
            Arc::new(unary::<_, _, Float64Type>(array, one))
        }
        _ => Arc::clone(array),
    }
}

/// Of lists, each item.
fn rint(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::List(item) => {
            let lists = array.as_list::<i32>();
            let values = rint(lists.values());
            let (offsets, nulls) = (lists.offsets().clone(), lists.nulls().cloned());
            Arc::new(ListArray::new(Arc::clone(item), offsets, values, nulls))
        }
        DataType::Float32 => {
            let array = array.as_primitive::<Float32Type>();
            Arc::new(unary::<_, _, Float32Type>(array, f32::round_ties_even))
        }
        DataType::Float64 => {
            let array = array.as_primitive::<Float64Type>();
            Arc::new(unary::<_, _, Float64Type>(array, f64::round_ties_even))
        }
        _ => Arc::clone(array),
    }
}
