//! From a search to one SQL query: conditions, an order in which every item has one place, a page.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::parse::{self, Comparison, Condition, Literal};
use super::{Field, Kind, Page, Search, Stage, Target, token};
use crate::Error;

/// A piece of SQL with the values of its `?`.
#[derive(Clone, Debug, Default)]
pub struct Sql {
    pub text: String,
    pub values: Vec<Value>,
}

impl Sql {
    pub fn new(text: impl Into<String>, values: Vec<Value>) -> Self {
        Self {
            text: text.into(),
            values,
        }
    }

    fn push(&mut self, text: &str, values: &[Value]) {
        self.text.push_str(text);
        self.values.extend_from_slice(values);
    }
}

/// One term of the order. Where `nullable`, absent values come last.
struct Term {
    sql: Sql,
    descending: bool,
    nullable: bool,
}

/// Row ids of what is found, in order. `scope` is a condition of the caller's own.
pub fn run(
    connection: &Connection,
    target: &Target,
    scope: &Sql,
    search: &Search<'_>,
) -> Result<Page<i64>, Error> {
    run_with(connection, &Sql::default(), target, scope, search)
}

/// As [`run`], beside tables that `with` makes.
pub fn run_with(
    connection: &Connection,
    with: &Sql,
    target: &Target,
    scope: &Sql,
    search: &Search<'_>,
) -> Result<Page<i64>, Error> {
    let terms = terms(target, search.order_by)?;
    let mut query = with.clone();
    query.push("select id", &[]);
    for n in 0..terms.len() {
        query.push(&format!(", k{n}"), &[]);
    }
    query.push(" from (select t.rowid as id", &[]);
    for (n, term) in terms.iter().enumerate() {
        query.push(&format!(", {} as k{n}", term.sql.text), &term.sql.values);
    }
    query.push(&format!(" from {} t where ", target.table), &[]);
    query.push(&scope.text, &scope.values);
    let conditions = conditions(target, search.filter)?;
    query.push(&conditions.text, &conditions.values);
    query.push(")", &[]);
    if !search.page_token.is_empty() {
        let place = token::read(search.page_token, terms.len())?;
        query.push(" where ", &[]);
        let after = after(&terms, &place);
        query.push(&after.text, &after.values);
    }
    query.push(&order(&terms), &[]);
    let limit = search.limit.min(i64::MAX as usize - 1);
    query.push(" limit ?", &[Value::Integer(limit as i64 + 1)]);
    page(connection, &query, terms.len(), limit)
}

fn page(
    connection: &Connection,
    query: &Sql,
    terms: usize,
    limit: usize,
) -> Result<Page<i64>, Error> {
    let mut statement = connection.prepare_cached(&query.text)?;
    let mut rows = statement.query(params_from_iter(&query.values))?;
    let mut items = Vec::new();
    let mut last = Vec::new();
    while let Some(row) = rows.next()? {
        if items.len() == limit {
            return Ok(Page {
                items,
                next: Some(token::write(&last)),
            });
        }
        items.push(row.get(0)?);
        if items.len() == limit {
            last = (1..=terms)
                .map(|n| row.get(n))
                .collect::<rusqlite::Result<_>>()?;
        }
    }
    Ok(Page { items, next: None })
}

fn terms(target: &Target, order_by: &[String]) -> Result<Vec<Term>, Error> {
    let mut terms = Vec::new();
    for text in order_by {
        let order = parse::order(text)?;
        let (field, pair) = target.field(&order.key)?;
        let Some(expression) = field.sql.strip_suffix(" {}") else {
            return Err(Error::invalid(format!(
                "{} cannot be ordered by '{text}'",
                target.what
            )));
        };
        let values = pair.map(|key| Value::Text(key.to_owned()));
        terms.push(Term {
            sql: Sql::new(expression, values.into_iter().collect()),
            descending: order.descending,
            nullable: field.nullable,
        });
    }
    terms.extend(target.ties.iter().map(|(sql, descending)| Term {
        sql: Sql::new(*sql, Vec::new()),
        descending: *descending,
        nullable: false,
    }));
    Ok(terms)
}

fn order(terms: &[Term]) -> String {
    let term = |(n, term): (usize, &Term)| {
        let absent_last = if term.nullable {
            format!("k{n} is null, ")
        } else {
            String::new()
        };
        let direction = if term.descending { "desc" } else { "asc" };
        format!("{absent_last}k{n} {direction}")
    };
    let terms: Vec<String> = terms.iter().enumerate().map(term).collect();
    format!(" order by {}", terms.join(", "))
}

/// What sorts after the place: greater in the first term, or equal there and greater in the second, ...
fn after(terms: &[Term], place: &[Value]) -> Sql {
    let mut sql = Sql::new("(", Vec::new());
    for (n, (term, value)) in terms.iter().zip(place).enumerate() {
        if n > 0 {
            sql.push(" or (", &[]);
            for (equal, value) in place[..n].iter().enumerate() {
                sql.push(&format!("k{equal} is ? and "), std::slice::from_ref(value));
            }
        }
        let sign = if term.descending { "<" } else { ">" };
        match (value, term.nullable) {
            (Value::Null, _) => sql.push("false", &[]),
            (value, true) => sql.push(
                &format!("(k{n} {sign} ? or k{n} is null)"),
                std::slice::from_ref(value),
            ),
            (value, false) => sql.push(&format!("k{n} {sign} ?"), std::slice::from_ref(value)),
        }
        if n > 0 {
            sql.push(")", &[]);
        }
    }
    sql.push(")", &[]);
    sql
}

/// ` and ...` for each; those about one of several things are asked of the same one.
fn conditions(target: &Target, filter: &str) -> Result<Sql, Error> {
    let mut all = Sql::default();
    let mut of_one: Vec<(&str, Sql)> = Vec::new();
    for condition in parse::filter(filter)? {
        let (field, pair) = target.field(&condition.key)?;
        let compiled = compile(field, pair, &condition)?;
        match field.one_of {
            None => all.push(&format!(" and {}", compiled.text), &compiled.values),
            Some(one) => match of_one.iter_mut().find(|(known, _)| *known == one) {
                Some((_, sql)) => sql.push(&format!(" and {}", compiled.text), &compiled.values),
                None => of_one.push((one, compiled)),
            },
        }
    }
    for (one, sql) in of_one {
        all.push(
            &format!(" and {}", one.replace("{}", &sql.text)),
            &sql.values,
        );
    }
    Ok(all)
}

fn compile(field: &Field, pair: Option<&str>, condition: &Condition) -> Result<Sql, Error> {
    let (text, value) = comparison(field, condition)?;
    let is_null = matches!(condition.comparison, Comparison::IsNull);
    // A prompt is a registered model with this tag. Clients ask for the others by `!=`, and mean
    // those without the tag too.
    let others = matches!(condition.comparison, Comparison::Compare("!=", _));
    let text = if others && pair == Some("mlflow.prompt.is_prompt") {
        field.sql.replace("{}", "is not ?")
    } else if is_null && field.sql.starts_with("exists") {
        // Of what is looked for among others, none being there is its absence.
        format!("not {}", field.sql.replace("{}", "is not null"))
    } else {
        field.sql.replace("{}", &text)
    };
    let key = pair.map(|key| Value::Text(key.to_owned()));
    Ok(Sql::new(text, key.into_iter().chain(value).collect()))
}

/// The comparison in SQL, with its value.
fn comparison(field: &Field, condition: &Condition) -> Result<(String, Option<Value>), Error> {
    use Comparison as C;
    let wrong = |expected: &str| {
        let (name, at) = (&condition.key.name, condition.key.at);
        let message = format!("'{name}' (character {at}) takes {expected}");
        Err(Error::misread(at, message))
    };
    let list = |values: &[String]| Some(Value::Text(serde_json::json!(values).to_string()));
    let found = match (field.kind, &condition.comparison) {
        (_, C::IsNull) => ("is null".to_owned(), None),
        (_, C::IsNotNull) => ("is not null".to_owned(), None),
        (Kind::Json, C::Compare(operator @ ("=" | "!="), Literal::Text(text))) => {
            let not = if *operator == "=" { "" } else { "not " };
            let as_json = serde_json::json!(text).to_string();
            (
                format!("{not}in (select value from json_each(?))"),
                list(&[text.clone(), as_json]),
            )
        }
        (Kind::Json, C::Compare(operator, literal)) => match number(literal) {
            Some(number) => (
                format!("glob '[-0-9]*' and cast(a.value as real) {operator} ?"),
                Some(Value::Real(number)),
            ),
            None => return wrong("a number"),
        },
        (Kind::Number, C::Compare(operator, literal)) => match number(literal) {
            Some(number) => (format!("{operator} ?"), Some(Value::Real(number))),
            None => return wrong("a number"),
        },
        (Kind::Number, _) => return wrong("one of = != < <= > >= and a number"),
        (Kind::Text, C::Compare(operator @ ("=" | "!="), Literal::Text(text))) => {
            (format!("{operator} ?"), Some(Value::Text(text.clone())))
        }
        (Kind::Text, C::Compare("=" | "!=", Literal::Number(_))) => {
            return wrong("a 'quoted' text");
        }
        (Kind::Text, C::Compare(..)) => {
            return wrong("one of = != LIKE ILIKE RLIKE IN, NOT IN and a text");
        }
        (_, C::Like(pattern)) => ("glob ?".to_owned(), Some(Value::Text(glob(pattern)))),
        (_, C::ILike(pattern)) => ("like ?".to_owned(), Some(Value::Text(pattern.clone()))),
        (_, C::RLike(pattern)) => match regex::Regex::new(pattern) {
            Ok(_) => ("regexp ?".to_owned(), Some(Value::Text(pattern.clone()))),
            Err(error) => return wrong(&format!("a regular expression: {error}")),
        },
        (_, C::In(values)) => (
            "in (select value from json_each(?))".to_owned(),
            list(values),
        ),
        (_, C::NotIn(values)) => (
            "not in (select value from json_each(?))".to_owned(),
            list(values),
        ),
    };
    Ok(found)
}

/// Times are sometimes written as texts.
fn number(literal: &Literal) -> Option<f64> {
    match literal {
        Literal::Number(number) => Some(*number),
        Literal::Text(text) => text.trim().parse().ok(),
    }
}

/// SQLite's LIKE knows no case; its GLOB does, with other signs.
fn glob(pattern: &str) -> String {
    let mut glob = String::with_capacity(pattern.len());
    for sign in pattern.chars() {
        match sign {
            '%' => glob.push('*'),
            '_' => glob.push('?'),
            '*' | '?' | '[' => {
                glob.push('[');
                glob.push(sign);
                glob.push(']');
            }
            other => glob.push(other),
        }
    }
    glob
}

/// The condition of a lifecycle stage, on a table that has `deleted_ms`.
pub fn stage(stage: Stage) -> Sql {
    let text = match stage {
        Stage::Active => "t.deleted_ms is null",
        Stage::Deleted => "t.deleted_ms is not null",
        Stage::All => "true",
    };
    Sql::new(text, Vec::new())
}

impl Sql {
    pub fn and(mut self, text: &str, value: Value) -> Self {
        self.push(&format!(" and {text}"), &[value]);
        self
    }
}

/// Row ids as a JSON array, which `json_each` turns into a table.
pub fn ids(rows: &[i64]) -> String {
    serde_json::json!(rows).to_string()
}
