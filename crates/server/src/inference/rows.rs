//! From named tensors, or the fields of a form, to the batch that a service scores.

use std::borrow::Cow;
use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Float64Array, Int64Array, StringArray,
    TimestampMicrosecondArray, new_null_array,
};
use arrow::datatypes::Field;
use arrow::record_batch::RecordBatch;
use chrono::{DateTime, NaiveDate, NaiveDateTime};
use forebay_core::suggest;

use super::kind::{Datatype, Kind};
use super::message::{InputTensor, Scalar};
use super::served::{Input, Served};
use super::tensor::{self, Values};
use crate::refusal::Refusal;

/// Every input of the service, checked; `binary` holds the tensors that follow the JSON part.
pub fn from_tensors<'a>(
    served: &'a Served,
    tensors: &'a [InputTensor<'a>],
    mut binary: &'a [u8],
) -> Result<RecordBatch, Refusal> {
    let Some(first) = tensors.first() else {
        return Err(missing(served, |_| true));
    };
    let rows = tensor::rows(first)?;
    let mut columns: Vec<Option<ArrayRef>> = vec![None; served.inputs.len()];
    for tensor in tensors {
        let index = position(served, &tensor.name)?;
        if columns[index].is_some() {
            return Err(Refusal::bad_request(format!(
                "input '{}' is given twice",
                tensor.name
            )));
        }
        if tensor::rows(tensor)? != rows {
            return Err(Refusal::bad_request(format!(
                "input '{}' has the shape {:?}, but input '{}' has {rows} rows",
                tensor.name, tensor.shape, first.name
            )));
        }
        let values = tensor::values(tensor, rows, &mut binary)?;
        columns[index] = Some(column(
            &served.inputs[index],
            &values,
            &served.schema.fields()[index],
        )?);
    }
    if !binary.is_empty() {
        let extra = binary.len();
        return Err(Refusal::bad_request(format!(
            "{extra} bytes of the body belong to no input"
        )));
    }
    assemble(served, columns, rows)
}

/// One row from the texts of a form. An empty text is a value that was not given.
pub fn from_form(
    served: &Served,
    fields: &[(Cow<'_, str>, Cow<'_, str>)],
) -> Result<RecordBatch, Refusal> {
    let mut columns: Vec<Option<ArrayRef>> = vec![None; served.inputs.len()];
    for (name, text) in fields.iter().filter(|(_, text)| !text.is_empty()) {
        let index = position(served, name)?;
        let input = &served.inputs[index];
        let values = Values {
            datatype: input.kind.datatype(),
            scalars: Cow::Owned(vec![typed(input.kind, text)]),
        };
        columns[index] = Some(column(input, &values, &served.schema.fields()[index])?);
    }
    assemble(served, columns, 1)
}

/// A text that cannot be the type stays a text, and is refused as one.
fn typed<'a>(kind: Kind, text: &'a str) -> Scalar<'a> {
    let read = match kind {
        Kind::Boolean => text.parse().ok().map(Scalar::Bool),
        Kind::Integer => text.parse().ok().map(Scalar::Integer),
        Kind::Float => text.parse().ok().map(Scalar::Float),
        _ => None,
    };
    read.unwrap_or(Scalar::Text(Cow::Borrowed(text)))
}

fn position(served: &Served, name: &str) -> Result<usize, Refusal> {
    if let Some(index) = served.inputs.iter().position(|input| input.name == name) {
        return Ok(index);
    }
    let names: Vec<&str> = served
        .inputs
        .iter()
        .map(|input| input.name.as_str())
        .collect();
    let hint = suggest::nearest(name, names.iter().copied())
        .unwrap_or_else(|| format!("known are: {}", names.join(", ")));
    Err(Refusal::bad_request(format!(
        "input '{name}' is unknown; {hint}"
    )))
}

fn missing(served: &Served, is_missing: impl Fn(usize) -> bool) -> Refusal {
    let inputs = served.inputs.iter().enumerate();
    let missing: Vec<String> = inputs
        .filter(|(i, input)| input.required && is_missing(*i))
        .map(|(_, input)| format!("'{}' ({})", input.name, input.kind.expected()))
        .collect();
    let word = if missing.len() == 1 {
        "input"
    } else {
        "inputs"
    };
    let names = missing.join(", ");
    Refusal::bad_request(format!("model '{}' needs the {word} {names}", served.name))
}

fn assemble(
    served: &Served,
    columns: Vec<Option<ArrayRef>>,
    rows: usize,
) -> Result<RecordBatch, Refusal> {
    let is_missing = |i: usize| columns[i].is_none();
    if (0..columns.len()).any(|i| is_missing(i) && served.inputs[i].required) {
        return Err(missing(served, is_missing));
    }
    let fields = served.schema.fields().iter();
    let filled = |(column, field): (Option<ArrayRef>, &Arc<Field>)| {
        column.unwrap_or_else(|| new_null_array(field.data_type(), rows))
    };
    let columns = columns.into_iter().zip(fields).map(filled).collect();
    RecordBatch::try_new(Arc::clone(&served.schema), columns)
        .map_err(|error| Refusal::bad_request(format!("the inputs do not fit the model: {error}")))
}

/// The tensor as a column of the input's type.
fn column<'v>(
    input: &'v Input,
    values: &'v Values<'_>,
    field: &Field,
) -> Result<ArrayRef, Refusal> {
    if !input.kind.takes(values.datatype) {
        return Err(Refusal::bad_request(format!(
            "input '{}' is {}; it must be {}",
            input.name,
            values.datatype.name(),
            input.kind.expected()
        )));
    }
    let read = Reader { input, values };
    Ok(match input.kind {
        Kind::Boolean => Arc::new(read.column::<_, BooleanArray>(boolean)?),
        Kind::Integer => Arc::new(read.column::<_, Int64Array>(integer)?),
        Kind::Float => Arc::new(read.column::<_, Float64Array>(float)?),
        Kind::Text => Arc::new(read.column::<_, StringArray>(text)?),
        Kind::Date => Arc::new(read.column::<_, Date32Array>(date)?),
        Kind::Timestamp | Kind::LocalTimestamp => {
            let parse = if input.kind == Kind::Timestamp {
                instant
            } else {
                wall_clock
            };
            let micros = read.column::<_, TimestampMicrosecondArray>(parse)?;
            Arc::new(micros.with_data_type(field.data_type().clone()))
        }
    })
}

struct Reader<'v, 's> {
    input: &'v Input,
    values: &'v Values<'s>,
}

impl<'v, 's> Reader<'v, 's> {
    fn column<T, A: FromIterator<Option<T>>>(
        &self,
        read: impl Fn(&'v Scalar<'s>) -> Option<T>,
    ) -> Result<A, Refusal> {
        let scalars = self.values.scalars.iter().enumerate();
        scalars
            .map(|(row, scalar)| match scalar {
                Scalar::Null if !self.input.required => Ok(None),
                scalar if fits(self.values.datatype, scalar) => match read(scalar) {
                    Some(value) => Ok(Some(value)),
                    None => Err(self.wrong(row, scalar)),
                },
                scalar => Err(self.wrong(row, scalar)),
            })
            .collect()
    }

    fn wrong(&self, row: usize, scalar: &Scalar<'_>) -> Refusal {
        let found = match scalar {
            Scalar::Null => "null".to_owned(),
            Scalar::Bool(value) => value.to_string(),
            Scalar::Integer(value) => value.to_string(),
            Scalar::Float(value) => value.to_string(),
            Scalar::Text(text) => {
                let shown: String = text.chars().take(60).collect();
                format!("{shown:?}")
            }
        };
        let (name, expected) = (&self.input.name, self.input.kind.expected());
        Refusal::bad_request(format!(
            "input '{name}' is {found} in row {row}; it must be {expected}"
        ))
    }
}

/// Whether the value is one of the tensor's own datatype.
fn fits(datatype: Datatype, scalar: &Scalar<'_>) -> bool {
    match scalar {
        Scalar::Null => false,
        Scalar::Bool(_) => datatype == Datatype::Bool,
        Scalar::Text(_) => datatype == Datatype::Bytes,
        Scalar::Float(_) => datatype.is_float(),
        Scalar::Integer(value) => match datatype.integer_bounds() {
            Some((low, high)) => (low..=high).contains(value),
            None => datatype.is_float(),
        },
    }
}

fn boolean(scalar: &Scalar<'_>) -> Option<bool> {
    match scalar {
        Scalar::Bool(value) => Some(*value),
        _ => None,
    }
}

fn integer(scalar: &Scalar<'_>) -> Option<i64> {
    match scalar {
        Scalar::Integer(value) => i64::try_from(*value).ok(),
        _ => None,
    }
}

/// Not-a-number is a missing value of binary tensors, and refused like null.
fn float(scalar: &Scalar<'_>) -> Option<f64> {
    match scalar {
        Scalar::Float(value) => Some(*value).filter(|value| value.is_finite()),
        Scalar::Integer(value) => Some(*value as f64),
        _ => None,
    }
}

fn text<'a>(scalar: &'a Scalar<'_>) -> Option<&'a str> {
    match scalar {
        Scalar::Text(text) => Some(text),
        _ => None,
    }
}

fn date(scalar: &Scalar<'_>) -> Option<i32> {
    let date: NaiveDate = text(scalar)?.parse().ok()?;
    let days = date.signed_duration_since(NaiveDate::default()).num_days();
    i32::try_from(days).ok()
}

fn instant(scalar: &Scalar<'_>) -> Option<i64> {
    let at = DateTime::parse_from_rfc3339(text(scalar)?).ok()?;
    Some(at.timestamp_micros())
}

fn wall_clock(scalar: &Scalar<'_>) -> Option<i64> {
    let at: NaiveDateTime = text(scalar)?.parse().ok()?;
    Some(at.and_utc().timestamp_micros())
}

#[cfg(test)]
mod tests {
    use arrow::array::AsArray;
    use arrow::datatypes::{DataType, Schema, TimeUnit, TimestampMicrosecondType};

    use super::*;

    fn served() -> Served {
        let schema = Schema::new(vec![
            Field::new("carrier", DataType::Utf8, true),
            Field::new("distance", DataType::Float64, true),
            Field::new(
                "local",
                DataType::Timestamp(TimeUnit::Microsecond, None),
                true,
            ),
            Field::new(
                "asked_at",
                DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
                true,
            ),
        ]);
        let outputs = Arc::new(Schema::empty());
        Served::new("s", "m", "1", Arc::new(schema), &["asked_at"], &outputs).unwrap()
    }

    fn form(fields: &[(&'static str, &'static str)]) -> Result<RecordBatch, String> {
        let fields: Vec<_> = fields
            .iter()
            .map(|(k, v)| (Cow::from(*k), Cow::from(*v)))
            .collect();
        from_form(&served(), &fields).map_err(|refusal| refusal.message)
    }

    const GOOD: [(&str, &str); 3] = [
        ("carrier", "UA"),
        ("distance", "14"),
        ("local", "2014-01-01T06:30:00"),
    ];

    #[test]
    fn what_may_be_left_out_is_null() {
        let batch = form(&GOOD).unwrap();
        assert_eq!(batch.column(3).null_count(), 1);
        let local = batch.column(2).as_primitive::<TimestampMicrosecondType>();
        assert_eq!(local.value(0), 1_388_557_800_000_000);
    }

    #[test]
    fn times_keep_their_instant_and_need_an_offset_exactly_where_they_are_instants() {
        let with = |value| form(&[&GOOD[..], &[("asked_at", value)]].concat());
        let batch = with("2014-01-01T04:30:00.5-05:00").unwrap();
        let at = batch.column(3).as_primitive::<TimestampMicrosecondType>();
        assert_eq!(at.value(0), 1_388_568_600_500_000);
        assert!(
            with("2014-01-01T04:30:00")
                .unwrap_err()
                .contains("RFC 3339")
        );
        let zoned = [GOOD[0], GOOD[1], ("local", "2014-01-01T06:30:00Z")];
        assert!(form(&zoned).unwrap_err().contains("without a zone"));
    }

    #[test]
    fn a_form_with_wrong_values_is_told_which() {
        let error = form(&[GOOD[0], ("distance", "far"), GOOD[2]]).unwrap_err();
        assert_eq!(
            error,
            "input 'distance' is \"far\" in row 0; it must be FP64"
        );
        let error = form(&[GOOD[0], ("distance", ""), GOOD[2]]).unwrap_err();
        assert_eq!(error, "model 's' needs the input 'distance' (FP64)");
    }
}
