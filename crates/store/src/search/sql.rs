//! From a search to one SQL query: conditions, an order in which every item has one place, a page.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::lead::{self, Lead};
use super::parse::{self, Condition};
use super::{Index, Page, Search, Stage, Target, condition, token};
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

    pub fn push(&mut self, text: &str, values: &[Value]) {
        self.text.push_str(text);
        self.values.extend_from_slice(values);
    }

    pub fn append(&mut self, more: &Sql) {
        self.push(&more.text, &more.values);
    }
}

/// One term of the order. Where `nullable`, absent values come last.
#[derive(Clone, Debug)]
pub struct Term {
    pub sql: Sql,
    pub descending: bool,
    pub nullable: bool,
    /// See [`Field::index`](super::Field::index), with the key that is looked for in it.
    pub index: Option<(&'static Index, String)>,
}

/// A term that all lack.
const ABSENT: &str = "null";

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
    let asked = Asked::read(target, search)?;
    let mut query = with.clone();
    query.append(&asked.query(&rows(target), scope, &asked.terms));
    page(connection, &[query], &asked)
}

/// As [`run`], of things in these experiments: it begins with an index of values, where one finds
/// few things or has the order that is asked for.
pub fn run_in(
    connection: &Connection,
    target: &Target,
    experiments: &[i64],
    scope: &Sql,
    search: &Search<'_>,
) -> Result<Page<i64>, Error> {
    let asked = Asked::read(target, search)?;
    let queries = queries(connection, &asked, experiments, scope)?;
    page(connection, &queries, &asked)
}

/// What is found is the rows of the first, then of the next.
fn queries(
    connection: &Connection,
    asked: &Asked<'_>,
    experiments: &[i64],
    scope: &Sql,
) -> Result<Vec<Sql>, Error> {
    let mut scope = scope.clone();
    scope.push(" and ", &[]);
    scope.append(&in_experiments("t", experiments));
    Ok(match lead::choose(connection, asked, experiments)? {
        Lead::Rows => vec![asked.query(&rows(asked.target), &scope, &asked.terms)],
        Lead::Few(values) => vec![asked.query(&values, &scope, &asked.terms)],
        Lead::Order(_) if asked.place.first() == Some(&Value::Null) => vec![asked.lacking(&scope)],
        Lead::Order(values) => {
            let terms = asked.led_terms("d.value");
            vec![asked.query(&values, &scope, &terms), asked.lacking(&scope)]
        }
    })
}

/// The things themselves.
fn rows(target: &Target) -> Sql {
    Sql::new(format!("{} t where true", target.table), Vec::new())
}

/// Of things with an `experiment_id`.
pub fn in_experiments(alias: &str, experiments: &[i64]) -> Sql {
    match experiments {
        // One experiment is read in the order of its index, without sorting.
        [one] => Sql::new(
            format!("{alias}.experiment_id = ?"),
            vec![Value::Integer(*one)],
        ),
        many => Sql::new(
            format!("{alias}.experiment_id in (select value from json_each(?))"),
            vec![Value::Text(ids(many))],
        ),
    }
}

/// A search that was read.
pub struct Asked<'a> {
    pub target: &'a Target,
    pub conditions: Vec<Condition>,
    compiled: Sql,
    pub terms: Vec<Term>,
    /// Of the last item of the page before; empty on the first page.
    pub place: Vec<Value>,
    limit: usize,
}

impl<'a> Asked<'a> {
    fn read(target: &'a Target, search: &Search<'_>) -> Result<Self, Error> {
        let terms = terms(target, search.order_by)?;
        let conditions = parse::filter(search.filter)?;
        Ok(Self {
            target,
            compiled: condition::all(target, &conditions)?,
            conditions,
            place: match search.page_token {
                "" => Vec::new(),
                token => token::read(token, terms.len())?,
            },
            terms,
            limit: search.limit.min(i64::MAX as usize - 1),
        })
    }

    /// `from` names the tables and ends with a condition.
    fn query(&self, from: &Sql, scope: &Sql, terms: &[Term]) -> Sql {
        self.query_after(&self.place, from, scope, terms)
    }

    fn query_after(&self, place: &[Value], from: &Sql, scope: &Sql, terms: &[Term]) -> Sql {
        let mut query = Sql::new("select id", Vec::new());
        for n in 0..terms.len() {
            query.push(&format!(", k{n}"), &[]);
        }
        query.push(" from (select t.rowid as id", &[]);
        for (n, term) in terms.iter().enumerate() {
            query.push(&format!(", {} as k{n}", term.sql.text), &term.sql.values);
        }
        query.push(" from ", &[]);
        query.append(from);
        query.push(" and ", &[]);
        query.append(scope);
        query.append(&self.compiled);
        query.push(")", &[]);
        if !place.is_empty() {
            query.push(" where ", &[]);
            query.append(&after(terms, place));
        }
        query.push(&order(terms), &[]);
        query.push(" limit ?", &[Value::Integer(self.limit as i64 + 1)]);
        query
    }

    /// The terms, where the first is known to be there and to be this.
    fn led_terms(&self, first: &str) -> Vec<Term> {
        let mut terms = self.terms.clone();
        terms[0].sql = Sql::new(first, Vec::new());
        terms[0].nullable = false;
        terms
    }

    /// Those that lack the first term.
    fn lacking(&self, scope: &Sql) -> Sql {
        let first = &self.terms[0].sql;
        let mut rows = rows(self.target);
        rows.push(&format!(" and {} is null", first.text), &first.values);
        // After a page that ended among those that have it, all of these come.
        let place = match self.place.first() {
            Some(Value::Null) => &self.place[..],
            _ => &[],
        };
        self.query_after(place, &rows, scope, &self.led_terms(ABSENT))
    }
}

/// The rows of the queries, one query after the other, until there are enough.
fn page(connection: &Connection, queries: &[Sql], asked: &Asked<'_>) -> Result<Page<i64>, Error> {
    let (terms, limit) = (asked.terms.len(), asked.limit);
    let mut items = Vec::new();
    let mut last = Vec::new();
    for query in queries {
        let mut statement = connection.prepare_cached(&query.text)?;
        let mut rows = statement.query(params_from_iter(&query.values))?;
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
            index: field.index.zip(pair.map(str::to_owned)),
        });
    }
    terms.extend(target.ties.iter().map(|(sql, descending)| Term {
        sql: Sql::new(*sql, Vec::new()),
        descending: *descending,
        nullable: false,
        index: None,
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
    // What all lack orders nothing, and SQLite would sort by it.
    let known = terms.iter().enumerate();
    let known = known.filter(|(_, term)| term.sql.text != ABSENT);
    let terms: Vec<String> = known.map(term).collect();
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

#[cfg(test)]
pub mod tests {
    use super::*;

    /// How SQLite goes about a search: the lines of its plans.
    pub fn plan(
        connection: &Connection,
        target: &Target,
        experiments: &[i64],
        search: &Search<'_>,
    ) -> Vec<String> {
        let asked = Asked::read(target, search).unwrap();
        let queries = queries(connection, &asked, experiments, &stage(search.stage)).unwrap();
        let explain = |query: &Sql| -> Vec<String> {
            let sql = format!("explain query plan {}", query.text);
            let mut statement = connection.prepare(&sql).unwrap();
            let lines = statement.query_map(params_from_iter(&query.values), |row| row.get(3));
            lines.unwrap().map(Result::unwrap).collect()
        };
        queries.iter().flat_map(explain).collect()
    }
}
