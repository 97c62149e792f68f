//! Snapshots: how the rows of a query were over time, a row a version, as dbt keeps them.
//!
//! Beside the query's columns a snapshot has `dbt_scd_id` (names one version of one key),
//! `dbt_updated_at`, `dbt_valid_from` and `dbt_valid_to` (null: still valid), of the type of what says when a row changed;
//! the time of a run is a timestamp in UTC. One run is one commit: versions that end and new ones take the place of what
//! has their `dbt_scd_id`.

mod changes;
mod sql;

use std::collections::BTreeMap;

use arrow::record_batch::RecordBatch;
use forebay_core::graph::{Snapshot, SnapshotTerms};
use forebay_core::{Diagnostic, Node, suggest};
use forebay_lake::{
    Input, Lake, Rows, SchemaChange, TableInfo, TableKind, WriteMode, WriteOptions, Written,
};
use futures::{StreamExt, stream};

use crate::assign;
use crate::{Ctx, relation};
use changes::Changes;
use sql::Queries;
pub use sql::{NEW, OLD};

/// Takes the query's rows as they are now into the snapshot's history.
///
/// Where nothing has changed nothing is written, so that a second run leaves the table as it is. `terms` are those of
/// a strategy of the project's own, which call the table [`OLD`] and the query's rows [`NEW`].
pub async fn snapshot(
    lake: &Lake,
    node: &Node,
    spec: &Snapshot,
    terms: Option<&SnapshotTerms>,
    sql: &str,
    ctx: &Ctx,
) -> Result<Written, Diagnostic> {
    let relation = relation(node)?;
    let schema = lake.schema_of(sql).await?;
    let columns: Vec<&str> = schema.fields().iter().map(|f| f.name().as_str()).collect();
    check_settings(node, spec, &columns)?;
    let queries = Queries {
        relation,
        spec,
        names: sql::added_names(spec, &columns),
        terms,
        columns: &columns,
        source: sql,
        now: ctx.now,
    };
    let options = |mode| WriteOptions {
        schema_change: SchemaChange::AppendNew,
        metadata: BTreeMap::from([
            ("forebay.node".to_owned(), node.id.to_string()),
            ("forebay.invocation".to_owned(), ctx.invocation_id.clone()),
        ]),
        ..WriteOptions::new(mode)
    };
    let Some(table) = lake.info(relation).await? else {
        let input = Input::Sql(queries.first());
        return lake
            .write(relation, input, options(WriteMode::Overwrite))
            .await;
    };
    check_table(&queries, &table)?;
    let changes = Changes::new(&queries, &table.schema).query();
    let given = lake.schema_of(&changes).await?;
    let differing = assign::differing(lake, &table.schema, &given);
    let changes = assign::assigned(lake, &given, &differing, &changes);
    let held = |name: &&str| {
        let mut fields = table.schema.fields().iter();
        fields.any(|field| field.name().eq_ignore_ascii_case(name))
    };
    match not_empty(lake.query(&changes).await?).await? {
        // A new column is there from now on, also where no row has changed.
        None if !columns.iter().all(held) => {
            let none = format!("select * from (\n{changes}\n) as changes where false");
            lake.write(relation, Input::Sql(none), options(WriteMode::Append))
                .await
        }
        None => Ok(Written {
            version: table.version,
            rows: 0,
            skipped: true,
        }),
        Some(rows) => {
            let mode = WriteMode::DeleteInsert {
                keys: vec![spec.names.scd_id.clone()],
            };
            lake.write(relation, Input::Stream(rows), options(mode))
                .await
        }
    }
}

/// The rows, unless there are none.
async fn not_empty(mut rows: Rows) -> Result<Option<Rows>, Diagnostic> {
    while let Some(batch) = rows.stream.next().await {
        let batch: RecordBatch = batch?;
        if batch.num_rows() > 0 {
            let first = stream::iter([Ok(batch)]);
            rows.stream = Box::pin(first.chain(rows.stream));
            return Ok(Some(rows));
        }
    }
    Ok(None)
}

fn check_settings(node: &Node, spec: &Snapshot, columns: &[&str]) -> Result<(), Diagnostic> {
    let error = |text: String| Diagnostic::error(text).at(node.location.clone());
    if spec.unique_key.is_empty() {
        return Err(error(format!("snapshot '{}' has no unique_key", node.name)));
    }
    let unknown = sql::named_columns(spec).filter(|(_, name)| sql::column(columns, name).is_none());
    let unknown: Vec<_> = unknown.collect();
    let Some((setting, name)) = unknown.first() else {
        return Ok(());
    };
    let named: Vec<String> = unknown
        .iter()
        .map(|(_, name)| format!("'{name}'"))
        .collect();
    let word = if named.len() == 1 {
        "column"
    } else {
        "columns"
    };
    let problem = error(format!(
        "snapshot '{}' names the {word} {}, which its query does not have",
        node.name,
        named.join(", ")
    ));
    let hint = suggest::nearest(name, columns.iter().copied());
    Err(problem.of_setting(setting).maybe_hint(hint))
}

fn check_table(queries: &Queries<'_>, table: &TableInfo) -> Result<(), Diagnostic> {
    let relation = queries.relation;
    let lacks = queries
        .own()
        .into_iter()
        .find(|name| table.schema.column_with_name(name).is_none());
    let problem = match (table.kind, lacks) {
        (TableKind::View, _) => format!("{relation} is a view, not a snapshot"),
        (TableKind::Table, Some(name)) => {
            format!("{relation} is no snapshot: it has no column '{name}'")
        }
        (TableKind::Table, None) => return Ok(()),
    };
    Err(Diagnostic::error(problem).hint("drop it, or give the snapshot another name"))
}
