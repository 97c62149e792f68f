//! Arguments of filters and methods by the names that Jinja and Python give them: the functions here and the engine's
//! take them by their places, or by names alone.

use forebay_core::{Diagnostic, suggest};
use minijinja::value::Kwargs;
use minijinja::{Error, ErrorKind, Value};

use super::errors::{failed, problem};

pub(super) type Params = &'static [&'static str];

/// How a function takes what it is given.
#[derive(Clone, Copy)]
pub(super) enum Takes {
    Places,
    Names,
}

impl Takes {
    pub fn bring(self, of: &str, params: Params, given: &[Value]) -> Result<Vec<Value>, Error> {
        let places = placed(of, params, given)?;
        match self {
            Takes::Places => Ok(places),
            Takes::Names if places.len() > params.len() => {
                Err(Error::from(ErrorKind::TooManyArguments))
            }
            Takes::Names => {
                let named = params.iter().copied().zip(places);
                let named = named.filter(|(_, value)| !value.is_undefined());
                Ok(vec![Value::from(named.collect::<Kwargs>())])
            }
        }
    }
}

/// What is given by name comes to its place; a place before it that nothing is given for is undefined.
pub(super) fn placed(of: &str, params: Params, given: &[Value]) -> Result<Vec<Value>, Error> {
    let named = given.split_last().filter(|(last, _)| last.is_kwargs());
    let Some((named, places)) = named else {
        return Ok(given.to_vec());
    };
    let mut all = places.to_vec();
    for key in named.try_iter()? {
        let name = key.as_str().unwrap_or_default();
        let at = params.iter().position(|param| *param == name);
        let at = at.ok_or_else(|| unknown(of, name, params))?;
        if at < places.len() {
            return Err(failed(format!("{of}: '{name}' is given twice")));
        }
        all.resize(all.len().max(at + 1), Value::UNDEFINED);
        all[at] = named.get_item(&key)?;
    }
    Ok(all)
}

fn unknown(of: &str, name: &str, params: Params) -> Error {
    let message = format!("'{of}' has no argument called '{name}'");
    let nearest = suggest::nearest(name, params.iter().copied());
    problem(Diagnostic::error(message).maybe_hint(nearest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(places: &[i64], named: &[(&str, i64)]) -> Vec<Value> {
        let mut all: Vec<Value> = places.iter().copied().map(Value::from).collect();
        if !named.is_empty() {
            let named = named
                .iter()
                .map(|(name, value)| (*name, Value::from(*value)));
            all.push(Value::from(named.collect::<Kwargs>()));
        }
        all
    }

    #[test]
    fn names_come_to_their_places_and_places_to_their_names() {
        let params = &["a", "b", "c"];
        let places = placed("f", params, &given(&[1], &[("c", 3)])).unwrap();
        assert_eq!(places, [Value::from(1), Value::UNDEFINED, Value::from(3)]);
        let named = Takes::Names
            .bring("f", params, &given(&[1, 2], &[]))
            .unwrap();
        assert_eq!(named[0].to_string(), "{'a': 1, 'b': 2}");
    }

    #[test]
    fn names_that_are_unknown_or_given_twice_are_errors() {
        let params = &["width", "first"];
        let twice = placed("f", params, &given(&[1], &[("width", 3)]));
        assert!(twice.unwrap_err().to_string().contains("given twice"));
        let unknown = placed("f", params, &given(&[], &[("widht", 3)]));
        assert!(unknown.unwrap_err().to_string().contains("'widht'"));
    }
}
