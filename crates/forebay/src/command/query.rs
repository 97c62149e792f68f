//! `query`: SQL over the warehouse, also as of older versions of its tables.

use std::collections::BTreeMap;

use forebay_core::{Diagnostic, Diagnostics, Relation};

use super::show::Of;
use crate::args::{Global, Query};
use crate::report::Talk;
use crate::wiring;

pub async fn run(global: &Global, talk: &Talk, options: &Query) -> Result<u8, Diagnostics> {
    let workspace = wiring::workspace(global, talk, &wiring::invocation_id()).await?;
    let versions = options
        .at
        .iter()
        .map(|text| pinned(text))
        .collect::<Result<_, _>>()?;
    let versions: BTreeMap<Relation, i64> = versions;
    let rows = workspace.lake.query_at(&options.sql, &versions).await?;
    super::show::print(talk, Of::Query, rows, options.limit, options.output).await?;
    Ok(0)
}

fn pinned(text: &str) -> Result<(Relation, i64), Diagnostic> {
    let parsed = text
        .split_once('=')
        .and_then(|(table, version)| Some((Relation::parse(table)?, version.trim().parse().ok()?)));
    parsed.ok_or_else(|| {
        Diagnostic::error(format!("'{text}' names no table version")).hint("write schema.table=3")
    })
}
