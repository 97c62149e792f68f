//! The grammar of gates.

use std::fmt;

use forebay_core::Diagnostic;

/// A gate as data.
#[derive(Clone, Debug, PartialEq)]
pub struct Gate {
    /// As written.
    pub expression: String,
    pub left: Side,
    pub comparison: Comparison,
    pub right: Side,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    AtLeast,
    Above,
    AtMost,
    Below,
}

/// A sum of terms, each times its factor.
#[derive(Clone, Debug, PartialEq)]
pub struct Side(pub Vec<(f64, Term)>);

#[derive(Clone, Debug, PartialEq)]
pub enum Term {
    /// The factor alone.
    One,
    Value(Value),
}

/// A number of the evaluation.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Metric(String),
    Lower(String),
    Upper(String),
    Train(String),
    Folds(String),
    Slice {
        column: String,
        value: String,
        metric: String,
    },
    Worst {
        column: String,
        metric: String,
    },
    Threshold {
        at: f64,
        metric: String,
    },
    Importance(String),
    /// None: the left side's first metric.
    Champion(Option<String>),
    GainLower(String),
    GainUpper(String),
}

/// Longer signs first: `>` begins `>=`.
const SIGNS: [(&str, Comparison); 4] = [
    (">=", Comparison::AtLeast),
    ("<=", Comparison::AtMost),
    (">", Comparison::Above),
    ("<", Comparison::Below),
];

const FORM: &str = "write a gate as `metric >= 0.7`, `metric >= champion - 0.005` or \
                    `slice(column='value').metric > 0.6` (>=, >, <=, <)";

impl Gate {
    pub fn parse(expression: &str) -> Result<Self, Diagnostic> {
        let wrong =
            |what: String| Diagnostic::error(format!("gate '{expression}': {what}")).hint(FORM);
        let (sign, at) =
            comparison(expression).ok_or_else(|| wrong("it has no comparison".to_owned()))?;
        let side = |text: &str| {
            let mut words = Words::new(text);
            words.side().map_err(&wrong)
        };
        Ok(Self {
            expression: expression.trim().to_owned(),
            left: side(&expression[..at])?,
            comparison: sign.1,
            right: side(&expression[at + sign.0.len()..])?,
        })
    }

    /// The metric that `champion` alone means.
    pub fn metric(&self) -> Option<&str> {
        self.left.0.iter().find_map(|(_, term)| match term {
            Term::Value(
                Value::Metric(name)
                | Value::Lower(name)
                | Value::Upper(name)
                | Value::Slice { metric: name, .. }
                | Value::Worst { metric: name, .. },
            ) => Some(name.as_str()),
            _ => None,
        })
    }
}

impl Side {
    pub fn asks_champion(&self) -> bool {
        self.0.iter().any(|(_, term)| {
            matches!(
                term,
                Term::Value(Value::Champion(_) | Value::GainLower(_) | Value::GainUpper(_))
            )
        })
    }
}

/// The first sign outside of quotes, and where it is.
fn comparison(text: &str) -> Option<((&'static str, Comparison), usize)> {
    let mut quoted = false;
    for (at, c) in text.char_indices() {
        if c == '\'' {
            quoted = !quoted;
        }
        if !quoted && let Some(sign) = SIGNS.iter().find(|(sign, _)| text[at..].starts_with(sign)) {
            return Some((*sign, at));
        }
    }
    None
}

/// What is left to read.
struct Words<'a> {
    text: &'a str,
}

impl<'a> Words<'a> {
    fn new(text: &'a str) -> Self {
        Self { text: text.trim() }
    }

    fn eat(&mut self, sign: char) -> bool {
        let rest = self.text.trim_start();
        match rest.strip_prefix(sign) {
            Some(rest) => self.text = rest.trim_start(),
            None => return false,
        }
        true
    }

    fn expect(&mut self, sign: char, after: impl fmt::Display) -> Result<(), String> {
        match self.eat(sign) {
            true => Ok(()),
            false => Err(format!("'{sign}' is missing after {after}")),
        }
    }

    /// `[-] term {(+|-) term}`
    fn side(&mut self) -> Result<Side, String> {
        let mut terms = Vec::new();
        let mut sign = if self.eat('-') { -1.0 } else { 1.0 };
        loop {
            let (factor, term) = self.term()?;
            terms.push((sign * factor, term));
            sign = match (self.eat('+'), self.eat('-')) {
                (true, _) => 1.0,
                (_, true) => -1.0,
                _ => break,
            };
        }
        match self.text.is_empty() {
            true => Ok(Side(terms)),
            false => Err(format!("'{}' follows where nothing should", self.text)),
        }
    }

    /// `number [* value]` or `value [* number]`
    fn term(&mut self) -> Result<(f64, Term), String> {
        if let Some(number) = self.number() {
            return match self.eat('*') {
                true => Ok((number, Term::Value(self.value()?))),
                false => Ok((number, Term::One)),
            };
        }
        let value = Term::Value(self.value()?);
        if !self.eat('*') {
            return Ok((1.0, value));
        }
        match self.number() {
            Some(number) => Ok((number, value)),
            None => Err(format!("'{}' is no number to multiply by", self.text)),
        }
    }

    fn number(&mut self) -> Option<f64> {
        let mut length = 0;
        let mut before = ' ';
        for c in self.text.chars() {
            let exponent = matches!(before, 'e' | 'E') && matches!(c, '+' | '-');
            if !(c.is_ascii_digit() || matches!(c, '.' | 'e' | 'E') || exponent) {
                break;
            }
            length += c.len_utf8();
            before = c;
        }
        let number = self.text[..length]
            .parse()
            .ok()
            .filter(|n: &f64| n.is_finite())?;
        self.text = self.text[length..].trim_start();
        Some(number)
    }

    fn value(&mut self) -> Result<Value, String> {
        let name = self.name()?;
        match name {
            "champion" => Ok(Value::Champion(self.dotted()?.map(str::to_owned))),
            "train" => Ok(Value::Train(self.metric_of(name)?)),
            "folds" => Ok(Value::Folds(self.metric_of(name)?)),
            "gain" => {
                let metric = self.metric_of(name)?;
                match self.dotted()? {
                    Some("lower") => Ok(Value::GainLower(metric)),
                    Some("upper") => Ok(Value::GainUpper(metric)),
                    _ => Err(format!("'gain.{metric}' needs '.lower' or '.upper'")),
                }
            }
            "slice" | "worst" | "threshold" | "importance" if self.eat('(') => self.call(name),
            metric => match self.dotted()? {
                None => Ok(Value::Metric(metric.to_owned())),
                Some("lower") => Ok(Value::Lower(metric.to_owned())),
                Some("upper") => Ok(Value::Upper(metric.to_owned())),
                Some(other) => Err(format!(
                    "'{metric}' has no '{other}': it has lower and upper"
                )),
            },
        }
    }

    fn call(&mut self, name: &str) -> Result<Value, String> {
        let value = match name {
            "importance" => Value::Importance(self.text_or_name()?),
            "threshold" => {
                let at = self.number().ok_or("threshold(...) needs a number")?;
                self.expect(')', name)?;
                let metric = self.metric_of("threshold(...)")?;
                return Ok(Value::Threshold { at, metric });
            }
            "worst" => {
                let column = self.text_or_name()?;
                self.expect(')', &column)?;
                let metric = self.metric_of("worst(...)")?;
                return Ok(Value::Worst { column, metric });
            }
            _ => {
                let column = self.text_or_name()?;
                self.expect('=', &column)?;
                let value = self.slice_value()?;
                self.expect(')', &value)?;
                let metric = self.metric_of("slice(...)")?;
                return Ok(Value::Slice {
                    column,
                    value,
                    metric,
                });
            }
        };
        self.expect(')', name)?;
        Ok(value)
    }

    /// `'UA'`, `7` or `true`
    fn slice_value(&mut self) -> Result<String, String> {
        if self.text.starts_with('\'') {
            return self.text_or_name();
        }
        let end = self.text.find(')').unwrap_or(self.text.len());
        let value = self.text[..end].trim().to_owned();
        self.text = &self.text[end..];
        Ok(value)
    }

    fn metric_of(&mut self, what: &str) -> Result<String, String> {
        let metric = self.dotted()?;
        metric
            .map(str::to_owned)
            .ok_or_else(|| format!("'{what}' needs a metric, as in {what}.log_loss"))
    }

    /// `.name`
    fn dotted(&mut self) -> Result<Option<&'a str>, String> {
        match self.eat('.') {
            true => self.name().map(Some),
            false => Ok(None),
        }
    }

    fn text_or_name(&mut self) -> Result<String, String> {
        let Some(rest) = self.text.strip_prefix('\'') else {
            return self.name().map(str::to_owned);
        };
        let end = rest.find('\'').ok_or("a quote is not closed")?;
        self.text = rest[end + 1..].trim_start();
        Ok(rest[..end].to_owned())
    }

    fn name(&mut self) -> Result<&'a str, String> {
        let end = self
            .text
            .find(|c: char| !(c.is_alphanumeric() || c == '_'))
            .unwrap_or(self.text.len());
        let (name, rest) = self.text.split_at(end);
        if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
            return Err(match self.text {
                "" => "something is missing beside the comparison".to_owned(),
                text => format!("'{text}' is neither a number nor a value"),
            });
        }
        self.text = rest.trim_start();
        Ok(name)
    }
}
