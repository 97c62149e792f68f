//! Python's datetimes and dates, such as `run_started_at`.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Datelike, Timelike, Utc};
use minijinja::value::{Enumerator, Object, ObjectRepr, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::errors::failed;

/// Prints as Python's datetime or date does.
#[derive(Debug)]
pub(crate) struct Moment {
    pub moment: DateTime<Utc>,
    /// The pattern that it prints by.
    pub shown: &'static str,
}

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "isoformat" => Ok(Value::from(
                self.moment
                    .format("%Y-%m-%dT%H:%M:%S%.6f+00:00")
                    .to_string(),
            )),
            "strftime" => {
                let (pattern,): (&str,) = from_args(args)?;
                let mut text = String::new();
                fmt::Write::write_fmt(&mut text, format_args!("{}", self.moment.format(pattern)))
                    .map_err(|_| failed(format!("'{pattern}' is no pattern for a date")))?;
                Ok(Value::from(text))
            }
            // Everything here is in UTC.
            "astimezone" | "replace" => Ok(Value::from_dyn_object(self.clone())),
            "date" => Ok(Value::from_object(Self {
                moment: self.moment,
                shown: "%Y-%m-%d",
            })),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(Value::from(match key.as_str()? {
            "year" => i64::from(self.moment.year()),
            "month" => i64::from(self.moment.month()),
            "day" => i64::from(self.moment.day()),
            "hour" => i64::from(self.moment.hour()),
            "minute" => i64::from(self.moment.minute()),
            "second" => i64::from(self.moment.second()),
            _ => return None,
        }))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.moment.format(self.shown))
    }
}
