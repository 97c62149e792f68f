//! DuckDB's functions that list what the database holds, as queries of `information_schema`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, FunctionArg, FunctionArgExpr, Statement, TableAlias, TableFactor, VisitMut, VisitorMut,
};

use super::calls::literal;
use super::parse;
use super::tables::named;

/// Before the query's tables are looked up.
pub(super) fn rewrite(statement: &mut Statement) {
    let _ = statement.visit(&mut Rewriter);
}

struct Rewriter;

impl VisitorMut for Rewriter {
    type Break = ();

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<()> {
        if let TableFactor::Table {
            name,
            alias,
            args: Some(args),
            ..
        } = factor
            && let Some(listed) = listed(&name.to_string().to_lowercase(), &args.args, alias)
        {
            *factor = listed;
        }
        ControlFlow::Continue(())
    }
}

/// None: it is another function, or called otherwise.
fn listed(name: &str, args: &[FunctionArg], alias: &Option<TableAlias>) -> Option<TableFactor> {
    let text = match (name, args) {
        ("duckdb_tables", []) => relations("table", "BASE TABLE"),
        ("duckdb_views", []) => relations("view", "VIEW"),
        ("duckdb_columns", []) => COLUMNS.to_owned(),
        (
            "pragma_table_info",
            [FunctionArg::Unnamed(FunctionArgExpr::Expr(of @ Expr::Value(_)))],
        ) => table(&literal(of)?),
        _ => return None,
    };
    let Some(Statement::Query(subquery)) = parse(&text, 50).ok()?.pop() else {
        return None;
    };
    Some(TableFactor::Derived {
        lateral: false,
        subquery,
        alias: Some(alias.clone().unwrap_or_else(|| named(name))),
        sample: None,
    })
}

const COLUMNS: &str = "SELECT table_catalog AS database_name, table_schema AS schema_name, table_name, column_name, \
     ordinal_position::integer AS column_index, false AS internal, is_nullable = 'YES' AS is_nullable, data_type \
     FROM information_schema.columns";

fn relations(word: &str, kind: &str) -> String {
    format!(
        "SELECT table_catalog AS database_name, table_schema AS schema_name, table_name AS {word}_name, \
         false AS internal, false AS temporary FROM information_schema.tables WHERE table_type = '{kind}'"
    )
}

/// `'t'` or `'schema.t'`.
fn table(name: &str) -> String {
    let text = |text: &str| text.replace('\'', "''").to_lowercase();
    let mut parts = name.rsplit('.').map(|part| part.trim_matches('"'));
    let table = text(parts.next().unwrap_or_default());
    let schema = text(parts.next().unwrap_or("main"));
    format!(
        "SELECT (ordinal_position - 1)::integer AS cid, column_name AS name, data_type AS type, \
         is_nullable <> 'YES' AS \"notnull\", null::varchar AS dflt_value, false AS pk \
         FROM information_schema.columns WHERE lower(table_schema) = '{schema}' AND lower(table_name) = '{table}'"
    )
}
