//! The JSON part of an inference request, parsed once and without copying texts.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, SeqAccess, Visitor};

use crate::refusal::Refusal;

/// Arrays within `data` go this deep at most; a tensor of two dimensions needs two.
const DEEPEST: usize = 4;

#[derive(Deserialize)]
pub struct InferRequest<'a> {
    /// Comes back in the answer.
    #[serde(borrow, default)]
    pub id: Option<Text<'a>>,
    #[serde(default)]
    pub parameters: Option<Parameters>,
    #[serde(borrow, default)]
    pub inputs: Vec<InputTensor<'a>>,
    #[serde(borrow, default)]
    pub outputs: Option<Vec<OutputTensor<'a>>>,
}

/// Parameters of a request or of a tensor; others are ignored, as the protocol wants it.
#[derive(Clone, Copy, Default, Deserialize)]
pub struct Parameters {
    /// Bytes of an input tensor after the JSON part.
    pub binary_data_size: Option<u64>,
    /// Whether an output tensor comes in binary.
    pub binary_data: Option<bool>,
    /// Whether all output tensors do.
    pub binary_data_output: Option<bool>,
    /// Triton's extension, which has no meaning here.
    pub classification: Option<u64>,
}

#[derive(Deserialize)]
pub struct InputTensor<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    pub shape: Vec<i64>,
    #[serde(borrow)]
    pub datatype: Cow<'a, str>,
    #[serde(default)]
    pub parameters: Option<Parameters>,
    #[serde(borrow, default)]
    pub data: Option<Data<'a>>,
}

#[derive(Deserialize)]
pub struct OutputTensor<'a> {
    #[serde(borrow)]
    pub name: Cow<'a, str>,
    #[serde(default)]
    pub parameters: Option<Parameters>,
}

/// Serde borrows a `Cow` only where it stands by itself, so an optional one needs a type.
#[derive(Deserialize)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// One value of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar<'a> {
    Null,
    Bool(bool),
    Integer(i128),
    Float(f64),
    Text(Cow<'a, str>),
}

/// The values of a tensor, row by row; nested arrays are flattened.
#[derive(Debug, PartialEq)]
pub struct Data<'a>(pub Vec<Scalar<'a>>);

/// The JSON part and the binary tensors after it.
pub fn split<'a>(body: &'a [u8], length: Option<&str>) -> Result<(&'a [u8], &'a [u8]), Refusal> {
    let Some(length) = length else {
        return Ok((body, &[]));
    };
    match length.parse::<usize>() {
        Ok(0) => Err(Refusal::bad_request(
            "Inference-Header-Content-Length is 0: a body without a JSON part is not understood",
        )),
        Ok(length) if length <= body.len() => Ok(body.split_at(length)),
        _ => Err(Refusal::bad_request(format!(
            "Inference-Header-Content-Length is '{length}', but the body has {} bytes",
            body.len()
        ))),
    }
}

pub fn parse(json: &[u8]) -> Result<InferRequest<'_>, Refusal> {
    serde_json::from_slice(json).map_err(|error| {
        Refusal::bad_request(format!("the body is not an inference request: {error}"))
    })
}

impl<'de: 'a, 'a> Deserialize<'de> for Data<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut values = Vec::new();
        let seed = Element {
            values: &mut values,
            depth: 0,
        };
        seed.deserialize(deserializer)?;
        Ok(Self(values))
    }
}

/// Appends one element of an array, or the elements of an array in it. Depth 0 is the whole.
struct Element<'v, 'de> {
    values: &'v mut Vec<Scalar<'de>>,
    depth: usize,
}

impl<'de> Element<'_, 'de> {
    fn take<E: Error>(self, scalar: Scalar<'de>) -> Result<(), E> {
        if self.depth == 0 {
            return Err(E::custom("the data of a tensor must be an array"));
        }
        self.values.push(scalar);
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Element<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Element<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value of a tensor")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        self.take(Scalar::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<(), E> {
        self.take(Scalar::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<(), E> {
        self.take(Scalar::Integer(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<(), E> {
        self.take(Scalar::Integer(value.into()))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<(), E> {
        self.take(Scalar::Float(value))
    }

    fn visit_borrowed_str<E: Error>(self, value: &'de str) -> Result<(), E> {
        self.take(Scalar::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<(), E> {
        self.take(Scalar::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        if self.depth == DEEPEST {
            return Err(A::Error::custom("the data of a tensor is nested too deep"));
        }
        self.values.reserve(seq.size_hint().unwrap_or(0).min(1024));
        let depth = self.depth + 1;
        while seq
            .next_element_seed(Element {
                values: &mut *self.values,
                depth,
            })?
            .is_some()
        {}
        Ok(())
    }

    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Err(A::Error::custom("the data of a tensor cannot hold objects"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn data(json: &str) -> Result<Vec<Scalar<'_>>, String> {
        serde_json::from_str::<Data<'_>>(json)
            .map(|d| d.0)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn data_is_flattened_and_texts_are_borrowed() {
        let values = data(r#"[["UA"], [true], [null], [-3], [1.5]]"#).unwrap();
        assert!(matches!(&values[0], Scalar::Text(Cow::Borrowed("UA"))));
        let rest = [
            Scalar::Bool(true),
            Scalar::Null,
            Scalar::Integer(-3),
            Scalar::Float(1.5),
        ];
        assert_eq!(values[1..], rest);
        assert_eq!(
            data("[18446744073709551615]").unwrap(),
            [Scalar::Integer(u64::MAX.into())]
        );
    }

    #[test]
    fn data_that_is_no_array_of_values_is_refused() {
        assert!(data("3").unwrap_err().contains("must be an array"));
        assert!(data("[{\"a\": 1}]").unwrap_err().contains("objects"));
        assert!(data("[[[[[1]]]]]").unwrap_err().contains("too deep"));
        assert!(data(&"[".repeat(50_000)).is_err());
    }

    #[test]
    fn the_json_part_ends_where_the_header_says() {
        assert_eq!(split(b"{}xy", Some("2")).unwrap(), (&b"{}"[..], &b"xy"[..]));
        assert_eq!(split(b"{}", None).unwrap(), (&b"{}"[..], &b""[..]));
        for wrong in ["5", "-1", "x", "0", "99999999999999999999"] {
            assert!(split(b"{}xy", Some(wrong)).is_err(), "{wrong}");
        }
    }
}
