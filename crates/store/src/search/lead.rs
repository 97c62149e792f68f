//! Where a search begins: with the things themselves, or with an index of their values.
//!
//! SQLite keeps no figures of how often a value occurs, so the index is asked: a condition that few
//! things meet leads to them, and otherwise the order, so that reading ends with the page.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};

use super::parse::{Comparison, Condition, Literal};
use super::sql::{Asked, in_experiments};
use super::{Index, Kind, Sql, condition};
use crate::Error;

pub enum Lead {
    /// The things, in the order of their own index.
    Rows,
    /// The few values that meet one of the conditions.
    Few(Sql),
    /// The values of the order's first term, in that order. Things without one come after them.
    Order(Sql),
}

/// As many things are looked at one by one sooner than an order is followed past those that do not
/// meet the conditions.
const FEW: i64 = 2000;
/// Longer texts are not in the indexes: see `migration/004_values.sql`.
const LONGEST: usize = 250;

pub fn choose(
    connection: &Connection,
    asked: &Asked<'_>,
    experiments: &[i64],
) -> Result<Lead, Error> {
    let mut best = (FEW, None);
    for condition in &asked.conditions {
        let Some((index, meets)) = on_index(asked, condition)? else {
            continue;
        };
        let values = values(index, experiments, &meets);
        let count = count(connection, index, &values, best.0)?;
        if count < best.0 {
            best = (count, Some(joined(asked, index, &values)));
        }
    }
    if let Some(values) = best.1 {
        return Ok(Lead::Few(values));
    }
    let first = &asked.terms[0];
    match (&first.index, experiments) {
        // Of several experiments the index has several orders.
        (Some((index, key)), [_]) if index.has_all => {
            let meets = from_place(key, first.descending, asked.place.first());
            let values = values(index, experiments, &meets);
            Ok(Lead::Order(joined(asked, index, &values)))
        }
        _ => Ok(Lead::Rows),
    }
}

/// The condition as the index is asked it.
fn on_index(
    asked: &Asked<'_>,
    condition: &Condition,
) -> Result<Option<(&'static Index, Sql)>, Error> {
    let (field, pair) = asked.target.field(&condition.key)?;
    let (Some(index), Some(key), Comparison::Compare(operator, literal)) =
        (field.index, pair, &condition.comparison)
    else {
        return Ok(None);
    };
    let value = match (field.kind, *operator, literal) {
        (Kind::Number, "=" | "<" | "<=" | ">" | ">=", literal) => {
            condition::number(literal).map(Value::Real)
        }
        (Kind::Text, "=", Literal::Text(text)) if text.chars().count() <= LONGEST => {
            Some(Value::Text(text.clone()))
        }
        _ => None,
    };
    let meets = |value| {
        let text = format!("d.key = ? and d.value {operator} ?");
        (
            index,
            Sql::new(text, vec![Value::Text(key.to_owned()), value]),
        )
    };
    Ok(value.map(meets))
}

/// All values of a key; of a later page those from its place on.
fn from_place(key: &str, descending: bool, place: Option<&Value>) -> Sql {
    let mut meets = Sql::new("d.key = ?", vec![Value::Text(key.to_owned())]);
    if let Some(place) = place.filter(|place| **place != Value::Null) {
        let sign = if descending { "<=" } else { ">=" };
        meets.push(
            &format!(" and d.value {sign} ?"),
            std::slice::from_ref(place),
        );
    }
    meets
}

/// The condition of the index's part that is asked for.
fn values(index: &Index, experiments: &[i64], meets: &Sql) -> Sql {
    let mut values = in_experiments("d", experiments);
    values.push(" and ", &[]);
    values.append(meets);
    values.push(&format!(" and {}", index.holds), &[]);
    values
}

/// How many there are, counted up to a limit.
fn count(connection: &Connection, index: &Index, values: &Sql, limit: i64) -> Result<i64, Error> {
    let limit = Value::Integer(limit);
    let sql = format!(
        "select count(*) from (select 1 from {} d where {} limit ?)",
        index.table, values.text
    );
    let mut select = connection.prepare_cached(&sql)?;
    let bound = values.values.iter().chain([&limit]);
    Ok(select.query_row(params_from_iter(bound), |row| row.get(0))?)
}

/// `cross join` keeps the order in which the tables are written.
fn joined(asked: &Asked<'_>, index: &Index, values: &Sql) -> Sql {
    let from = format!(
        "{} d cross join {} t on t.id = d.{} where ",
        index.table, asked.target.table, index.owner
    );
    let mut joined = Sql::new(from, Vec::new());
    joined.append(values);
    joined
}
