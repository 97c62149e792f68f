//! `hash(...)`: DuckDB's number for a row of values, which projects keep as its key. As it was in DuckDB 2.0:
//! its mixing is the two rounds of Murmur's kind over 64 bits by one factor.

use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, Decimal128Array};
use arrow::compute::cast;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Float32Type, Float64Type, Int16Type, Int32Type,
    Int64Type, Time64MicrosecondType, TimeUnit, TimestampMicrosecondType,
};
use datafusion::common::plan_err;
use datafusion::error::Result;

use super::function::{Function, Takes};

const FACTOR: u64 = 0xd6e8_feb8_6659_fd93;
const OF_NULL: u64 = 0xbf58_476d_1ce4_e5b9;

pub(super) const DUCKDB: &[Function] = &[Function {
    names: &["hash"],
    takes: &[Takes::Any],
    count: (1, usize::MAX),
    gives: |_| DataType::Decimal128(20, 0),
    run: |arrays| {
        let mut all = hashes(&arrays[0])?;
        for array in &arrays[1..] {
            for (so_far, one) in all.iter_mut().zip(hashes(array)?) {
                *so_far ^= *so_far >> 32;
                *so_far = so_far.wrapping_mul(FACTOR) ^ one;
            }
        }
        let all = all.into_iter().map(i128::from).collect::<Vec<_>>();
        Ok(Arc::new(
            Decimal128Array::from(all).with_precision_and_scale(20, 0)?,
        ))
    },
}];

fn hashes(array: &ArrayRef) -> Result<Vec<u64>> {
    macro_rules! each {
        ($kind:ty, $hash:expr) => {
            each(array.as_primitive::<$kind>().iter(), $hash)
        };
    }
    // What has less than 64 bits is hashed as 32.
    let short = |value: i32| mixed(u64::from(value as u32));
    let long = |value: i64| mixed(value as u64);
    Ok(match array.data_type() {
        DataType::Null => vec![OF_NULL; array.len()],
        DataType::Boolean => each(array.as_boolean().iter(), |value| mixed(value.into())),
        DataType::Int16 => each!(Int16Type, |value| short(value.into())),
        DataType::Int32 => each!(Int32Type, short),
        DataType::Int64 => each!(Int64Type, long),
        DataType::Date32 => each!(Date32Type, short),
        DataType::Timestamp(..) => each!(TimestampMicrosecondType, long),
        DataType::Time64(TimeUnit::Microsecond) => each!(Time64MicrosecondType, long),
        DataType::Time32(_) | DataType::Time64(_) => {
            hashes(&cast(array, &DataType::Time64(TimeUnit::Microsecond))?)?
        }
        DataType::Float32 => each!(Float32Type, |value| mixed(match value {
            0.0 => 0,
            value if value.is_nan() => f32::NAN.to_bits().into(),
            value => value.to_bits().into(),
        })),
        DataType::Float64 => each!(Float64Type, |value| mixed(match value {
            0.0 => 0,
            value if value.is_nan() => f64::NAN.to_bits(),
            value => value.to_bits(),
        })),
        DataType::Decimal128(precision, _) => match precision {
            ..=9 => each!(Decimal128Type, |value| short(value as i32)),
            10..=18 => each!(Decimal128Type, |value| long(value as i64)),
            _ => each!(Decimal128Type, |value| {
                mixed(value as u64) ^ mixed((value >> 64) as u64)
            }),
        },
        DataType::Utf8 => each(array.as_string::<i32>().iter(), |text| {
            of_bytes(text.as_bytes())
        }),
        DataType::Binary => each(array.as_binary::<i32>().iter(), of_bytes),
        of => {
            return plan_err!("hash() of a {of} is not supported: cast it to text, as for md5()");
        }
    })
}

fn each<T>(values: impl Iterator<Item = Option<T>>, hash: impl Fn(T) -> u64) -> Vec<u64> {
    values.map(|value| value.map_or(OF_NULL, &hash)).collect()
}

fn mixed(value: u64) -> u64 {
    let once = (value ^ (value >> 32)).wrapping_mul(FACTOR);
    let twice = (once ^ (once >> 32)).wrapping_mul(FACTOR);
    twice ^ (twice >> 32)
}

/// Eight bytes at a time, the last ones with zeros behind them; a text of up to eight is one such block.
fn of_bytes(bytes: &[u8]) -> u64 {
    let length = (bytes.len() as u64).wrapping_mul(0xc6a4_a793_5bd1_e995);
    let block = |so_far: u64, block: &[u8]| {
        let mut eight = [0; 8];
        eight[..block.len()].copy_from_slice(block);
        (so_far ^ u64::from_le_bytes(eight)).wrapping_mul(FACTOR)
    };
    mixed(bytes.chunks(8).fold(0xe17a_1465 ^ length, block))
}
