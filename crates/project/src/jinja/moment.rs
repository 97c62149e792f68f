//! Python's datetimes and dates, such as `run_started_at`.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use chrono::{
    DateTime, Datelike, FixedOffset, NaiveDate, NaiveDateTime, Offset, TimeDelta, TimeZone,
    Timelike, Utc,
};
use chrono_tz::Tz;
use minijinja::value::{DynObject, Enumerator, Kwargs, Object, ObjectRepr, Rest, Tuple, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::duration::Duration;
use super::errors::failed;
use crate::ask::TextKind;

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
    /// With an offset and no zone; seconds east of UTC.
    Fixed(i32),
}

/// A time zone, as `pytz` gives it.
#[derive(Debug)]
pub(crate) struct Zone(pub Tz);

impl Zone {
    /// The offset that `pytz` gives a moment made with the zone and not put into it by `localize`: the local mean
    /// time of old, in whole minutes.
    fn mean(&self) -> i32 {
        let long_ago = NaiveDate::MIN.and_time(chrono::NaiveTime::MIN) + TimeDelta::days(2);
        let seconds = self
            .0
            .offset_from_utc_datetime(&long_ago)
            .fix()
            .local_minus_utc();
        (seconds + 30).div_euclid(60) * 60
    }
}

impl Object for Zone {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (key.as_str()? == "zone").then(|| Value::from(self.0.name()))
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let (given,): (Value,) = from_args(args)?;
        let given = given.downcast_object_ref::<Moment>();
        let moment = given.ok_or_else(|| failed(format!("{method}() needs a datetime")))?;
        match method {
            "localize" => Ok(Moment {
                wall: moment.wall,
                kind: Kind::Zoned(self.0),
            }
            .value()),
            "normalize" => Ok(Moment::now(moment.instant()?.to_utc(), self.0).value()),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.name())
    }
}

/// A date or a datetime of its parts.
pub(crate) fn made(args: &[Value], kind: Kind) -> Result<Value, Error> {
    let (positional, named): (Rest<Value>, Kwargs) = from_args(args)?;
    let names = [
        "year",
        "month",
        "day",
        "hour",
        "minute",
        "second",
        "microsecond",
    ];
    let mut parts = [0_i64, 1, 1, 0, 0, 0, 0];
    for (at, (name, part)) in names.iter().zip(&mut parts).enumerate() {
        if let Some(given) = positional.get(at) {
            *part = i64::try_from(given.clone())?;
        } else if let Some(given) = named.get::<Option<i64>>(name)? {
            *part = given;
        }
    }
    let given: Option<Value> = match positional.get(names.len()) {
        Some(zone) => Some(zone.clone()),
        None => named.get("tzinfo")?,
    };
    named.assert_all_used()?;
    let small = |at: usize| u32::try_from(parts[at]).unwrap_or(u32::MAX);
    let date = i32::try_from(parts[0]).ok();
    let date = date.and_then(|year| NaiveDate::from_ymd_opt(year, small(1), small(2)));
    let wall = date.and_then(|date| date.and_hms_micro_opt(small(3), small(4), small(5), small(6)));
    let wall = wall.ok_or_else(|| failed("there is no such day or time"))?;
    let kind = match given.filter(|zone| !zone.is_none()) {
        None => kind,
        Some(name) => match zone(&name)? {
            Tz::UTC => Kind::Zoned(Tz::UTC),
            zone => Kind::Fixed(Zone(zone).mean()),
        },
    };
    Ok(Moment { wall, kind }.value())
}

/// A sum or a difference in which a date or a duration is; `None` where neither is in it.
pub(crate) fn added(left: &Value, right: &Value, negative: bool) -> Option<Result<Value, Error>> {
    let moments = [left, right].map(|value| value.downcast_object_ref::<Moment>());
    let durations = [left, right].map(|value| value.downcast_object_ref::<Duration>());
    let sign = if negative { -1 } else { 1 };
    Some(match (moments, durations) {
        ([Some(one), Some(other)], _) if negative => one
            .since(other)
            .map(|between| Value::from_object(Duration(between))),
        ([Some(moment), None], [None, Some(by)]) => moment.later(by.0 * sign).map(Moment::value),
        ([None, Some(moment)], [Some(by), None]) if !negative => {
            moment.later(by.0).map(Moment::value)
        }
        (_, [Some(one), Some(other)]) => Ok(Value::from_object(Duration(one.0 + other.0 * sign))),
        _ => return None,
    })
}

impl Moment {
    pub fn utc(moment: DateTime<Utc>) -> Self {
        Self {
            wall: moment.naive_utc(),
            kind: Kind::Zoned(Tz::UTC),
        }
    }

    /// As YAML has it: `2024-01-31`, `2024-01-31 10:00:00`, `2024-01-31T10:00:00+02:00`.
    pub fn written(text: &str) -> Option<Self> {
        if let Ok(day) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
            let (wall, kind) = (day.into(), Kind::Date);
            return Some(Self { wall, kind });
        }
        let day_end = text.find(['T', 't', ' ', '\t'])?;
        let day = NaiveDate::parse_from_str(&text[..day_end], "%Y-%m-%d").ok()?;
        let rest = text[day_end + 1..].trim();
        let time_end = rest.find(['Z', '+', '-', ' ', '\t']).unwrap_or(rest.len());
        let time = rest[..time_end].trim_end_matches('.');
        let wall = day.and_time(chrono::NaiveTime::parse_from_str(time, "%H:%M:%S%.f").ok()?);
        let kind = match rest[time_end..].trim() {
            "" => Kind::Naive,
            "Z" => Kind::Zoned(Tz::UTC),
            zone => {
                let sign = if zone.starts_with('-') { -1 } else { 1 };
                let mut parts = zone[1..].split(':').map(|part| part.parse().ok());
                let (hours, minutes): (i32, Option<Option<i32>>) = (parts.next()??, parts.next());
                Kind::Fixed(sign * (hours * 60 + minutes.flatten().unwrap_or(0)) * 60)
            }
        };
        Some(Self { wall, kind })
    }

    /// A cell of a query's answer.
    pub fn read(text: &str, kind: TextKind) -> Option<Self> {
        let text = text.trim_end_matches('Z');
        let kind = match kind {
            TextKind::Date => Kind::Date,
            TextKind::WithoutZone => Kind::Naive,
            TextKind::WithZone => Kind::Zoned(Tz::UTC),
            TextKind::Whole | TextKind::Json => return None,
        };
        let wall = match kind {
            Kind::Date => NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.into(),
            _ => NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?,
        };
        Some(Self { wall, kind })
    }

    pub fn now(moment: DateTime<Utc>, zone: Tz) -> Self {
        Self {
            wall: moment.with_timezone(&zone).naive_local(),
            kind: Kind::Zoned(zone),
        }
    }

    pub fn fixed(moment: DateTime<FixedOffset>) -> Self {
        Self {
            wall: moment.naive_local(),
            kind: Kind::Fixed(moment.offset().local_minus_utc()),
        }
    }

    /// As Python reckons: on the clock on the wall.
    fn later(&self, by: TimeDelta) -> Result<Self, Error> {
        let by = match self.kind {
            Kind::Date => TimeDelta::days(by.num_milliseconds().div_euclid(86_400_000)),
            _ => by,
        };
        let wall = self.wall.checked_add_signed(by);
        Ok(Self {
            wall: wall.ok_or_else(|| failed("the date is out of range"))?,
            kind: self.kind,
        })
    }

    fn since(&self, other: &Self) -> Result<TimeDelta, Error> {
        let zoned = |moment: &Self| matches!(moment.kind, Kind::Zoned(_) | Kind::Fixed(_));
        match (zoned(self), zoned(other)) {
            (true, true) => Ok(self.instant()? - other.instant()?),
            (false, false) => Ok(self.wall - other.wall),
            _ => Err(failed(
                "a datetime with a zone and one without cannot be subtracted",
            )),
        }
    }

    pub fn value(self) -> Value {
        Value::from_object(self)
    }

    /// The instant. A moment without a zone is taken to be in UTC: templates must not depend on the
    /// machine that they are rendered on.
    fn instant(&self) -> Result<DateTime<Tz>, Error> {
        let zone = match self.kind {
            Kind::Zoned(zone) => zone,
            Kind::Date | Kind::Naive => Tz::UTC,
            Kind::Fixed(seconds) => {
                return Ok(
                    Tz::UTC.from_utc_datetime(&(self.wall - TimeDelta::seconds(seconds.into())))
                );
            }
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
            Kind::Fixed(seconds) => {
                let offset = FixedOffset::east_opt(seconds).map(|offset| offset.to_string());
                format!("{day}{between}{time}{}", offset.unwrap_or_default())
            }
            Kind::Zoned(_) => {
                let offset = self.instant().map(|it| it.format("%:z").to_string());
                format!("{day}{between}{time}{}", offset.unwrap_or_default())
            }
        }
    }
}

/// A pattern of Python's, where `%f` is microseconds.
fn micros(pattern: &str) -> String {
    let parts = pattern.split("%%").map(|part| part.replace("%f", "%6f"));
    parts.collect::<Vec<_>>().join("%%")
}

/// A time zone by its name in the tz database.
pub(crate) fn zone(name: &Value) -> Result<Tz, Error> {
    if let Some(zone) = name.downcast_object_ref::<Zone>() {
        return Ok(zone.0);
    }
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
                let pattern = &micros(pattern);
                let mut text = String::new();
                let shown = match self.kind {
                    Kind::Fixed(seconds) => FixedOffset::east_opt(seconds)
                        .map(|offset| self.instant().map(|it| it.with_timezone(&offset))),
                    _ => None,
                };
                match shown {
                    Some(moment) => fmt::Write::write_fmt(
                        &mut text,
                        format_args!("{}", moment?.format(pattern)),
                    ),
                    None => fmt::Write::write_fmt(
                        &mut text,
                        format_args!("{}", self.instant()?.format(pattern)),
                    ),
                }
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
            "isocalendar" => {
                let week = self.wall.iso_week();
                let day = self.wall.weekday().number_from_monday();
                let parts = [week.year().into(), week.week().into(), day.into()];
                Ok(Value::from(Tuple::from(parts.to_vec())))
            }
            "weekday" => Ok(Value::from(self.wall.weekday().num_days_from_monday())),
            "isoweekday" => Ok(Value::from(self.wall.weekday().number_from_monday())),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if key.as_str()? == "tzinfo" && self.kind != Kind::Date {
            return Some(match self.kind {
                Kind::Zoned(zone) => Value::from_object(Zone(zone)),
                Kind::Fixed(_) => Value::from_object(Zone(Tz::UTC)),
                _ => Value::from(()),
            });
        }
        let is_date = self.kind == Kind::Date;
        Some(Value::from(match key.as_str()? {
            "hour" | "minute" | "second" | "microsecond" if is_date => return None,
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

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(
            self.since(other.downcast_ref::<Self>()?)
                .ok()?
                .cmp(&TimeDelta::zero()),
        )
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown(' '))
    }
}
