//! `DESCRIBE`, `SHOW TABLES`, and what extensions are asked for.

use forebay_core::{Diagnostic, Relation};

use crate::Lake;
use crate::dialect::described;

/// DuckDB's extensions whose work is done without any.
const BUILT_IN: &[&str] = &["core_functions", "delta", "icu", "json", "parquet"];

impl Lake {
    pub(super) async fn described_table(&self, table: &Relation) -> Result<String, Diagnostic> {
        let rows = format!("select * from {}", table.sql());
        Ok(described::listing(
            &self.schema_of(&rows).await?,
            self.dialect(),
        ))
    }
}

/// Nothing is loaded: what an extension gives is there, or is missed where it is used.
pub(super) fn extension(name: &str) -> &'static str {
    match BUILT_IN.contains(&name) {
        true => "that extension's work is done without it",
        false => "there are no extensions: what this one adds is missing here",
    }
}
