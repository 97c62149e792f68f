//! Texts that are filled in: `'%s' % x` and `'{}'.format(x)`. The engine's own formats lack what Python writes of values
//! (`%r`, `{!r}`); here these are values that are texts already.

use std::collections::BTreeMap;

use minijinja::formatting::{FormatStyle, format};
use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, Value};

use super::errors::of_template;
use super::python::repr;

/// `text % given`: a tuple's items one by one, a mapping's by their names.
pub(super) fn printf(text: &str, given: &Value) -> Result<String, Error> {
    let mut args: Vec<Value> = match given.is_tuple() {
        true => given.try_iter()?.collect(),
        false => vec![given.clone()],
    };
    let mut named = BTreeMap::new();
    let (mut out, mut rest, mut next) = (String::new(), text, 0);
    while let Some(at) = rest.find('%') {
        let (before, spec) = rest.split_at(at);
        let length = spec_length(spec);
        let (spec, after) = spec.split_at(length);
        out.push_str(before);
        rest = after;
        let key = spec[1..]
            .strip_prefix('(')
            .and_then(|key| key.split_once(')'));
        let value = match key {
            Some((key, _)) => Some(given.get_item(&Value::from(key))?),
            None => {
                next += spec.matches('*').count();
                args.get(next).cloned()
            }
        };
        let letter = spec.chars().next_back();
        let changed = match (letter, value) {
            (Some('r' | 'a'), Some(value)) => Some((Value::from(repr(&value)), 's')),
            (Some('d' | 'i' | 'u'), Some(value)) if is_float(&value) => {
                Some((Value::from(f64::try_from(value)?.trunc() as i128), 'd'))
            }
            _ => None,
        };
        let kept = &spec[..spec.len() - letter.map_or(0, char::len_utf8)];
        match (changed, key) {
            (None, _) => out.push_str(spec),
            (Some((value, letter)), None) => {
                args[next] = value;
                out.push_str(&format!("{kept}{letter}"));
            }
            (Some((value, letter)), Some((key, flags))) => {
                let other = format!("{key}!{}", spec.len());
                out.push_str(&format!("%({other}){}{letter}", &flags[..flags.len() - 1]));
                named.insert(other, value);
            }
        }
        next += usize::from(key.is_none() && spec != "%%");
    }
    out.push_str(rest);
    if !named.is_empty() {
        for key in given.try_iter()? {
            named.insert(key.to_string(), given.get_item(&key)?);
        }
        args = vec![Value::from(named)];
    }
    format(FormatStyle::Printf, &out, &args)
}

fn is_float(value: &Value) -> bool {
    value.kind() == ValueKind::Number && !value.is_integer()
}

/// From the percent sign to the letter of the type.
fn spec_length(spec: &str) -> usize {
    let mut in_key = false;
    let end = spec.char_indices().skip(1).find(|(_, c)| {
        match c {
            '(' => in_key = true,
            ')' => in_key = false,
            _ => return !in_key && (c.is_alphabetic() || *c == '%') && !"hlL".contains(*c),
        }
        false
    });
    end.map_or(spec.len(), |(at, c)| at + c.len_utf8())
}

/// `text.format(...)`.
pub(super) fn filled(env: &Environment<'_>, text: &str, args: &[Value]) -> Result<String, Error> {
    let mut fields = Fields {
        env,
        args,
        auto: 0,
        made: Vec::new(),
    };
    match fields.rewritten(text)? {
        None => format(FormatStyle::StrFormat, text, args),
        Some(text) => format(FormatStyle::StrFormat, &text, &fields.arguments()?),
    }
}

/// Fields with a conversion, which become fields of a name of their own.
struct Fields<'a> {
    env: &'a Environment<'a>,
    args: &'a [Value],
    /// The number of the next field without one.
    auto: usize,
    made: Vec<String>,
}

impl Fields<'_> {
    /// `None`: there is no conversion.
    fn rewritten(&mut self, text: &str) -> Result<Option<String>, Error> {
        let (mut out, mut rest) = (String::new(), text);
        while let Some(at) = rest.find(['{', '}']) {
            let (before, field) = rest.split_at(at);
            out.push_str(before);
            if field.starts_with("{{") || field.starts_with("}}") || field.starts_with('}') {
                let length = field.len().min(2);
                out.push_str(&field[..length]);
                rest = &field[length..];
                continue;
            }
            let end = field.find(['!', ':', '}']).unwrap_or(field.len());
            let (name, after) = (&field[1..end], &field[end..]);
            let name = self.numbered(name);
            let conversion = after
                .strip_prefix('!')
                .and_then(|after| after.chars().next());
            match conversion {
                Some(conversion @ ('r' | 's' | 'a')) => {
                    let text = match (self.value(&name)?, conversion) {
                        (value, 's') => value.to_string(),
                        (value, _) => repr(&value),
                    };
                    out.push_str(&format!("{{__{}", self.made.len()));
                    self.made.push(text);
                    rest = &after[2..];
                }
                _ => {
                    out.push_str(&format!("{{{name}"));
                    rest = after;
                }
            }
            // What follows is the field's format, which may have fields itself: they have no conversions.
            let close = rest.find('}').map_or(rest.len(), |close| close + 1);
            out.push_str(&rest[..close]);
            rest = &rest[close..];
        }
        out.push_str(rest);
        Ok((!self.made.is_empty()).then_some(out))
    }

    fn numbered(&mut self, name: &str) -> String {
        match name.is_empty() || name.starts_with(['.', '[']) {
            false => name.to_owned(),
            true => {
                self.auto += 1;
                format!("{}{name}", self.auto - 1)
            }
        }
    }

    fn value(&self, name: &str) -> Result<Value, Error> {
        let (root, path) = name.split_at(name.find(['.', '[']).unwrap_or(name.len()));
        let named = self.args.last().filter(|last| last.is_kwargs());
        let root = match root.parse::<usize>() {
            Ok(place) => self.args.get(place).cloned(),
            Err(_) => named.and_then(|named| named.get_item(&Value::from(root)).ok()),
        };
        let expression = self.env.compile_expression_owned(format!("root{path}"))?;
        let value = expression.eval(Value::from_pairs([("root", root.unwrap_or_default())]));
        value.map_err(of_template)
    }

    fn arguments(&self) -> Result<Vec<Value>, Error> {
        let mut args = self.args.to_vec();
        let named = args.pop_if(|last| last.is_kwargs()).unwrap_or_default();
        let mut all = Vec::new();
        for key in named.try_iter().into_iter().flatten() {
            all.push((key.to_string(), named.get_item(&key)?));
        }
        let made = self.made.iter().enumerate();
        all.extend(made.map(|(at, text)| (format!("__{at}"), Value::from(text.as_str()))));
        args.push(Value::from(all.into_iter().collect::<Kwargs>()));
        Ok(args)
    }
}

#[cfg(test)]
mod tests {
    use minijinja::value::Tuple;

    use super::*;

    #[test]
    fn values_are_written_as_python_writes_them() {
        let pair = Value::from(Tuple::from([Value::from("x"), Value::from(3.7)]));
        assert_eq!(printf("%r|%d%%", &pair).unwrap(), "'x'|3%");
        let map = Value::from_pairs([("a", "x")]);
        assert_eq!(printf("%(a)s %(a)5r", &map).unwrap(), "x   'x'");
        let env = Environment::new();
        let args = [Value::from("x"), Value::from("y")];
        assert_eq!(filled(&env, "{!r:>5}{{}}{}", &args).unwrap(), "  'x'{}y");
        assert_eq!(filled(&env, "{1!r}{0}", &args).unwrap(), "'y'x");
    }
}
