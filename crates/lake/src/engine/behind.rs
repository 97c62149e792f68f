//! The place of a problem with rows, where the query reads views: what failed may be in one of them.

use std::collections::BTreeSet;

use datafusion::sql::parser::Statement as Parsed;
use datafusion::sql::resolve::resolve_table_references;
use forebay_core::{Diagnostic, Relation};

use super::context::relation_of;
use super::stumbled::{self, Found};
use crate::dialect;
use crate::types::Dialect;
use crate::warehouse::{Stored, Warehouse};

/// How many views are looked into.
const MOST: usize = 200;
const DEPTH: usize = 100;

/// The problem at the one place of the views that has what it names. What the query itself has it in stays as it is.
pub(crate) async fn behind(
    warehouse: &Warehouse,
    dialect: Dialect,
    sql: &str,
    mut problem: Diagnostic,
) -> Diagnostic {
    if problem.sql.is_some() || !stumbled::names_a_part(&problem.message) {
        return problem;
    }
    let mut open = vec![(None, sql.to_owned(), dialect)];
    let mut seen = BTreeSet::new();
    let mut places = Vec::new();
    while let Some((of, sql, dialect)) = open.pop() {
        match stumbled::find(&problem.message, &sql) {
            Found::Nowhere => {}
            // What the query itself has was looked for before.
            Found::Often => return problem,
            Found::Once(place) => places.push((of, sql.clone(), place)),
        }
        for relation in read(&sql, dialect) {
            if seen.len() == MOST || !seen.insert(relation.clone()) {
                continue;
            }
            if let Ok(Some(Stored::View(view))) = warehouse.lookup(&relation).await {
                let dialect = view.dialect.unwrap_or(dialect);
                open.push((Some(relation), view.sql.clone(), dialect));
            }
        }
    }
    if let [(Some(view), sql, place)] = places.as_slice() {
        let (line, column) = (place.line, place.column);
        problem.message = format!(
            "view '{view}': {} (line {line}, column {column})",
            problem.message
        );
        return problem.within(sql);
    }
    problem
}

/// The relations that a query names.
pub(crate) fn read(sql: &str, dialect: Dialect) -> Vec<Relation> {
    let statements = match dialect {
        Dialect::DuckDb => dialect::parse_small(sql, DEPTH).map(|(all, _)| all),
        Dialect::Postgres => dialect::parse(sql, DEPTH),
    };
    let mut relations = Vec::new();
    for statement in statements.unwrap_or_default() {
        let parsed = Parsed::Statement(Box::new(statement));
        if let Ok((names, _)) = resolve_table_references(&parsed, true) {
            relations.extend(names.iter().map(relation_of));
        }
    }
    relations
}
