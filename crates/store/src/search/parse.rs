//! The grammar of filters and orders, with the place of what is wrong.
//!
//! ```text
//! filter     = [ condition { AND condition } ]
//! condition  = key operator value | key [NOT] IN (value, ...) | key IS [NOT] NULL
//! key        = [ entity "." ] name          name may be `quoted` or "quoted"
//! operator   = "=" "!=" "<" "<=" ">" ">=" LIKE ILIKE RLIKE
//! value      = number | 'text' | "text"     a quote inside is doubled
//! order      = key [ ASC | DESC ]
//! ```

use crate::Error;

/// Beyond it a filter is not a person's any more.
const MAX_LENGTH: usize = 256 * 1024;
/// Each condition is a part of the query, whose size is bounded.
const MAX_CONDITIONS: usize = 100;

/// A left side: `metrics.rmse`, `params."learning rate"`, `name`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Before the first dot, in lower case; empty for a bare name.
    pub entity: String,
    pub name: String,
    /// Where it stands, in characters from one.
    pub at: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub enum Literal {
    Number(f64),
    Text(String),
}

#[derive(Clone, Debug, PartialEq)]
pub enum Comparison {
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`
    Compare(&'static str, Literal),
    Like(String),
    /// Without regard to case.
    ILike(String),
    /// A regular expression, found anywhere in the text.
    RLike(String),
    In(Vec<String>),
    NotIn(Vec<String>),
    IsNull,
    IsNotNull,
}

#[derive(Clone, Debug, PartialEq)]
pub struct Condition {
    pub key: Key,
    pub comparison: Comparison,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub key: Key,
    pub descending: bool,
}

/// All conditions must hold.
pub fn filter(text: &str) -> Result<Vec<Condition>, Error> {
    let mut parser = Parser::new("filter", text)?;
    let mut conditions = Vec::new();
    parser.skip_space();
    while !parser.at_end() {
        if conditions.len() == MAX_CONDITIONS {
            return Err(parser.error(&format!("more than {MAX_CONDITIONS} conditions")));
        }
        conditions.push(parser.condition()?);
        parser.skip_space();
        if parser.at_end() {
            break;
        }
        if !parser.word("and") {
            return Err(parser.error(&format!(
                "expected AND or the end, found {}",
                parser.found()
            )));
        }
        parser.skip_space();
        if parser.at_end() {
            return Err(parser.error("expected a condition after AND"));
        }
    }
    Ok(conditions)
}

pub fn order(text: &str) -> Result<Order, Error> {
    let mut parser = Parser::new("order_by", text)?;
    let key = parser.key()?;
    parser.skip_space();
    let descending = parser.word("desc");
    if !descending {
        parser.word("asc");
    }
    parser.skip_space();
    match parser.at_end() {
        true => Ok(Order { key, descending }),
        false => Err(parser.error(&format!(
            "expected ASC, DESC or the end, found {}",
            parser.found()
        ))),
    }
}

struct Parser<'a> {
    what: &'static str,
    text: &'a str,
    /// In bytes, always at the start of a character.
    at: usize,
}

impl<'a> Parser<'a> {
    fn new(what: &'static str, text: &'a str) -> Result<Self, Error> {
        match text.len() > MAX_LENGTH {
            true => Err(Error::invalid(format!(
                "the {what} is longer than {MAX_LENGTH} bytes"
            ))),
            false => Ok(Self { what, text, at: 0 }),
        }
    }

    fn condition(&mut self) -> Result<Condition, Error> {
        let key = self.key()?;
        self.skip_space();
        let comparison = self.comparison()?;
        Ok(Condition { key, comparison })
    }

    fn key(&mut self) -> Result<Key, Error> {
        self.skip_space();
        let at = self.column();
        if let Some(name) = self.quoted(&['`', '"'])? {
            return Ok(Key {
                entity: String::new(),
                name,
                at,
            });
        }
        let bare = self.take_while(|c| !c.is_whitespace() && !"=!<>()'\"`,".contains(c));
        if bare.is_empty() {
            return Err(self.error(&format!("expected a name, found {}", self.found())));
        }
        let (entity, name) = match bare.split_once('.') {
            None => ("", bare.to_owned()),
            Some((entity, name)) => (entity, self.rest_of_name(bare, name)?),
        };
        Ok(Key {
            entity: entity.to_lowercase(),
            name,
            at,
        })
    }

    /// What follows the first dot; the part behind the last may be quoted.
    fn rest_of_name(&mut self, bare: &str, name: &str) -> Result<String, Error> {
        if !bare.ends_with('.') {
            return Ok(name.to_owned());
        }
        match self.quoted(&['`', '"'])? {
            Some(quoted) => Ok(format!("{name}{quoted}")),
            None => Err(self.error(&format!("expected a name after '{bare}'"))),
        }
    }

    fn comparison(&mut self) -> Result<Comparison, Error> {
        for operator in ["!=", "<=", ">=", "=", "<", ">"] {
            if self.rest().starts_with(operator) {
                self.at += operator.len();
                return Ok(Comparison::Compare(operator, self.literal()?));
            }
        }
        if self.word("like") {
            return Ok(Comparison::Like(self.text()?));
        }
        if self.word("ilike") {
            return Ok(Comparison::ILike(self.text()?));
        }
        if self.word("rlike") {
            return Ok(Comparison::RLike(self.text()?));
        }
        if self.word("in") {
            return Ok(Comparison::In(self.list()?));
        }
        if self.word("not") {
            self.expect_word("in")?;
            return Ok(Comparison::NotIn(self.list()?));
        }
        if self.word("is") {
            self.skip_space();
            let negated = self.word("not");
            self.expect_word("null")?;
            return Ok(if negated {
                Comparison::IsNotNull
            } else {
                Comparison::IsNull
            });
        }
        Err(self.error(&format!(
            "expected one of = != < <= > >= LIKE ILIKE RLIKE IN, NOT IN, IS NULL, IS NOT NULL, found {}",
            self.found()
        )))
    }

    fn literal(&mut self) -> Result<Literal, Error> {
        self.skip_space();
        if let Some(text) = self.quoted(&['\'', '"'])? {
            return Ok(Literal::Text(text));
        }
        let before = self.at;
        let bare = self.take_while(|c| c.is_ascii_alphanumeric() || "+-._".contains(c));
        let is_word = bare
            .trim_start_matches(['+', '-'])
            .starts_with(|c: char| c.is_alphabetic());
        match bare.parse() {
            Ok(number) if !is_word => Ok(Literal::Number(number)),
            _ => {
                self.at = before;
                let found = self.found();
                Err(self.error(&format!(
                    "expected a number or a 'quoted' text, found {found}"
                )))
            }
        }
    }

    fn text(&mut self) -> Result<String, Error> {
        self.skip_space();
        match self.quoted(&['\'', '"'])? {
            Some(text) => Ok(text),
            None => Err(self.error(&format!("expected a 'quoted' text, found {}", self.found()))),
        }
    }

    fn list(&mut self) -> Result<Vec<String>, Error> {
        self.skip_space();
        if !self.symbol('(') {
            return Err(self.error(&format!(
                "expected a list in brackets, found {}",
                self.found()
            )));
        }
        let mut values = vec![self.text()?];
        loop {
            self.skip_space();
            if self.symbol(')') {
                return Ok(values);
            }
            if !self.symbol(',') {
                return Err(self.error(&format!("expected ',' or ')', found {}", self.found())));
            }
            self.skip_space();
            // MLflow's own client writes lists of one as Python does: ('a',)
            if self.symbol(')') {
                return Ok(values);
            }
            values.push(self.text()?);
        }
    }

    fn quoted(&mut self, quotes: &[char]) -> Result<Option<String>, Error> {
        let Some(quote) = self.rest().chars().next().filter(|c| quotes.contains(c)) else {
            return Ok(None);
        };
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.rest().find(quote) {
                None => {
                    self.at = start;
                    return Err(self.error(&format!("the quote {quote} is not closed")));
                }
                Some(end) => {
                    text.push_str(&self.rest()[..end]);
                    self.at += end + 1;
                }
            }
            if !self.symbol(quote) {
                return Ok(Some(text));
            }
            text.push(quote);
        }
    }

    /// Takes the word, in any case, if it stands here as a whole.
    fn word(&mut self, word: &str) -> bool {
        let rest = self.rest();
        let head = rest.get(..word.len());
        let is_whole = !rest[head.map_or(0, str::len)..]
            .starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let found = head.is_some_and(|head| head.eq_ignore_ascii_case(word)) && is_whole;
        if found {
            self.at += word.len();
        }
        found
    }

    fn expect_word(&mut self, word: &str) -> Result<(), Error> {
        self.skip_space();
        match self.word(word) {
            true => Ok(()),
            false => Err(self.error(&format!(
                "expected {}, found {}",
                word.to_uppercase(),
                self.found()
            ))),
        }
    }

    fn symbol(&mut self, symbol: char) -> bool {
        let found = self.rest().starts_with(symbol);
        if found {
            self.at += symbol.len_utf8();
        }
        found
    }

    fn skip_space(&mut self) {
        self.take_while(char::is_whitespace);
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let end = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn at_end(&self) -> bool {
        self.rest().is_empty()
    }

    fn column(&self) -> usize {
        self.text[..self.at].chars().count() + 1
    }

    /// What stands here, short enough to be repeated.
    fn found(&self) -> String {
        let word: String = self
            .rest()
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .chars()
            .take(40)
            .collect();
        match word.to_lowercase().as_str() {
            "" => "the end".to_owned(),
            "or" | "not" | "(" => format!("'{word}' (only AND combines conditions)"),
            _ => format!("'{word}'"),
        }
    }

    fn error(&self, message: &str) -> Error {
        let at = self.column();
        Error::misread(
            at,
            format!("invalid {} at character {at}: {message}", self.what),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(text: &str) -> Vec<(String, String)> {
        let conditions = filter(text).unwrap();
        conditions
            .into_iter()
            .map(|c| (c.key.entity, c.key.name))
            .collect()
    }

    fn comparison(text: &str) -> Comparison {
        filter(text).unwrap().remove(0).comparison
    }

    #[test]
    fn names_may_be_bare_dotted_or_quoted() {
        for (text, entity, name) in [
            ("metrics.a.b/c-d = 1", "metrics", "a.b/c-d"),
            ("Params.`learning rate`='1'", "params", "learning rate"),
            ("span.attributes.`a b` = '1'", "span", "attributes.a b"),
            ("tags.\"x=y\" = '1'", "tags", "x=y"),
            ("name='x'", "", "name"),
            ("`Run name` = 'x'", "", "Run name"),
            (
                "tags.mlflow.source.name != 'x'",
                "tags",
                "mlflow.source.name",
            ),
        ] {
            assert_eq!(keys(text), [(entity.to_owned(), name.to_owned())], "{text}");
        }
    }

    #[test]
    fn every_operator_reads_its_value() {
        use Comparison::*;
        assert_eq!(
            comparison("a >= -1.5e3"),
            Compare(">=", Literal::Number(-1500.0))
        );
        assert_eq!(
            comparison("a='it''s'"),
            Compare("=", Literal::Text("it's".into()))
        );
        assert_eq!(
            comparison("a=\"x\""),
            Compare("=", Literal::Text("x".into()))
        );
        assert_eq!(comparison("a like 'x%'"), Like("x%".into()));
        assert_eq!(comparison("a ILIKE'x'"), ILike("x".into()));
        assert_eq!(comparison("a rlike '^x'"), RLike("^x".into()));
        assert_eq!(
            comparison("a in ('x', 'y')"),
            In(vec!["x".into(), "y".into()])
        );
        assert_eq!(comparison("a NOT  IN ('x',)"), NotIn(vec!["x".into()]));
        assert_eq!(comparison("a is null"), IsNull);
        assert_eq!(comparison("a IS NOT NULL"), IsNotNull);
    }

    #[test]
    fn conditions_are_joined_by_and_alone() {
        assert_eq!(keys("a = 1 and b='and' AND c is null").len(), 3);
        assert_eq!(keys("  ").len(), 0);
        for (text, column, said) in [
            ("a = 1 or b = 2", 7, "only AND"),
            ("a = 1 AND", 10, "after AND"),
            ("a == 1", 4, "a number or a 'quoted' text"),
            ("a = x", 5, "found 'x'"),
            ("a", 2, "found the end"),
            ("a = 'x", 5, "not closed"),
            ("metrics. = 1", 9, "after 'metrics.'"),
            ("a in 'x'", 6, "in brackets"),
            ("a is 5", 6, "expected NULL"),
            ("ä = 'x' b", 9, "expected AND"),
            ("a = nan", 5, "found 'nan'"),
        ] {
            let error = filter(text).unwrap_err().to_string();
            assert!(
                error.contains(&format!("at character {column}:")),
                "{text}: {error}"
            );
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[test]
    fn an_order_is_a_key_and_a_direction() {
        let read = |text| order(text).map(|order| (order.key.name, order.descending));
        assert_eq!(read("metrics.`a b` DESC"), Ok(("a b".into(), true)));
        assert_eq!(read("start_time asc"), Ok(("start_time".into(), false)));
        assert_eq!(read("start_time"), Ok(("start_time".into(), false)));
        assert!(order("start_time down").is_err());
        assert!(order("").is_err());
    }

    #[test]
    fn what_is_too_much_is_refused() {
        assert!(filter(&"a = 1 AND ".repeat(200)).is_err());
        assert!(filter(&"x".repeat(300_000)).is_err());
    }
}
