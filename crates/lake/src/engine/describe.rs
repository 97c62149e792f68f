//! Descriptions of tables and queries that stand in `FROM`.

use datafusion::sql::sqlparser::ast::Query;
use forebay_core::Diagnostic;

use super::error::from_engine;
use super::plan::Planner;
use super::schema_of;
use crate::dialect::{described, dialect_of};

/// What a query begins with; else it is a table's name.
const QUERIES: &[&str] = &["from", "pivot", "select", "unpivot", "values", "with"];

impl Planner<'_> {
    pub(super) async fn describe(&mut self, query: &mut Query) -> Result<(), Diagnostic> {
        let wanted = described::wanted(query);
        if wanted.is_empty() {
            return Ok(());
        }
        self.pass();
        let mut texts = Vec::new();
        for what in wanted {
            let small = what.to_lowercase();
            if small.split_whitespace().eq(["show", "tables"]) {
                texts.push(described::TABLES.to_owned());
                continue;
            }
            let word = small.split(|c: char| !c.is_alphabetic()).next();
            let is_query = small.starts_with('(') || QUERIES.contains(&word.unwrap_or_default());
            let sql = match is_query {
                true => what,
                false => format!("select * from {what}"),
            };
            let plan = Box::pin(self.plan(&sql)).await?;
            let schema = schema_of(self.state, &plan).map_err(from_engine)?;
            texts.push(described::listing(&schema, dialect_of(self.state)));
        }
        described::give(query, texts);
        Ok(())
    }
}
