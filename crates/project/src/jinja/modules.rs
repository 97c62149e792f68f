//! Python's modules as far as templates use them: `modules.datetime...`.

use std::sync::Arc;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, Utc};
use minijinja::value::{Enumerator, Object, ObjectRepr, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::duration;
use super::errors::failed;
use super::itertools;
use super::moment::{self, Moment, Zone};
use super::named::placed;
use super::re;
use super::scope::Scope;

pub(crate) fn value(scope: &Arc<Scope>) -> Value {
    let now = scope.now();
    let module = |module| Value::from_object(Module { module, now });
    Value::from_pairs([
        ("re", module(Kind::Re)),
        ("datetime", module(Kind::Datetime)),
        ("pytz", module(Kind::Pytz)),
        ("itertools", module(Kind::Itertools)),
    ])
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    Re,
    Datetime,
    /// `datetime.datetime`
    DatetimeClass,
    /// `datetime.date`
    DateClass,
    /// `datetime.timedelta`
    DeltaClass,
    Pytz,
    Itertools,
}

/// A module, or a class in one. What it can do is in its methods.
#[derive(Debug)]
struct Module {
    module: Kind,
    now: DateTime<Utc>,
}

impl Object for Module {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let class = |module| {
            let now = self.now;
            Value::from_object(Self { module, now })
        };
        Some(match (self.module, key.as_str()?) {
            (Kind::Re, flag) => re::constant(flag)?,
            (Kind::Datetime, "datetime") => class(Kind::DatetimeClass),
            (Kind::Datetime, "date") => class(Kind::DateClass),
            (Kind::Datetime, "timedelta") => class(Kind::DeltaClass),
            (Kind::Pytz, "utc" | "UTC") => Value::from_object(Zone(chrono_tz::Tz::UTC)),
            _ => return None,
        })
    }

    /// `datetime.datetime(2020, 1, 31)`, `datetime.timedelta(days=1)`.
    fn call(self: &Arc<Self>, _: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        match self.module {
            Kind::DatetimeClass => moment::made(args, moment::Kind::Naive),
            Kind::DateClass => moment::made(args, moment::Kind::Date),
            Kind::DeltaClass => duration::made(args),
            _ => Err(failed("a module cannot be called")),
        }
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match (self.module, method) {
            (Kind::Re, _) => re::call(method, args),
            (Kind::Datetime, "time") => time(args),
            (Kind::Datetime, _) => match self.get_value(&Value::from(method)) {
                Some(class) => class.call(state, args),
                None => Err(Error::from(ErrorKind::UnknownMethod)),
            },
            (Kind::DatetimeClass, "now") => {
                let (zone,): (Option<Value>,) = from_args(args)?;
                Ok(match zone {
                    Some(zone) => Value::from_object(Moment::now(self.now, moment::zone(&zone)?)),
                    None => self.moment(self.now.naive_utc()),
                })
            }
            (Kind::DatetimeClass, "utcnow" | "today") | (Kind::DateClass, "today") => {
                Ok(self.moment(self.now.naive_utc()))
            }
            (Kind::DatetimeClass | Kind::DateClass, "fromisoformat") => {
                let (text,): (&str,) = from_args(args)?;
                if let Ok(zoned) = text.replacen(' ', "T", 1).parse::<DateTime<FixedOffset>>() {
                    return Ok(Value::from_object(Moment::fixed(zoned)));
                }
                let patterns = [
                    "%Y-%m-%d %H:%M:%S%.f",
                    "%Y-%m-%dT%H:%M:%S%.f",
                    "%Y-%m-%d %H:%M",
                    "%Y-%m-%dT%H:%M",
                ];
                let moment = patterns
                    .iter()
                    .find_map(|pattern| NaiveDateTime::parse_from_str(text, pattern).ok())
                    .or_else(|| day(text, "%Y-%m-%d"));
                self.parsed(text, moment)
            }
            (Kind::DatetimeClass, "strptime") => {
                let (text, pattern): (&str, &str) = from_args(args)?;
                let moment = NaiveDateTime::parse_from_str(text, pattern).ok();
                self.parsed(text, moment.or_else(|| day(text, pattern)))
            }
            (Kind::Pytz, "timezone") => {
                let (name,): (Value,) = from_args(args)?;
                Ok(Value::from_object(Zone(moment::zone(&name)?)))
            }
            (Kind::Itertools, _) => itertools::call(method, args),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

/// A time of a day: nothing can be asked of it but its text.
fn time(args: &[Value]) -> Result<Value, Error> {
    type Given = (Option<u32>, Option<u32>, Option<u32>, Option<u32>);
    let args = placed("time", &["hour", "minute", "second", "microsecond"], args)?;
    let (hour, minute, second, micros): Given = from_args(&args)?;
    let part = |part: Option<u32>| part.unwrap_or(0);
    let micros = part(micros);
    let time = NaiveTime::from_hms_micro_opt(part(hour), part(minute), part(second), micros);
    let time = time.ok_or_else(|| failed("there is no such time of a day"))?;
    let pattern = if micros == 0 {
        "%H:%M:%S"
    } else {
        "%H:%M:%S%.6f"
    };
    Ok(Value::from(time.format(pattern).to_string()))
}

fn day(text: &str, pattern: &str) -> Option<NaiveDateTime> {
    let date = NaiveDate::parse_from_str(text, pattern).ok()?;
    date.and_hms_opt(0, 0, 0)
}

impl Module {
    fn moment(&self, wall: NaiveDateTime) -> Value {
        let (wall, kind) = match self.module {
            Kind::DateClass => (wall.date().into(), moment::Kind::Date),
            _ => (wall, moment::Kind::Naive),
        };
        Value::from_object(Moment { wall, kind })
    }

    fn parsed(&self, text: &str, moment: Option<NaiveDateTime>) -> Result<Value, Error> {
        let moment = moment.ok_or_else(|| failed(format!("'{text}' is no date of that form")))?;
        Ok(self.moment(moment))
    }
}
