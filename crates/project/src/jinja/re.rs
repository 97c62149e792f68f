//! Python's module `re` as far as templates use it: `modules.re.sub(...)`.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use fancy_regex::{Captures, Regex};
use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr, Rest, Tuple, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::collections;
use super::errors::failed;
use super::re_pattern::{self, translated};

/// A flag of Python's `re`, and its letter inside a pattern.
struct Flag {
    long: &'static str,
    short: &'static str,
    bit: i64,
    letter: char,
}

const fn flag(long: &'static str, short: &'static str, bit: i64, letter: char) -> Flag {
    Flag {
        long,
        short,
        bit,
        letter,
    }
}

const FLAGS: &[Flag] = &[
    flag("IGNORECASE", "I", 2, 'i'),
    flag("MULTILINE", "M", 8, 'm'),
    flag("DOTALL", "S", 16, 's'),
    flag("VERBOSE", "X", 64, 'x'),
];

/// `modules.re.IGNORECASE`.
pub(super) fn constant(name: &str) -> Option<Value> {
    let mut flags = FLAGS.iter();
    let known = flags.find(|known| known.long == name || known.short == name)?;
    Some(Value::from(known.bit))
}

/// What `compile` gives: its methods are the functions with the pattern filled in.
#[derive(Debug)]
struct Pattern {
    pattern: String,
    flags: i64,
}

impl Object for Pattern {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str()? {
            "pattern" => Some(Value::from(&*self.pattern)),
            "flags" => Some(Value::from(self.flags)),
            _ => None,
        }
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let (places, named) = match args.split_last() {
            Some((last, rest)) if last.is_kwargs() => (rest, Some(last)),
            _ => (args, None),
        };
        let mut given: Vec<(String, Value)> = Vec::new();
        if let Some(named) = named {
            for name in named.try_iter()? {
                given.push((name.to_string(), named.get_item(&name)?));
            }
        }
        given.push(("flags".to_owned(), Value::from(self.flags)));
        let pattern = Value::from(&*self.pattern);
        let flags = Value::from(given.into_iter().collect::<Kwargs>());
        call(method, &[&[pattern], places, &[flags]].concat())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "re.compile('{}')", self.pattern)
    }
}

fn compiled(args: &[Value]) -> Result<Value, Error> {
    let call = Call::read("compile", args)?;
    call.regex(call.pattern)?;
    Ok(Value::from_object(Pattern {
        pattern: call.pattern.to_owned(),
        flags: call.number(0, "flags")? as i64,
    }))
}

pub(super) fn call(method: &str, args: &[Value]) -> Result<Value, Error> {
    if method == "compile" {
        return compiled(args);
    }
    let call = Call::read(method, args)?;
    match method {
        "escape" => Ok(Value::from(regex::escape(call.pattern))),
        "search" => call.first(call.pattern),
        "match" => call.first(&format!(r"\A(?:{})", call.pattern)),
        "fullmatch" => call.first(&format!(r"\A(?:{})\z", call.pattern)),
        "findall" => call.all(),
        "sub" => call.replaced(),
        "split" => call.split(),
        _ => Err(failed(format!("modules.re.{method} is not supported yet"))),
    }
}

/// The arguments of a function, by place or by name.
struct Call<'a> {
    method: &'a str,
    pattern: &'a str,
    rest: &'a [Value],
    named: Option<Kwargs>,
}

impl<'a> Call<'a> {
    fn read(method: &'a str, args: &'a [Value]) -> Result<Self, Error> {
        let (placed, named) = match args.split_last() {
            Some((last, placed)) if last.is_kwargs() => {
                (placed, Some(Kwargs::try_from(last.clone())?))
            }
            _ => (args, None),
        };
        let (pattern, _): (&str, Rest<Value>) = from_args(placed)?;
        Ok(Self {
            method,
            pattern,
            rest: &placed[1..],
            named,
        })
    }

    fn failed(&self, what: impl fmt::Display) -> Error {
        failed(format!("modules.re.{}: {what}", self.method))
    }

    fn text(&self, place: usize) -> Result<&'a str, Error> {
        let text = self.rest.get(place).and_then(Value::as_str);
        text.ok_or_else(|| failed(format!("modules.re.{} needs a text", self.method)))
    }

    fn number(&self, place: usize, name: &str) -> Result<usize, Error> {
        let named = match &self.named {
            Some(named) => named.get::<Option<usize>>(name)?,
            None => None,
        };
        let placed = self.rest.get(place).and_then(Value::as_usize);
        Ok(named.or(placed).unwrap_or(0))
    }

    fn regex(&self, pattern: &str) -> Result<Regex, Error> {
        // sub(pattern, by, text, count, flags), split(pattern, text, count, flags), search(pattern, text, flags)
        let place = match self.method {
            "sub" => 3,
            "split" => 2,
            "compile" => 0,
            _ => 1,
        };
        let bits = self.number(place, "flags")? as i64;
        let set = FLAGS.iter().filter(|flag| bits & flag.bit != 0);
        let letters: String = set.map(|flag| flag.letter).collect();
        let flags = re_pattern::Flags {
            verbose: letters.contains('x'),
            multiline: letters.contains('m'),
        };
        let flag = match letters.as_str() {
            "" => String::new(),
            letters => format!("(?{letters})"),
        };
        let regex = Regex::new(&format!("{flag}{}", translated(pattern, flags)));
        regex.map_err(|error| self.failed(error))
    }

    fn first(&self, pattern: &str) -> Result<Value, Error> {
        let (regex, text) = (self.regex(pattern)?, self.text(0)?);
        let found = regex.captures(text).map_err(|error| self.failed(error))?;
        Ok(found.map_or(Value::from(()), |found| {
            Value::from_object(Match::new(text, &regex, &found))
        }))
    }

    fn captures(&self, text: &'a str) -> Result<Vec<Captures<'a>>, Error> {
        let regex = self.regex(self.pattern)?;
        let found: Result<_, _> = regex.captures_iter(text).collect();
        found.map_err(|error| self.failed(error))
    }

    fn all(&self) -> Result<Value, Error> {
        let item = |found: &Captures<'_>| {
            let group = |at: usize| Value::from(found.get(at).map_or("", |group| group.as_str()));
            match found.len() {
                1 => group(0),
                2 => group(1),
                groups => Value::from(Tuple::from((1..groups).map(group).collect::<Vec<_>>())),
            }
        };
        let found = self.captures(self.text(0)?)?;
        Ok(collections::list(found.iter().map(item)))
    }

    fn replaced(&self) -> Result<Value, Error> {
        let (by, text) = (self.text(0)?, self.text(1)?);
        let (mut out, mut at) = (String::new(), 0);
        for found in self.limited(text, self.number(2, "count")?)? {
            let place = range(&found);
            out.push_str(&text[at..place.start]);
            referred(by, &found, &mut out);
            at = place.end;
        }
        out.push_str(&text[at..]);
        Ok(Value::from(out))
    }

    /// What the groups find is among the parts.
    fn split(&self) -> Result<Value, Error> {
        let text = self.text(0)?;
        let (mut parts, mut at) = (Vec::new(), 0);
        for found in self.limited(text, self.number(1, "maxsplit")?)? {
            let place = range(&found);
            parts.push(Value::from(&text[at..place.start]));
            let groups = found.iter().skip(1);
            parts.extend(groups.map(|group| Value::from(group.map(|group| group.as_str()))));
            at = place.end;
        }
        parts.push(Value::from(&text[at..]));
        Ok(collections::list(parts))
    }

    /// The first so many; 0 is all.
    fn limited(&self, text: &'a str, count: usize) -> Result<Vec<Captures<'a>>, Error> {
        let mut found = self.captures(text)?;
        if count > 0 {
            found.truncate(count);
        }
        Ok(found)
    }
}

fn range(found: &Captures<'_>) -> Range<usize> {
    found.get(0).map_or(0..0, |whole| whole.range())
}

/// The replacement with its `\1` and `\g<name>`.
fn referred(replacement: &str, found: &Captures<'_>, out: &mut String) {
    let mut rest = replacement;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let digits = after
            .chars()
            .take_while(char::is_ascii_digit)
            .take(2)
            .count();
        let named = after
            .strip_prefix("g<")
            .and_then(|text| text.split_once('>'));
        let (group, length) = match (named, digits, after.chars().next()) {
            (Some((name, behind)), ..) => {
                let group = name
                    .parse()
                    .map_or_else(|_| found.name(name), |at| found.get(at));
                (
                    group.map_or("", |group| group.as_str()),
                    after.len() - behind.len(),
                )
            }
            (_, 1.., _) => {
                let group = after[..digits].parse().ok().and_then(|at| found.get(at));
                (group.map_or("", |group| group.as_str()), digits)
            }
            (_, _, Some('n')) => ("\n", 1),
            (_, _, Some('t')) => ("\t", 1),
            (_, _, Some('\\')) => ("\\", 1),
            _ => ("\\", 0),
        };
        out.push_str(group);
        rest = &after[length..];
    }
    out.push_str(rest);
}

/// What a search found: the whole, then its groups.
#[derive(Debug)]
struct Match {
    groups: Vec<Option<String>>,
    names: Vec<Option<String>>,
    /// In characters.
    span: (usize, usize),
}

impl Match {
    fn new(text: &str, regex: &Regex, found: &Captures<'_>) -> Self {
        let whole = range(found);
        let group = |group: Option<fancy_regex::Match<'_>>| group.map(|g| g.as_str().to_owned());
        let characters = |end: usize| text[..end].chars().count();
        Self {
            groups: found.iter().map(group).collect(),
            names: regex
                .capture_names()
                .map(|name| name.map(str::to_owned))
                .collect(),
            span: (characters(whole.start), characters(whole.end)),
        }
    }

    fn group(&self, wanted: Option<&Value>) -> Result<Value, Error> {
        let at = match wanted {
            None => Some(0),
            Some(wanted) => match wanted.as_str() {
                Some(name) => self.names.iter().position(|n| n.as_deref() == Some(name)),
                None => wanted.as_usize().filter(|at| *at < self.groups.len()),
            },
        };
        let at = at.ok_or_else(|| failed("the pattern has no such group"))?;
        Ok(Value::from(self.groups[at].clone()))
    }
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
        let tuple = |values: Vec<Value>| Value::from(Tuple::from(values));
        match method {
            "group" => match args {
                [] | [_] => self.group(args.first()),
                several => {
                    let groups: Result<_, _> =
                        several.iter().map(|at| self.group(Some(at))).collect();
                    Ok(tuple(groups?))
                }
            },
            "start" => Ok(Value::from(self.span.0)),
            "end" => Ok(Value::from(self.span.1)),
            "span" => Ok(tuple(vec![
                Value::from(self.span.0),
                Value::from(self.span.1),
            ])),
            "groups" => {
                let groups = self.groups.iter().skip(1).cloned();
                Ok(tuple(groups.map(Value::from).collect()))
            }
            "groupdict" => {
                let named = self.names.iter().zip(&self.groups);
                let named = named.filter_map(|(name, group)| Some((name.clone()?, group.clone())));
                let named = named.map(|(name, group)| (Value::from(name), Value::from(group)));
                Ok(collections::dict(named))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<match>")
    }
}
