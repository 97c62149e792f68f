//! Texts as values of a type with others inside: JSON, and what DuckDB reads as a list, a structure or a map.

use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, ListArray, MapArray, StringArray, StructArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::{CastOptions, cast, cast_with_options};
use arrow::datatypes::{DataType, FieldRef};
use arrow::util::display::FormatOptions;
use datafusion::common::{exec_datafusion_err, exec_err};
use datafusion::error::Result;
use datafusion::logical_expr::{
    ColumnarValue, Expr, ScalarFunctionArgs, ScalarUDF, ScalarUDFImpl, Signature, Volatility,
};
use datafusion::scalar::ScalarValue;
use serde_json::Value;

use super::forms::{local_moment, plain, time, truth};
use super::json_checked::is_json;
use super::numbers::whole;
use super::text_parts::value;
use crate::engine::sql_type;

/// How the values of a type are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Form {
    Json,
    DuckDb,
}

/// What a text is as the type: what does not fit is an error, or null where it is tried.
pub(crate) fn of_text(text: Expr, form: Form, to: &DataType, tries: bool) -> Expr {
    let function = ScalarUDF::from(OfText {
        form,
        to: to.clone(),
        tries,
        signature: Signature::any(1, Volatility::Immutable),
    });
    function.call(vec![text])
}

/// The map that every text is.
pub(super) fn maps_of(texts: &ArrayRef, map: &DataType) -> Result<ArrayRef> {
    read(texts, Form::DuckDb, map, false)
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct OfText {
    form: Form,
    to: DataType,
    tries: bool,
    signature: Signature,
}

impl ScalarUDFImpl for OfText {
    fn name(&self) -> &str {
        "of_text"
    }

    fn signature(&self) -> &Signature {
        &self.signature
    }

    fn return_type(&self, _: &[DataType]) -> Result<DataType> {
        Ok(self.to.clone())
    }

    fn invoke_with_args(&self, args: ScalarFunctionArgs) -> Result<ColumnarValue> {
        let is_constant = matches!(args.args[0], ColumnarValue::Scalar(_));
        let texts = ColumnarValue::values_to_arrays(&args.args)?;
        let answer = read(&texts[0], self.form, &self.to, self.tries)?;
        Ok(match is_constant {
            true => ColumnarValue::Scalar(ScalarValue::try_from_array(&answer, 0)?),
            false => ColumnarValue::Array(answer),
        })
    }
}

fn read(texts: &ArrayRef, form: Form, to: &DataType, tries: bool) -> Result<ArrayRef> {
    let texts = cast(texts, &DataType::Utf8)?;
    let parsed = texts.as_string::<i32>().iter().map(|text| {
        let Some(text) = text else { return Ok(None) };
        match form {
            Form::Json => match serde_json::from_str::<Value>(text) {
                Ok(value) => Ok(Some(value)),
                Err(_) if tries && !is_json(text) => Ok(None),
                Err(_) => exec_err!("this is no JSON: {}", short(text)),
            },
            Form::DuckDb => match value(text, to, tries) {
                None if !tries => {
                    exec_err!("Cannot cast string '{}' to {}", short(text), sql_type(to))
                }
                value => Ok(value),
            },
        }
    });
    let parsed = parsed.collect::<Result<Vec<_>>>()?;
    let values: Vec<Option<&Value>> = parsed.iter().map(Option::as_ref).collect();
    Reader { tries }.read(&values, to)
}

fn short(text: &str) -> String {
    text.chars().take(60).collect()
}

struct Reader {
    tries: bool,
}

impl Reader {
    fn read(&self, values: &[Option<&Value>], to: &DataType) -> Result<ArrayRef> {
        match to {
            DataType::Struct(fields) => self.structures(values, fields),
            DataType::List(item) => self.lists(values, item),
            DataType::Map(entries, _) => self.maps(values, entries),
            to => self.plain(values, to),
        }
    }

    /// What is of the wanted kind; null is nothing.
    fn kept<'v, T>(
        &self,
        values: &[Option<&'v Value>],
        kind: &str,
        wanted: impl Fn(&'v Value) -> Option<T>,
    ) -> Result<Vec<Option<T>>> {
        let each = values.iter().map(|value| match value {
            None | Some(Value::Null) => Ok(None),
            Some(value) => match wanted(value) {
                Some(found) => Ok(Some(found)),
                None if self.tries => Ok(None),
                None => exec_err!("{} of JSON is no {kind}", short(&value.to_string())),
            },
        });
        each.collect()
    }

    fn structures(
        &self,
        values: &[Option<&Value>],
        fields: &arrow::datatypes::Fields,
    ) -> Result<ArrayRef> {
        let objects = self.kept(values, "structure", Value::as_object)?;
        if !self.tries {
            for object in objects.iter().flatten() {
                let has = |name: &String| fields.iter().any(|field| field.name() == name);
                if let Some(unknown) = object.keys().find(|name| !has(name)) {
                    return exec_err!(
                        "the object of JSON has a key '{unknown}' that its type has not"
                    );
                }
                if let Some(field) = fields.iter().find(|f| !object.contains_key(f.name())) {
                    return exec_err!("the object of JSON has no key '{}'", field.name());
                }
            }
        }
        let columns = fields.iter().map(|field| {
            let of_field = objects
                .iter()
                .map(|object| object.and_then(|o| o.get(field.name())));
            self.read(&of_field.collect::<Vec<_>>(), field.data_type())
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let nulls = NullBuffer::from_iter(objects.iter().map(Option::is_some));
        let length = objects.len();
        let made = StructArray::try_new_with_length(fields.clone(), columns, Some(nulls), length)?;
        Ok(Arc::new(made))
    }

    fn lists(&self, values: &[Option<&Value>], item: &FieldRef) -> Result<ArrayRef> {
        let lists = self.kept(values, "list", Value::as_array)?;
        let lengths = lists.iter().map(|list| list.map_or(0, Vec::len));
        let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
        let items: Vec<Option<&Value>> = lists
            .iter()
            .flatten()
            .copied()
            .flatten()
            .map(Some)
            .collect();
        let items = self.read(&items, item.data_type())?;
        let nulls = NullBuffer::from_iter(lists.iter().map(Option::is_some));
        Ok(Arc::new(ListArray::try_new(
            Arc::clone(item),
            offsets,
            items,
            Some(nulls),
        )?))
    }

    fn maps(&self, values: &[Option<&Value>], entries: &FieldRef) -> Result<ArrayRef> {
        let DataType::Struct(fields) = entries.data_type() else {
            return exec_err!("a map has pairs");
        };
        let maps = self.kept(values, "map", Value::as_array)?;
        let lengths = maps.iter().map(|map| map.map_or(0, Vec::len));
        let offsets = OffsetBuffer::<i32>::from_lengths(lengths);
        for map in maps.iter().flatten() {
            let mut keys: Vec<String> = map.iter().map(|pair| pair[0].to_string()).collect();
            keys.sort_unstable();
            if keys.windows(2).any(|two| two[0] == two[1]) {
                return exec_err!("a map has a key once alone");
            }
        }
        let columns = fields.iter().enumerate().map(|(at, field)| {
            let each = maps.iter().flatten().copied().flatten();
            let each: Vec<Option<&Value>> = each.map(|pair| pair.get(at)).collect();
            self.read(&each, field.data_type())
        });
        let columns = columns.collect::<Result<Vec<_>>>()?;
        let pairs = StructArray::try_new(fields.clone(), columns, None)?;
        let nulls = NullBuffer::from_iter(maps.iter().map(Option::is_some));
        let map = MapArray::try_new(Arc::clone(entries), offsets, pairs, Some(nulls), false)?;
        Ok(Arc::new(map))
    }

    fn plain(&self, values: &[Option<&Value>], to: &DataType) -> Result<ArrayRef> {
        let is_text = to.is_string();
        let texts = self.kept(values, "single value", |value| match value {
            Value::String(text) if to != &DataType::LargeUtf8 => Some(text.clone()),
            Value::Object(_) | Value::Array(_) if !is_text => None,
            value => Some(value.to_string()),
        })?;
        let texts: ArrayRef = match to {
            to if to.is_integer() => {
                let numbers = texts.iter().map(|text| match text.as_deref() {
                    Some(text) => match whole(text) {
                        None if !self.tries => {
                            Err(exec_datafusion_err!("'{}' is no whole number", short(text)))
                        }
                        found => Ok(found),
                    },
                    None => Ok(None),
                });
                Arc::new(numbers.collect::<Result<Int64Array>>()?)
            }
            to => {
                let form: fn(&str) -> String = match to {
                    DataType::Date32 | DataType::Timestamp(..) => local_moment,
                    DataType::Time32(_) | DataType::Time64(_) => time,
                    DataType::Boolean => truth,
                    to if to.is_numeric() => plain,
                    _ => str::to_owned,
                };
                let texts = texts.iter().map(|text| text.as_deref().map(form));
                Arc::new(texts.collect::<StringArray>())
            }
        };
        let options = CastOptions {
            safe: self.tries,
            format_options: FormatOptions::default(),
        };
        Ok(cast_with_options(&texts, to, &options)?)
    }
}
