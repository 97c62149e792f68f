//! Numbers.

use arrow::array::{
    Array, ArrayRef, AsArray, Decimal128Array, Float64Array, Int64Array, ListArray,
};
use arrow::compute::{cast, unary};
use arrow::datatypes::{DataType, Decimal128Type, Float32Type, Float64Type, i256};
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::Result;
use std::sync::Arc;

use super::function::{Function, Takes, double, int, strict};

pub(super) const FUNCTIONS: &[Function] = &[
    // What a cast of a double to a whole number rounds by: halves go to the even side.
    Function {
        names: &["rint"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: |given| given[0].clone(),
        run: |arrays| Ok(rint(&arrays[0])),
    },
    // Of -0.0 and 0.0, which are equal, one.
    Function {
        names: &["one_zero"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: |given| given[0].clone(),
        run: |arrays| Ok(one_zero(&arrays[0])),
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
    // Of a number without a sign, whether it is one.
    Function {
        names: &["within"],
        takes: &[Takes::Any],
        count: (2, 2),
        gives: |_| DataType::Decimal128(38, 0),
        run: |arrays| within(&arrays[0], &arrays[1]),
    },
    Function {
        names: &["bit_count"],
        takes: &[Takes::Int],
        count: (1, 1),
        gives: int,
        run: |arrays| {
            strict::<Int64Array, _>(arrays, |row| Ok(Some(i64::from(row.int(0).count_ones()))))
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

/// A whole number, also `0x1F` and `1_000`, or a number that is rounded to one.
fn whole(text: &str) -> Option<i64> {
    let text = text.trim();
    if let Some(hex) = text.strip_prefix("0x").or(text.strip_prefix("0X")) {
        return i64::from_str_radix(hex, 16).ok();
    }
    let is_grouped = |(at, letter): (usize, char)| {
        let beside = |at: Option<usize>| {
            let letter = at.and_then(|at| text.as_bytes().get(at));
            letter.is_some_and(u8::is_ascii_digit)
        };
        letter != '_' || (beside(at.checked_sub(1)) && beside(Some(at + 1)))
    };
    let text = match text.contains('_') && text.char_indices().all(is_grouped) {
        true => &text.replace('_', ""),
        false => text,
    };
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

fn one_zero(array: &ArrayRef) -> ArrayRef {
    match array.data_type() {
        DataType::Float32 => {
            let array = array.as_primitive::<Float32Type>();
            Arc::new(unary::<_, _, Float32Type>(array, |x| x + 0.0))
        }
        DataType::Float64 => {
            let array = array.as_primitive::<Float64Type>();
            Arc::new(unary::<_, _, Float64Type>(array, |x| x + 0.0))
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
