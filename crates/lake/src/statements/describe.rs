//! `DESCRIBE`, `SHOW TABLES`, and what extensions are asked for.

use arrow::datatypes::SchemaRef;
use forebay_core::{Diagnostic, Relation};

use crate::Lake;
use crate::engine::type_name;

/// DuckDB's extensions whose work is done without any.
const BUILT_IN: &[&str] = &["core_functions", "delta", "icu", "json", "parquet"];

impl Lake {
    /// A query that gives the columns with their types, as DuckDB lists them.
    pub(super) fn described(&self, schema: &SchemaRef) -> String {
        let text = |text: &str| format!("'{}'", text.replace('\'', "''"));
        let rows = schema.fields().iter().enumerate().map(|(at, field)| {
            let held = type_name(field.data_type(), self.dialect());
            format!("({at}, {}, {}, 'YES')", text(field.name()), text(&held))
        });
        let rows: Vec<String> = rows.collect();
        format!(
            "select name as column_name, held as column_type, nulls as \"null\", null::varchar as \"key\", \
             null::varchar as \"default\", null::varchar as extra \
             from (values {}) as columns_(place, name, held, nulls) order by place",
            rows.join(", ")
        )
    }

    pub(super) async fn described_table(&self, table: &Relation) -> Result<String, Diagnostic> {
        let rows = format!("select * from {}", table.sql());
        Ok(self.described(&self.schema_of(&rows).await?))
    }
}

pub(super) const TABLES: &str = "select table_name as name from information_schema.tables \
     where table_schema = 'main' order by 1";

/// Nothing is loaded: what an extension gives is there, or is missed where it is used.
pub(super) fn extension(name: &str) -> &'static str {
    match BUILT_IN.contains(&name) {
        true => "that extension's work is done without it",
        false => "there are no extensions: what this one adds is missing here",
    }
}
