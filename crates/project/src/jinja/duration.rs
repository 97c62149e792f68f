//! Python's timedelta.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use chrono::TimeDelta;
use minijinja::value::{DynObject, Enumerator, Kwargs, Object, ObjectRepr, Rest, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::errors::failed;

/// A time between two moments.
#[derive(Debug)]
pub(crate) struct Duration(pub TimeDelta);

/// In the order of Python's arguments, with their microseconds.
const PARTS: &[(&str, f64)] = &[
    ("days", 86_400e6),
    ("seconds", 1e6),
    ("microseconds", 1.0),
    ("milliseconds", 1e3),
    ("minutes", 60e6),
    ("hours", 3_600e6),
    ("weeks", 604_800e6),
];

/// `timedelta(days=1, hours=2)`, `timedelta(3)`.
pub(crate) fn made(args: &[Value]) -> Result<Value, Error> {
    let (positional, named): (Rest<Value>, Kwargs) = from_args(args)?;
    let mut micros = 0.0;
    for (at, (name, each)) in PARTS.iter().enumerate() {
        let count = match positional.get(at) {
            Some(count) => f64::try_from(count.clone())?,
            None => named.get::<Option<f64>>(name)?.unwrap_or(0.0),
        };
        micros += count * each;
    }
    named.assert_all_used()?;
    if micros.abs() > 86_400e6 * 999_999_999.0 {
        return Err(failed("the timedelta is out of range"));
    }
    let delta = TimeDelta::microseconds(micros.round() as i64);
    Ok(Value::from_object(Duration(delta)))
}

impl Duration {
    /// Whole days, down, and what is left of the last one in seconds and microseconds.
    fn parts(&self) -> (i64, i64, i64) {
        let micros = self.0.num_microseconds().unwrap_or(i64::MAX);
        let (days, rest) = (
            micros.div_euclid(86_400_000_000),
            micros.rem_euclid(86_400_000_000),
        );
        (days, rest / 1_000_000, rest % 1_000_000)
    }
}

impl Object for Duration {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let (days, seconds, micros) = self.parts();
        Some(Value::from(match key.as_str()? {
            "days" => days,
            "seconds" => seconds,
            "microseconds" => micros,
            _ => return None,
        }))
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        _: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "total_seconds" => {
                let micros = self.0.num_microseconds().unwrap_or(i64::MAX);
                Ok(Value::from(micros as f64 / 1e6))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.0.cmp(&other.downcast_ref::<Self>()?.0))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, seconds, micros) = self.parts();
        match days {
            0 => {}
            1 | -1 => write!(f, "{days} day, ")?,
            _ => write!(f, "{days} days, ")?,
        }
        write!(
            f,
            "{}:{:02}:{:02}",
            seconds / 3600,
            seconds / 60 % 60,
            seconds % 60
        )?;
        match micros {
            0 => Ok(()),
            _ => write!(f, ".{micros:06}"),
        }
    }
}
