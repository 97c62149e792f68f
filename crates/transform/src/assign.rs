//! Values as a table that is there takes them: as the types of its columns, where DuckDB's `INSERT` and `MERGE`
//! cast. A value that does not fit is an error of the run.

use arrow::datatypes::{DataType, Field, Schema};
use forebay_core::{Diagnostic, Relation, quote};
use forebay_lake::{Dialect, Lake};

/// A column that the new rows have as another type than the table.
pub(crate) struct Differing<'a> {
    held: &'a Field,
    given: &'a Field,
}

pub(crate) fn differing<'a>(
    lake: &Lake,
    held: &'a Schema,
    given: &'a Schema,
) -> Vec<Differing<'a>> {
    // PostgreSQL casts much less of its own: what loses nothing, as any write does.
    if lake.dialect() != Dialect::DuckDb {
        return Vec::new();
    }
    let held_as = |name: &str| {
        let mut fields = held.fields().iter();
        fields.find(|field| field.name().eq_ignore_ascii_case(name))
    };
    let pairs = given.fields().iter().filter_map(|given| {
        let held = held_as(given.name())?;
        Some(Differing { held, given })
    });
    pairs
        .filter(|pair| {
            let (held, given) = (pair.held.data_type(), pair.given.data_type());
            is_cast(pair.held)
                && *given != DataType::Null
                && lake.type_name(held) != lake.type_name(given)
        })
        .collect()
}

/// Other columns are written as they are, or refused: a structure's fields have names, and what a table holds as a text
/// of another type (JSON, intervals) is read by its own rules.
fn is_cast(held: &Field) -> bool {
    !matches!(held.data_type(), DataType::Struct(_) | DataType::Map(..))
        && held.metadata().is_empty()
}

/// The query, with those columns as the table has them.
pub(crate) fn assigned(
    lake: &Lake,
    given: &Schema,
    differing: &[Differing<'_>],
    sql: &str,
) -> String {
    if differing.is_empty() {
        return sql.to_owned();
    }
    let columns = given.fields().iter().map(|field| {
        let name = quote(field.name());
        match differing
            .iter()
            .find(|pair| pair.given.name() == field.name())
        {
            Some(pair) => {
                format!(
                    "cast({name} as {}) as {name}",
                    lake.type_name(pair.held.data_type())
                )
            }
            None => name,
        }
    });
    let columns: Vec<String> = columns.collect();
    format!("select {} from (\n{sql}\n) as given", columns.join(", "))
}

/// The problem of the query that [`assigned`] gave: of a value that does not fit it tells the column. What is wrong
/// within the user's own query has its place there.
pub(crate) fn told(
    lake: &Lake,
    relation: &Relation,
    differing: &[Differing<'_>],
    mut problem: Diagnostic,
    assigned: &str,
) -> Diagnostic {
    const FIRST_LINE: &str = " (line 1, column ";
    let Some((said, place)) = problem.message.split_once(FIRST_LINE) else {
        return problem;
    };
    let is_of_it = problem.sql.as_deref() == Some(assigned);
    let column = place.trim_end_matches(')').parse::<usize>();
    let (true, Ok(column), Some(line)) = (is_of_it, column, assigned.lines().next()) else {
        return problem;
    };
    let casts = differing.iter().filter_map(|pair| {
        let cast = format!("cast({} as", quote(pair.given.name()));
        Some((line.find(&cast)?, pair))
    });
    let before = casts.filter(|(start, _)| *start < column);
    if let Some((_, pair)) = before.max_by_key(|(start, _)| *start) {
        let (name, of) = (pair.held.name(), lake.type_name(pair.held.data_type()));
        problem.message = format!("column '{name}' of {relation} is {of}: {said}");
        problem.sql = None;
    }
    problem
}

/// Where the table's columns are to stay as they are.
pub(crate) fn refuse(
    lake: &Lake,
    relation: &Relation,
    differing: &[Differing<'_>],
) -> Result<(), Diagnostic> {
    if differing.is_empty() {
        return Ok(());
    }
    let told = differing.iter().map(|pair| {
        let [held, given] = [pair.held, pair.given].map(|field| lake.type_name(field.data_type()));
        format!("'{}' from {held} to {given}", pair.held.name())
    });
    let told: Vec<String> = told.collect();
    Err(Diagnostic::error(format!(
        "the columns of {relation} changed their types: {}",
        told.join(", ")
    ))
    .of_setting("on_schema_change")
    .hint("cast them in the query, allow it with on_schema_change, or rebuild the table: --full-refresh"))
}

/// Gives the table's columns the types of the new rows.
pub(crate) async fn change(
    lake: &Lake,
    relation: &Relation,
    differing: &[Differing<'_>],
) -> Result<(), Diagnostic> {
    for pair in differing {
        let (name, of) = (
            quote(pair.held.name()),
            lake.type_name(pair.given.data_type()),
        );
        let table = relation.sql();
        let sql = format!("alter table {table} alter column {name} type {of}");
        lake.execute(&sql).await?;
    }
    Ok(())
}
