//! Values as protobuf's JSON has them: whole numbers also as texts, NaN and infinities as texts.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{self, Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::Problem;

/// A whole number, written as a number or a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Int(pub i64);

impl<'de> Deserialize<'de> for Int {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Int;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a whole number of 64 bits")
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Int, E> {
                Ok(Int(value))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Int, E> {
                let number = i64::try_from(value).map(Int);
                number.map_err(|_| E::invalid_value(de::Unexpected::Unsigned(value), &self))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Int, E> {
                match value as i64 as f64 == value && value.abs() < 9e18 {
                    true => Ok(Int(value as i64)),
                    false => Err(E::invalid_value(de::Unexpected::Float(value), &self)),
                }
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Int, E> {
                let number = value.parse().map(Int);
                number.map_err(|_| E::invalid_value(de::Unexpected::Str(value), &self))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// A float; those that JSON lacks are the texts `NaN`, `Infinity` and `-Infinity`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Double(pub f64);

impl<'de> Deserialize<'de> for Double {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Double;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number, \"NaN\", \"Infinity\" or \"-Infinity\"")
            }

            fn visit_i64<E: de::Error>(self, value: i64) -> Result<Double, E> {
                Ok(Double(value as f64))
            }

            fn visit_u64<E: de::Error>(self, value: u64) -> Result<Double, E> {
                Ok(Double(value as f64))
            }

            fn visit_f64<E: de::Error>(self, value: f64) -> Result<Double, E> {
                Ok(Double(value))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Double, E> {
                // Rust reads the three texts as protobuf writes them.
                let number = value.parse().map(Double);
                number.map_err(|_| E::invalid_value(de::Unexpected::Str(value), &self))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl Serialize for Double {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            value if value.is_finite() => serializer.serialize_f64(value),
            value if value.is_nan() => serializer.serialize_str("NaN"),
            value if value > 0.0 => serializer.serialize_str("Infinity"),
            _ => serializer.serialize_str("-Infinity"),
        }
    }
}

/// A truth; in an address Python's client writes `True`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flag(pub bool);

impl<'de> Deserialize<'de> for Flag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Flag;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("true or false")
            }

            fn visit_bool<E: de::Error>(self, value: bool) -> Result<Flag, E> {
                Ok(Flag(value))
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Flag, E> {
                match value {
                    "true" | "True" => Ok(Flag(true)),
                    "false" | "False" => Ok(Flag(false)),
                    _ => Err(E::invalid_value(de::Unexpected::Str(value), &self)),
                }
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// A list of texts; in an address a list of one looks like one text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Texts(pub Vec<String>);

impl<'de> Deserialize<'de> for Texts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Texts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of texts")
            }

            fn visit_str<E: de::Error>(self, value: &str) -> Result<Texts, E> {
                Ok(Texts(vec![value.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Texts, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = list.next_element()? {
                    texts.push(text);
                }
                Ok(Texts(texts))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// A parameter, a tag.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub struct Pair {
    #[serde(default)]
    pub key: String,
    #[serde(default)]
    pub value: String,
}

/// The last of equal keys wins, as it would one after the other.
pub fn pairs(list: Option<Vec<Pair>>) -> BTreeMap<String, String> {
    list.unwrap_or_default()
        .into_iter()
        .map(|pair| (pair.key, pair.value))
        .collect()
}

/// A text that must be there.
pub fn required(name: &str, value: Option<String>) -> Result<String, Problem> {
    match value {
        Some(value) if !value.is_empty() => Ok(value),
        _ => Err(Problem::invalid(format!("the request lacks '{name}'"))),
    }
}

pub fn experiment_id(text: Option<String>) -> Result<i64, Problem> {
    let text = required("experiment_id", text)?;
    text.parse()
        .map_err(|_| Problem::invalid(format!("experiment ids are whole numbers, not '{text}'")))
}

/// None where none is named.
pub fn experiment_ids(texts: Option<Texts>) -> Result<Vec<i64>, Problem> {
    let ids = texts.unwrap_or_default().0.into_iter();
    ids.map(|id| experiment_id(Some(id))).collect()
}

pub fn version(text: Option<Texts>) -> Result<u64, Problem> {
    let text = required("version", text.and_then(|texts| texts.0.into_iter().next()))?;
    text.parse()
        .map_err(|_| Problem::invalid(format!("versions are whole numbers, not '{text}'")))
}

/// How many items a page may have: the asked, within bounds.
pub fn limit(asked: Option<Int>, default: usize, most: usize) -> Result<usize, Problem> {
    match asked {
        None => Ok(default),
        Some(Int(n)) if n >= 1 && n as u64 <= most as u64 => Ok(n as usize),
        Some(Int(n)) => Err(Problem::invalid(format!(
            "max_results is from 1 to {most}, not {n}"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_as_numbers_and_as_texts() {
        let int = |text| serde_json::from_str::<Int>(text).ok().map(|Int(n)| n);
        assert_eq!(int("7"), Some(7));
        assert_eq!(int("\"-7\""), Some(-7));
        assert_eq!(int("7.0"), Some(7));
        for bad in [
            "7.5",
            "\"x\"",
            "null",
            "[1]",
            "1e30",
            "18446744073709551615",
        ] {
            assert_eq!(int(bad), None, "{bad}");
        }
    }

    #[test]
    fn floats_that_json_lacks_survive_as_texts() {
        for value in [
            f64::NAN,
            f64::INFINITY,
            f64::NEG_INFINITY,
            0.1,
            -0.0,
            f64::MIN_POSITIVE,
        ] {
            let text = serde_json::to_string(&Double(value)).unwrap();
            let Double(read) = serde_json::from_str(&text).unwrap();
            assert!(
                read.to_bits() == value.to_bits() || read.is_nan() && value.is_nan(),
                "{text}"
            );
        }
        // Python writes a bare NaN unless told otherwise: that is no JSON and no number of ours.
        assert!(serde_json::from_str::<Double>("NaN").is_err());
    }
}
