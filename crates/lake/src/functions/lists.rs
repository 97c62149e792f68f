//! Lists: their length, and series of numbers and moments.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BooleanArray, Decimal128Array, Float64Array, Int64Array,
    Int64Builder, ListBuilder, Scalar, TimestampMicrosecondBuilder, UInt64Array,
};
use arrow::compute::kernels::cmp::eq;
use arrow::compute::{SortOptions, cast, concat, sum_checked, take};
use arrow::datatypes::{
    DataType, Decimal128Type, Float64Type, Int64Type, IntervalMonthDayNano,
    IntervalMonthDayNanoType, IntervalUnit, TimeUnit, TimestampMicrosecondType,
};
use arrow::row::{Row, RowConverter, SortField};
use chrono::Months;
use datafusion::common::exec_err;
use datafusion::error::Result;
use datafusion::logical_expr::type_coercion::binary::comparison_coercion;

use super::dates::moment;
use super::function::{Function, Takes, boolean, int, strict, strict_lists, texts};
use super::json_text::{items, unquoted};

/// More items than that are a mistake.
const MOST: usize = 100_000_000;

pub(super) const FUNCTIONS: &[Function] = &[
    Function {
        names: &["len", "length"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: int,
        run: |arrays| {
            let array = &arrays[0];
            match array.data_type() {
                DataType::List(_) => strict::<Int64Array, _>(arrays, |row| {
                    Ok(Some(i64::from(
                        array.as_list::<i32>().value_length(row.at()),
                    )))
                }),
                DataType::Map(..) => strict::<Int64Array, _>(arrays, |row| {
                    Ok(Some(array.as_map().value_length(row.at()).into()))
                }),
                DataType::Binary => strict::<Int64Array, _>(arrays, |row| {
                    Ok(Some(array.as_binary::<i32>().value(row.at()).len() as i64))
                }),
                _ => {
                    let texts = [cast(array, &DataType::Utf8)?];
                    strict::<Int64Array, _>(&texts, |row| {
                        Ok(Some(row.text(0).chars().count() as i64))
                    })
                }
            }
        },
    },
    // The sum in the items' own kind of number.
    Function {
        names: &["array_sum", "list_sum"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: |given| sum_type(&given[0]),
        run: |arrays| sums(&arrays[0]),
    },
    // Of JSON, and PostgreSQL's `{a,"b c",null}`.
    Function {
        names: &["items_of_text"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: texts,
        run: |arrays| {
            strict_lists(arrays, |row| match items_of(row.text(0)) {
                Some(items) => Ok(Some(items)),
                None => exec_err!("Cannot cast string '{}' to a list", row.text(0)),
            })
        },
    },
    Function {
        names: &["try_items_of_text"],
        takes: &[Takes::Text],
        count: (1, 1),
        gives: texts,
        run: |arrays| strict_lists(arrays, |row| Ok(items_of(row.text(0)))),
    },
    // What lists and structures are ordered by: nulls in them are the greatest.
    Function {
        names: &["nested_key"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: |_| DataType::Binary,
        run: |arrays| nested_keys(&arrays[0]),
    },
    Function {
        names: &["generate_series"],
        takes: &[Takes::Any],
        count: (1, 3),
        gives: series_type,
        run: |arrays| series(arrays, true),
    },
    Function {
        names: &["range"],
        takes: &[Takes::Any],
        count: (1, 3),
        gives: series_type,
        run: |arrays| series(arrays, false),
    },
];

pub(super) const DUCKDB: &[Function] = &[
    // The most frequent item, of several the first.
    Function {
        names: &["first_most"],
        takes: &[Takes::Any],
        count: (1, 1),
        gives: |given| match &given[0] {
            DataType::List(item) => item.data_type().clone(),
            other => other.clone(),
        },
        run: |arrays| first_most(&arrays[0]),
    },
    // Of a list an item, of a map a key, of a text a part.
    Function {
        names: &["contains"],
        takes: &[Takes::Any, Takes::Any],
        count: (2, 2),
        gives: boolean,
        run: |arrays| match arrays[0].data_type() {
            DataType::List(_) => {
                let lists = arrays[0].as_list::<i32>();
                held(arrays, lists.values(), lists.value_offsets())
            }
            DataType::Map(..) => {
                let maps = arrays[0].as_map();
                held(arrays, maps.keys(), maps.value_offsets())
            }
            _ => {
                let texts = [
                    cast(&arrays[0], &DataType::Utf8)?,
                    cast(&arrays[1], &DataType::Utf8)?,
                ];
                strict::<BooleanArray, _>(&texts, |row| Ok(Some(row.text(0).contains(row.text(1)))))
            }
        },
    },
];

/// Whether the value is among the items of its row. A text beside items of another kind is read as one of them.
fn held(arrays: &[ArrayRef], items: &ArrayRef, ends: &[i32]) -> Result<ArrayRef> {
    let (of_items, of_value) = (items.data_type(), arrays[1].data_type());
    let one_is_text = of_items.is_string() != of_value.is_string();
    let both = match one_is_text {
        true => None,
        false => comparison_coercion(of_items, of_value),
    };
    let both = both.unwrap_or_else(|| of_items.clone());
    let keys = |values: &ArrayRef| match both.is_nested() {
        true => nested_keys(&cast(values, &both)?),
        false => Ok(cast(values, &both)?),
    };
    let (items, wanted) = (keys(items)?, keys(&arrays[1])?);
    strict::<BooleanArray, _>(&[Arc::clone(&arrays[0]), Arc::clone(&wanted)], |row| {
        let (first, end) = (ends[row.at()] as usize, ends[row.at() + 1] as usize);
        let own = items.slice(first, end - first);
        let same = eq(&own, &Scalar::new(wanted.slice(row.at(), 1)))?;
        Ok(Some(same.iter().any(|same| same == Some(true))))
    })
}

fn sum_type(list: &DataType) -> DataType {
    match list {
        DataType::List(item) if item.data_type().is_integer() => DataType::Int64,
        DataType::List(item) => match item.data_type() {
            DataType::Decimal128(_, scale) => DataType::Decimal128(38, *scale),
            _ => DataType::Float64,
        },
        _ => DataType::Float64,
    }
}

fn first_most(lists: &ArrayRef) -> Result<ArrayRef> {
    let lists = lists.as_list::<i32>();
    let items = lists.values();
    let converter = RowConverter::new(vec![SortField::new(items.data_type().clone())])?;
    let rows = converter.convert_columns(&[Arc::clone(items)])?;
    let offsets = lists.value_offsets();
    let chosen = (0..lists.len()).map(|at| {
        let mut counts: HashMap<Row<'_>, (usize, Reverse<usize>)> = HashMap::new();
        let (first, end) = (offsets[at] as usize, offsets[at + 1] as usize);
        for item in (first..end).filter(|item| lists.is_valid(at) && items.is_valid(*item)) {
            let count = counts.entry(rows.row(item));
            count.or_insert((0, Reverse(item))).0 += 1;
        }
        let most = counts.into_values().max();
        most.map(|(_, Reverse(item))| item as u64)
    });
    let chosen: UInt64Array = chosen.collect();
    Ok(take(items, &chosen, None)?)
}

/// Null where nothing is there to be added.
fn sums(array: &ArrayRef) -> Result<ArrayRef> {
    let to = sum_type(array.data_type());
    let DataType::List(_) = array.data_type() else {
        return Ok(arrow::array::new_null_array(&to, array.len()));
    };
    let lists = array.as_list::<i32>();
    let each = (0..lists.len()).map(|at| {
        let items = match lists.is_valid(at) {
            true => cast(&lists.value(at), &to)?,
            false => arrow::array::new_null_array(&to, 0),
        };
        let sum: ArrayRef = match &to {
            DataType::Int64 => Arc::new(Int64Array::from(vec![sum_checked(
                items.as_primitive::<Int64Type>(),
            )?])),
            DataType::Decimal128(..) => {
                let sum = sum_checked(items.as_primitive::<Decimal128Type>())?;
                Arc::new(Decimal128Array::from(vec![sum]).with_data_type(to.clone()))
            }
            _ => Arc::new(Float64Array::from(vec![sum_checked(
                items.as_primitive::<Float64Type>(),
            )?])),
        };
        Ok(sum)
    });
    let each = each.collect::<Result<Vec<ArrayRef>>>()?;
    let each: Vec<&dyn Array> = each.iter().map(AsRef::as_ref).collect();
    Ok(match each.is_empty() {
        true => arrow::array::new_empty_array(&to),
        false => concat(&each)?,
    })
}

/// None: it is no list.
fn items_of(text: &str) -> Option<Vec<Option<String>>> {
    let text = text.trim();
    let braced = text
        .strip_prefix('{')
        .and_then(|rest| rest.strip_suffix('}'));
    let list = match braced {
        Some(inside) => &format!("[{inside}]"),
        None => text,
    };
    if !list.starts_with('[') || !list.ends_with(']') {
        return None;
    }
    let item = |item: &str| match item {
        item if item.eq_ignore_ascii_case("null") => Some(None),
        item if item.starts_with('"') => Some(Some(unquoted(item))),
        item => Some(Some(item.trim_matches('\'').to_owned())),
    };
    items(list).into_iter().map(item).collect()
}

fn nested_keys(values: &ArrayRef) -> Result<ArrayRef> {
    let order = SortOptions {
        descending: false,
        nulls_first: false,
    };
    let field = SortField::new_with_options(values.data_type().clone(), order);
    let rows = RowConverter::new(vec![field])?.convert_columns(&[Arc::clone(values)])?;
    let keys = rows.iter().enumerate();
    let keys = keys.map(|(at, row)| values.is_valid(at).then(|| row.data().to_vec()));
    Ok(Arc::new(keys.collect::<BinaryArray>()))
}

fn is_number(given: &DataType) -> bool {
    given.is_numeric() || given == &DataType::Null
}

fn series_type(given: &[DataType]) -> DataType {
    match is_number(&given[0]) && given.get(1).is_none_or(is_number) {
        true => DataType::new_list(DataType::Int64, true),
        false => {
            let zone = given.iter().find_map(|given| match given {
                DataType::Timestamp(_, zone) => zone.clone(),
                _ => None,
            });
            DataType::new_list(DataType::Timestamp(TimeUnit::Microsecond, zone), true)
        }
    }
}

/// `inclusive`: with the end.
fn series(arrays: &[ArrayRef], inclusive: bool) -> Result<ArrayRef> {
    let types: Vec<DataType> = arrays
        .iter()
        .map(|array| array.data_type().clone())
        .collect();
    match series_type(&types) {
        DataType::List(item) if item.data_type() == &DataType::Int64 => numbers(arrays, inclusive),
        DataType::List(item) => moments(arrays, inclusive, item.data_type()),
        other => exec_err!("a series is no {other}"),
    }
}

fn numbers(arrays: &[ArrayRef], inclusive: bool) -> Result<ArrayRef> {
    let arrays: Vec<ArrayRef> = arrays
        .iter()
        .map(|array| cast(array, &DataType::Int64))
        .collect::<Result<_, _>>()?;
    let mut lists = ListBuilder::new(Int64Builder::new());
    for at in 0..arrays[0].len() {
        if arrays.iter().any(|array| array.is_null(at)) {
            lists.append_null();
            continue;
        }
        let value = |argument: usize| arrays[argument].as_primitive::<Int64Type>().value(at);
        let (start, end, step) = match arrays.len() {
            1 => (0, value(0), 1),
            2 => (value(0), value(1), 1),
            _ => (value(0), value(1), value(2)),
        };
        if step == 0 {
            return exec_err!("the step of a series cannot be 0");
        }
        let mut next = Some(start);
        while let Some(number) = next.filter(|number| goes_on(*number, end, step > 0, inclusive)) {
            lists.values().append_value(number);
            next = number.checked_add(step);
            check_length(lists.values().values_slice().len())?;
        }
        lists.append(true);
    }
    Ok(Arc::new(lists.finish()))
}

fn goes_on(value: i64, end: i64, upwards: bool, inclusive: bool) -> bool {
    match upwards {
        true => value < end || (inclusive && value == end),
        false => value > end || (inclusive && value == end),
    }
}

fn check_length(items: usize) -> Result<()> {
    match items > MOST {
        true => exec_err!("a series of more than {MOST} items"),
        false => Ok(()),
    }
}

fn moments(arrays: &[ArrayRef], inclusive: bool, item: &DataType) -> Result<ArrayRef> {
    let [start, end, step] = arrays else {
        return exec_err!("a series of dates needs a start, an end and an interval");
    };
    let naive = DataType::Timestamp(TimeUnit::Microsecond, None);
    let interval = DataType::Interval(IntervalUnit::MonthDayNano);
    let (start, end, step) = (
        cast(start, &naive)?,
        cast(end, &naive)?,
        cast(step, &interval)?,
    );
    let mut lists = ListBuilder::new(TimestampMicrosecondBuilder::new());
    for at in 0..start.len() {
        if start.is_null(at) || end.is_null(at) || step.is_null(at) {
            lists.append_null();
            continue;
        }
        let first = start.as_primitive::<TimestampMicrosecondType>().value(at);
        let last = end.as_primitive::<TimestampMicrosecondType>().value(at);
        let step = step.as_primitive::<IntervalMonthDayNanoType>().value(at);
        let second = plus(first, step)?;
        if second == first {
            return exec_err!("the step of a series cannot be 0");
        }
        // Each step starts from the one before, as in PostgreSQL: after the end of January comes the
        // end of February, then the same day of March.
        let mut next = first;
        while goes_on(next, last, second > first, inclusive) {
            lists.values().append_value(next);
            next = plus(next, step)?;
            check_length(lists.values().values_slice().len())?;
        }
        lists.append(true);
    }
    Ok(cast(
        &(Arc::new(lists.finish()) as ArrayRef),
        &DataType::new_list(item.clone(), true),
    )?)
}

/// A month later is the same day, or the month's last where it has no such day.
fn plus(micros: i64, interval: IntervalMonthDayNano) -> Result<i64> {
    let at = moment(micros)?;
    let months = Months::new(interval.months.unsigned_abs());
    let at = match interval.months < 0 {
        true => at.checked_sub_months(months),
        false => at.checked_add_months(months),
    };
    match at {
        Some(at) => Ok(at.and_utc().timestamp_micros()
            + i64::from(interval.days) * 86_400_000_000
            + interval.nanoseconds / 1_000),
        None => exec_err!("the series leads too far away"),
    }
}
