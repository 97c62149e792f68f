//! Lineage against hand-written cases, and its two resolvers against each other.

mod errors;
mod facets;
mod grade;
mod graded;
mod plans;

use std::collections::BTreeMap;

use super::Schemas;

/// Schemas of a few tables: `("orders", "id bigint, amount double precision")`.
fn schemas(tables: &[(&str, &str)]) -> Schemas {
    let column = |text: &str| {
        let (name, sql_type) = text.trim().split_once(' ').unwrap_or((text.trim(), "text"));
        (name.to_owned(), sql_type.to_owned())
    };
    let table = |&(name, columns): &(&str, &str)| {
        let columns = columns.split(',').filter(|text| !text.trim().is_empty());
        (name.to_owned(), columns.map(column).collect())
    };
    Schemas(tables.iter().map(table).collect::<BTreeMap<_, _>>())
}
