//! A scalar function as plain data: its names, what it takes and gives, and how one row is answered.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray};
use arrow::datatypes::{
    DataType, Date32Type, Float64Type, Int64Type, IntervalMonthDayNano, IntervalUnit, TimeUnit,
    TimestampMicrosecondType,
};
use datafusion::common::plan_err;
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;

use super::json_checked::checked;

/// What an argument is cast to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Takes {
    Text,
    Int,
    Double,
    /// Microseconds, of no time zone.
    Timestamp,
    /// A date, timestamp, time or length of time as it is; text becomes a timestamp.
    Moment,
    Any,
    /// As it is, and JSON is told from texts.
    Json,
    /// A text that is JSON: another is an error.
    JsonText,
}

/// One scalar function.
#[derive(Debug)]
pub(crate) struct Function {
    pub names: &'static [&'static str],
    /// One for each argument. A call may have more: they are taken as the last.
    pub takes: &'static [Takes],
    /// The fewest and the most arguments of a call.
    pub count: (usize, usize),
    /// The type of the answer by those of the arguments, which are cast already.
    pub gives: fn(&[DataType]) -> DataType,
    pub run: fn(&[ArrayRef]) -> Result<ArrayRef>,
}

impl Function {
    pub(crate) fn udf(&'static self) -> ScalarUDF {
        ScalarUDF::from(Wrapped {
            function: self,
            aliases: self.names[1..]
                .iter()
                .map(|&name| name.to_owned())
                .collect(),
            signature: Signature::user_defined(Volatility::Immutable),
        })
    }
}

#[derive(Debug)]
struct Wrapped {
    function: &'static Function,
    aliases: Vec<String>,
    signature: Signature,
}

impl PartialEq for Wrapped {
    fn eq(&self, other: &Self) -> bool {
        self.function.names == other.function.names
    }
}

impl Eq for Wrapped {}

impl Hash for Wrapped {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.function.names.hash(state);
    }
}

impl ScalarUDFImpl for Wrapped {
    fn name(&self) -> &str {
        self.function.names[0]
    }

    fn aliases(&self) -> &[String] {
        &self.aliases
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn coerce_types(&self, given: &[DataType]) -> Result<Vec<DataType>> {
        let (least, most) = self.function.count;
        if given.len() < least || given.len() > most {
            let takes = match (least, most) {
                (1, 1) => "1 argument".to_owned(),
                (least, most) if least == most => format!("{least} arguments"),
                (least, usize::MAX) => format!("{least} or more arguments"),
                (least, most) => format!("{least} to {most} arguments"),
            };
            return plan_err!("{}() takes {takes}, not {}", self.name(), given.len());
        }
        let takes = self.function.takes;
        let wanted = |(at, given)| match takes.get(at).or(takes.last()) {
            Some(takes) => taken(*takes, given),
            None => DataType::clone(given),
        };
        Ok(given.iter().enumerate().map(wanted).collect())
    }

    fn return_type(&self, given: &[DataType]) -> Result<DataType> {
        Ok((self.function.gives)(given))
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let constant = |arg: &ColumnarValue| matches!(arg, ColumnarValue::Scalar(_));
        let is_constant = args.args.iter().all(constant);
        let arrays = ColumnarValue::values_to_arrays(&args.args)?;
        let arrays = arrays.into_iter().enumerate();
        let arrays = arrays
            .map(|(at, array)| self.as_taken(at, array))
            .collect::<Result<Vec<_>>>()?;
        let answer = typed((self.function.run)(&arrays)?, args.return_type())?;
        Ok(match is_constant && !args.args.is_empty() {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&answer, 0)?),
            false => ColumnarValue::Array(answer),
        })
    }
}

impl Wrapped {
    /// The dialect's own calls, which come after the engine's casts, may be of JSON. What is read from a file may be
    /// a text of another kind than the plan says.
    fn as_taken(&self, at: usize, array: ArrayRef) -> Result<ArrayRef> {
        let takes = self.function.takes;
        let takes = takes.get(at).or(takes.last());
        let array = match without_json(array.data_type()) {
            DataType::Utf8View => arrow::compute::cast(&array, &DataType::Utf8)?,
            DataType::BinaryView => arrow::compute::cast(&array, &DataType::Binary)?,
            text if takes != Some(&Takes::Json) && &text != array.data_type() => {
                arrow::compute::cast(&array, &text)?
            }
            _ => array,
        };
        if takes == Some(&Takes::JsonText)
            && let Some(texts) = array.as_string_opt::<i32>()
        {
            texts
                .iter()
                .flatten()
                .try_for_each(|text| checked(text).map(drop))?;
        }
        Ok(array)
    }
}

/// Functions of JSON answer with texts.
fn typed(answer: ArrayRef, as_type: &DataType) -> Result<ArrayRef> {
    let is_json = match as_type {
        DataType::List(item) => item.data_type() == &DataType::LargeUtf8,
        of => of == &DataType::LargeUtf8,
    };
    match is_json && answer.data_type() != as_type {
        true => Ok(arrow::compute::cast(&answer, as_type)?),
        false => Ok(answer),
    }
}

pub(super) fn taken(takes: Takes, given: &DataType) -> DataType {
    let timestamp = || DataType::Timestamp(TimeUnit::Microsecond, None);
    match takes {
        Takes::Text | Takes::JsonText => DataType::Utf8,
        Takes::Int => DataType::Int64,
        Takes::Double => DataType::Float64,
        Takes::Timestamp => timestamp(),
        Takes::Moment => match given {
            DataType::Date32 => DataType::Date32,
            DataType::Timestamp(_, zone) => {
                DataType::Timestamp(TimeUnit::Microsecond, zone.clone())
            }
            DataType::Interval(_) => DataType::Interval(IntervalUnit::MonthDayNano),
            DataType::Duration(_) => DataType::Duration(TimeUnit::Microsecond),
            DataType::Time32(_) | DataType::Time64(_) => DataType::Time64(TimeUnit::Microsecond),
            _ => timestamp(),
        },
        Takes::Any => without_json(given),
        Takes::Json => given.clone(),
    }
}

/// The type with texts in the place of JSON.
fn without_json(of: &DataType) -> DataType {
    match of {
        DataType::LargeUtf8 => DataType::Utf8,
        DataType::List(item) if item.data_type() == &DataType::LargeUtf8 => DataType::List(
            Arc::new(item.as_ref().clone().with_data_type(DataType::Utf8)),
        ),
        other => other.clone(),
    }
}

// Types of answers.

pub(crate) fn text(_: &[DataType]) -> DataType {
    DataType::Utf8
}

/// JSON is a text of a type of its own inside the engine.
pub(crate) fn json(_: &[DataType]) -> DataType {
    DataType::LargeUtf8
}

pub(crate) fn jsons(_: &[DataType]) -> DataType {
    DataType::new_list(DataType::LargeUtf8, true)
}

pub(crate) fn texts(_: &[DataType]) -> DataType {
    DataType::new_list(DataType::Utf8, true)
}

pub(crate) fn int(_: &[DataType]) -> DataType {
    DataType::Int64
}

pub(crate) fn double(_: &[DataType]) -> DataType {
    DataType::Float64
}

pub(crate) fn boolean(_: &[DataType]) -> DataType {
    DataType::Boolean
}

pub(crate) fn timestamp(_: &[DataType]) -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, None)
}

/// One row of the arguments.
#[derive(Clone, Copy)]
pub(crate) struct Row<'a> {
    arrays: &'a [ArrayRef],
    at: usize,
}

impl<'a> Row<'a> {
    /// All rows of the arguments.
    pub(crate) fn all(arrays: &'a [ArrayRef]) -> impl Iterator<Item = Self> {
        let rows = arrays.first().map_or(1, |array| array.len());
        (0..rows).map(move |at| Row { arrays, at })
    }

    pub(crate) fn len(&self) -> usize {
        self.arrays.len()
    }

    pub(crate) fn has_null(&self) -> bool {
        (0..self.len()).any(|argument| self.is_null(argument))
    }

    pub(crate) fn is_null(&self, argument: usize) -> bool {
        let array = &self.arrays[argument];
        array.data_type() == &DataType::Null || array.is_null(self.at)
    }

    pub(crate) fn text(&self, argument: usize) -> &'a str {
        self.arrays[argument].as_string::<i32>().value(self.at)
    }

    /// The text, or nothing where the call has fewer arguments.
    pub(crate) fn text_or(&self, argument: usize, otherwise: &'a str) -> &'a str {
        match argument < self.len() {
            true => self.text(argument),
            false => otherwise,
        }
    }

    pub(crate) fn int(&self, argument: usize) -> i64 {
        self.arrays[argument]
            .as_primitive::<Int64Type>()
            .value(self.at)
    }

    pub(crate) fn int_or(&self, argument: usize, otherwise: i64) -> i64 {
        match argument < self.len() {
            true => self.int(argument),
            false => otherwise,
        }
    }

    pub(crate) fn double(&self, argument: usize) -> f64 {
        self.arrays[argument]
            .as_primitive::<Float64Type>()
            .value(self.at)
    }

    /// Microseconds since 1970 of a date or timestamp.
    pub(crate) fn micros(&self, argument: usize) -> i64 {
        let array = &self.arrays[argument];
        match array.data_type() {
            DataType::Date32 => {
                i64::from(array.as_primitive::<Date32Type>().value(self.at)) * 86_400_000_000
            }
            _ => array
                .as_primitive::<TimestampMicrosecondType>()
                .value(self.at),
        }
    }

    /// A length of time, that of a difference of timestamps too.
    pub(crate) fn interval(&self, argument: usize) -> IntervalMonthDayNano {
        super::writing::length(&self.arrays[argument], self.at)
    }

    /// The value as text, however it is typed.
    pub(crate) fn written(&self, argument: usize) -> Result<String> {
        super::writing::one(&self.arrays[argument], self.at)
    }

    pub(crate) fn array(&self, argument: usize) -> &'a ArrayRef {
        &self.arrays[argument]
    }

    pub(crate) fn at(&self) -> usize {
        self.at
    }
}

/// Answers row by row; null where an argument is null.
pub(crate) fn strict<A, T>(
    arrays: &[ArrayRef],
    answer: impl Fn(Row<'_>) -> Result<Option<T>>,
) -> Result<ArrayRef>
where
    A: Array + FromIterator<Option<T>> + 'static,
{
    lenient::<A, T>(arrays, |row| {
        let has_null = (0..row.len()).any(|argument| row.is_null(argument));
        if has_null { Ok(None) } else { answer(row) }
    })
}

/// Answers row by row, rows with nulls too.
pub(crate) fn lenient<A, T>(
    arrays: &[ArrayRef],
    answer: impl Fn(Row<'_>) -> Result<Option<T>>,
) -> Result<ArrayRef>
where
    A: Array + FromIterator<Option<T>> + 'static,
{
    let rows = arrays.first().map_or(1, |array| array.len());
    let answers = (0..rows).map(|at| answer(Row { arrays, at }));
    Ok(Arc::new(answers.collect::<Result<A>>()?))
}

/// As [`strict`], for answers that are lists of texts.
pub(crate) fn strict_lists(
    arrays: &[ArrayRef],
    answer: impl Fn(Row<'_>) -> Result<Option<Vec<Option<String>>>>,
) -> Result<ArrayRef> {
    lenient_lists(arrays, |row| {
        let has_null = (0..row.len()).any(|argument| row.is_null(argument));
        if has_null { Ok(None) } else { answer(row) }
    })
}

/// As [`lenient`], for answers that are lists of texts.
pub(crate) fn lenient_lists(
    arrays: &[ArrayRef],
    answer: impl Fn(Row<'_>) -> Result<Option<Vec<Option<String>>>>,
) -> Result<ArrayRef> {
    let rows = arrays.first().map_or(1, |array| array.len());
    let mut lists = arrow::array::ListBuilder::new(arrow::array::StringBuilder::new());
    for at in 0..rows {
        match answer(Row { arrays, at })? {
            Some(items) => lists.append_value(items),
            None => lists.append_null(),
        }
    }
    Ok(Arc::new(lists.finish()))
}
