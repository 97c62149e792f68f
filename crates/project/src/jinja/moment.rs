//! Python's datetimes and dates, such as `run_started_at`.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Datelike, NaiveDateTime, TimeZone, Timelike, Utc};
use chrono_tz::Tz;
use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr, Rest, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::errors::failed;

/// What Python calls a datetime, aware of its zone or not, or a date.
#[derive(Clone, Debug)]
pub(crate) struct Moment {
    /// What a clock on the wall shows.
    pub wall: NaiveDateTime,
    pub kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Kind {
    Date,
    /// Without a zone.
    Naive,
    Zoned(Tz),
}

impl Moment {
    pub fn utc(moment: DateTime<Utc>) -> Self {
        Self {
            wall: moment.naive_utc(),
            kind: Kind::Zoned(Tz::UTC),
        }
    }

    pub fn now(moment: DateTime<Utc>, zone: Tz) -> Self {
        Self {
            wall: moment.with_timezone(&zone).naive_local(),
            kind: Kind::Zoned(zone),
        }
    }

    fn value(self) -> Value {
        Value::from_object(self)
    }

    /// The instant. A moment without a zone is taken to be in UTC: templates must not depend on the
    /// machine that they are rendered on.
    fn instant(&self) -> Result<DateTime<Tz>, Error> {
        let zone = match self.kind {
            Kind::Zoned(zone) => zone,
            Kind::Date | Kind::Naive => Tz::UTC,
        };
        let found = zone.from_local_datetime(&self.wall).earliest();
        found.ok_or_else(|| failed(format!("{zone} had no {}: clocks were put on", self.wall)))
    }

    fn replaced(&self, args: &[Value]) -> Result<Self, Error> {
        let (positional, named): (Rest<Value>, Kwargs) = from_args(args)?;
        if !positional.is_empty() {
            return Err(failed("replace() takes its parts by name: replace(day=1)"));
        }
        let mut changed = self.clone();
        for name in [
            "year",
            "month",
            "day",
            "hour",
            "minute",
            "second",
            "microsecond",
        ] {
            let Some(part) = named.get::<Option<i32>>(name)? else {
                continue;
            };
            let small = u32::try_from(part).ok();
            let wall = changed.wall;
            let with = match name {
                "year" => wall.with_year(part),
                "month" => small.and_then(|part| wall.with_month(part)),
                "day" => small.and_then(|part| wall.with_day(part)),
                "hour" => small.and_then(|part| wall.with_hour(part)),
                "minute" => small.and_then(|part| wall.with_minute(part)),
                "second" => small.and_then(|part| wall.with_second(part)),
                _ => small.and_then(|part| wall.with_nanosecond(part.checked_mul(1_000)?)),
            };
            changed.wall = with.ok_or_else(|| failed(format!("{name} {part} is out of range")))?;
        }
        if named.has("tzinfo") {
            let zone: Value = named.get("tzinfo")?;
            changed.kind = match zone.is_none() {
                true => Kind::Naive,
                false => Kind::Zoned(self::zone(&zone)?),
            };
        }
        named.assert_all_used()?;
        Ok(changed)
    }

    fn shown(&self, between: char) -> String {
        let day = self.wall.format("%Y-%m-%d");
        let time = match self.wall.nanosecond() {
            0 => self.wall.format("%H:%M:%S"),
            _ => self.wall.format("%H:%M:%S%.6f"),
        };
        match self.kind {
            Kind::Date => day.to_string(),
            Kind::Naive => format!("{day}{between}{time}"),
            Kind::Zoned(_) => {
                let offset = self.instant().map(|it| it.format("%:z").to_string());
                format!("{day}{between}{time}{}", offset.unwrap_or_default())
            }
        }
    }
}

/// A time zone by its name in the tz database.
pub(crate) fn zone(name: &Value) -> Result<Tz, Error> {
    let text = name.as_str().unwrap_or_default();
    text.parse()
        .map_err(|_| failed(format!("'{name}' is no time zone of the tz database")))
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
        if self.kind == Kind::Date && matches!(method, "astimezone" | "date" | "timestamp") {
            return Err(failed(format!("a date has no {method}()")));
        }
        match method {
            "isoformat" => Ok(Value::from(self.shown('T'))),
            "strftime" => {
                let (pattern,): (&str,) = from_args(args)?;
                let mut text = String::new();
                let moment = self.instant()?;
                fmt::Write::write_fmt(&mut text, format_args!("{}", moment.format(pattern)))
                    .map_err(|_| failed(format!("'{pattern}' is no pattern for a date")))?;
                Ok(Value::from(text))
            }
            "astimezone" => {
                let (to,): (Option<Value>,) = from_args(args)?;
                let zone = to.map_or(Ok(Tz::UTC), |to| zone(&to))?;
                Ok(Self::now(self.instant()?.to_utc(), zone).value())
            }
            "replace" => Ok(self.replaced(args)?.value()),
            "date" => Ok(Self {
                wall: self.wall.date().into(),
                kind: Kind::Date,
            }
            .value()),
            "timestamp" => {
                let micros = self.instant()?.timestamp_micros();
                Ok(Value::from(micros as f64 / 1e6))
            }
            "weekday" => Ok(Value::from(self.wall.weekday().num_days_from_monday())),
            "isoweekday" => Ok(Value::from(self.wall.weekday().number_from_monday())),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(Value::from(match key.as_str()? {
            "year" => i64::from(self.wall.year()),
            "month" => i64::from(self.wall.month()),
            "day" => i64::from(self.wall.day()),
            "hour" => i64::from(self.wall.hour()),
            "minute" => i64::from(self.wall.minute()),
            "second" => i64::from(self.wall.second()),
            "microsecond" => i64::from(self.wall.nanosecond() / 1_000),
            _ => return None,
        }))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown(' '))
    }
}
