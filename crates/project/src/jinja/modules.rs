//! Python's modules as far as templates use them: `modules.re.sub(...)`, `modules.datetime...`.

use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, Utc};
use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr, Rest, Tuple, from_args};
use minijinja::{Error, ErrorKind, State, Value};
use regex::{Captures, Regex};

use super::collections;
use super::duration;
use super::errors::failed;
use super::itertools;
use super::moment::{self, Moment, Zone};
use super::scope::Scope;

/// A flag of Python's `re`, and its letter inside a pattern.
struct Flag {
    long: &'static str,
    short: &'static str,
    bit: i64,
    letter: &'static str,
}

const fn flag(long: &'static str, short: &'static str, bit: i64, letter: &'static str) -> Flag {
    Flag {
        long,
        short,
        bit,
        letter,
    }
}

const FLAGS: &[Flag] = &[
    flag("IGNORECASE", "I", 2, "i"),
    flag("MULTILINE", "M", 8, "m"),
    flag("DOTALL", "S", 16, "s"),
    flag("VERBOSE", "X", 64, "x"),
];

pub(crate) fn value(scope: &Arc<Scope>) -> Value {
    let now = scope.shared.now;
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
            (Kind::Re, flag) => {
                let known = FLAGS
                    .iter()
                    .find(|known| known.long == flag || known.short == flag);
                Value::from(known?.bit)
            }
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
            (Kind::Re, _) => re(method, args),
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

fn re(method: &str, args: &[Value]) -> Result<Value, Error> {
    let (pattern, rest): (&str, Rest<Value>) = from_args(args)?;
    let flags = match rest.last() {
        Some(last) if last.is_kwargs() => {
            Kwargs::try_from(last.clone())?.get::<Option<i64>>("flags")?
        }
        // sub(pattern, by, text, count, flags), split(pattern, text, count, flags), search(pattern, text, flags)
        _ => {
            let at = match method {
                "sub" => 3,
                "split" => 2,
                _ => 1,
            };
            rest.get(at).and_then(Value::as_i64)
        }
    };
    let regex = |pattern: &str| {
        let set = FLAGS
            .iter()
            .filter(|flag| flags.unwrap_or(0) & flag.bit != 0);
        let letters: String = set.map(|flag| flag.letter).collect();
        let flag = match letters.as_str() {
            "" => String::new(),
            letters => format!("(?{letters})"),
        };
        Regex::new(&format!("{flag}{pattern}"))
            .map_err(|error| failed(format!("modules.re.{method}: {error}")))
    };
    let text = |at: usize| {
        let text = rest.get(at).and_then(Value::as_str);
        text.ok_or_else(|| failed(format!("modules.re.{method} needs a text")))
    };
    let found = |captures: Option<Captures<'_>>| {
        captures.map_or(Value::from(()), |captures| {
            let whole = captures.get(0).map_or(0..0, |whole| whole.range());
            let text = rest.first().and_then(Value::as_str).unwrap_or_default();
            let group = |m: Option<regex::Match<'_>>| m.map(|m| m.as_str().to_owned());
            Value::from_object(Match {
                groups: captures.iter().map(group).collect(),
                span: (
                    text[..whole.start].chars().count(),
                    text[..whole.end].chars().count(),
                ),
            })
        })
    };
    match method {
        "sub" => {
            let replacement = references(text(0)?);
            let changed = regex(pattern)?.replace_all(text(1)?, replacement.as_str());
            Ok(Value::from(changed.into_owned()))
        }
        "search" => Ok(found(regex(pattern)?.captures(text(0)?))),
        "match" => Ok(found(regex(&format!("^(?:{pattern})"))?.captures(text(0)?))),
        "fullmatch" => Ok(found(
            regex(&format!("^(?:{pattern})$"))?.captures(text(0)?),
        )),
        "findall" => {
            let regex = regex(pattern)?;
            let group = |m: Option<regex::Match<'_>>| Value::from(m.map_or("", |m| m.as_str()));
            let item = |captures: Captures<'_>| match captures.len() {
                1 => group(captures.get(0)),
                2 => group(captures.get(1)),
                _ => {
                    let groups: Vec<Value> = captures.iter().skip(1).map(group).collect();
                    Value::from(Tuple::from(groups))
                }
            };
            Ok(collections::list(regex.captures_iter(text(0)?).map(item)))
        }
        "split" => {
            let regex = regex(pattern)?;
            Ok(collections::list(regex.split(text(0)?).map(Value::from)))
        }
        "escape" => Ok(Value::from(regex::escape(pattern))),
        _ => Err(failed(format!("modules.re.{method} is not supported yet"))),
    }
}

/// Python's `\1` as this engine writes it, and its `$` as plain text.
fn references(replacement: &str) -> String {
    let mut out = String::new();
    let mut chars = replacement.chars().peekable();
    while let Some(c) = chars.next() {
        match (c, chars.peek()) {
            ('$', _) => out.push_str("$$"),
            ('\\', Some(digit)) if digit.is_ascii_digit() => {
                out.push_str(&format!("${{{digit}}}"));
                chars.next();
            }
            _ => out.push(c),
        }
    }
    out
}

/// What a search found: the whole, then its groups.
#[derive(Debug)]
struct Match {
    groups: Vec<Option<String>>,
    /// In characters.
    span: (usize, usize),
}

impl Object for Match {
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
        let group = |at: usize| self.groups.get(at).cloned().flatten();
        match method {
            "group" => {
                let (at,): (Option<usize>,) = from_args(args)?;
                Ok(Value::from(group(at.unwrap_or(0))))
            }
            "start" => Ok(Value::from(self.span.0)),
            "end" => Ok(Value::from(self.span.1)),
            "span" => {
                let (start, end) = self.span;
                Ok(Value::from(Tuple::from(vec![
                    Value::from(start),
                    Value::from(end),
                ])))
            }
            "groups" => {
                let groups: Vec<Value> = self
                    .groups
                    .iter()
                    .skip(1)
                    .cloned()
                    .map(Value::from)
                    .collect();
                Ok(Value::from(Tuple::from(groups)))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<match>")
    }
}
