//! Models: table, view, incremental, ephemeral.

use std::collections::BTreeMap;

use forebay_core::graph::{Incremental, IncrementalStrategy, Materialized, OnSchemaChange, Spec};
use forebay_core::{Diagnostic, Node, Relation};
use forebay_lake::{Input, Lake, SchemaChange, TableKind, Txn, WriteMode, WriteOptions, Written};

use crate::{Ctx, relation};

/// Makes the model's compiled query what the model says: a table, a view, more rows of a table, or
/// nothing where it is ephemeral.
pub async fn materialize(
    lake: &Lake,
    node: &Node,
    sql: &str,
    ctx: &Ctx,
) -> Result<Written, Diagnostic> {
    let Spec::Model(model) = &node.spec else {
        return Err(Diagnostic::internal(format!("{} is no model", node.id)));
    };
    let mode = match &model.materialized {
        Materialized::Ephemeral => return Ok(nothing_written()),
        Materialized::View => return view(lake, relation(node)?, sql).await,
        Materialized::Table => WriteMode::Overwrite,
        Materialized::Incremental(incremental) => {
            incremental_mode(lake, relation(node)?, incremental, ctx).await?
        }
    };
    let options = write_options(node, &model.materialized, mode, ctx);
    let input = Input::Sql(sql.to_owned());
    lake.write(relation(node)?, input, options).await
}

fn nothing_written() -> Written {
    Written {
        version: 0,
        rows: 0,
        skipped: true,
    }
}

async fn view(lake: &Lake, relation: &Relation, sql: &str) -> Result<Written, Diagnostic> {
    lake.create_view(relation, sql).await?;
    let info = lake.info(relation).await?;
    Ok(Written {
        version: info.map_or(0, |info| info.version),
        rows: 0,
        skipped: false,
    })
}

/// A first run, a full refresh and a view of that name are written anew, everything else is added.
async fn incremental_mode(
    lake: &Lake,
    relation: &Relation,
    incremental: &Incremental,
    ctx: &Ctx,
) -> Result<WriteMode, Diagnostic> {
    let full_refresh = incremental.full_refresh.unwrap_or(ctx.full_refresh);
    let info = lake.info(relation).await?;
    let is_table = info.is_some_and(|info| info.kind == TableKind::Table);
    if full_refresh || !ctx.incremental || !is_table {
        return Ok(WriteMode::Overwrite);
    }
    let keys = incremental.unique_key.clone();
    Ok(match incremental.strategy {
        // Without a key there is nothing to replace by: dbt appends, too.
        _ if keys.is_empty() => WriteMode::Append,
        IncrementalStrategy::Append => WriteMode::Append,
        IncrementalStrategy::Merge => WriteMode::Merge { keys },
        IncrementalStrategy::DeleteInsert => WriteMode::DeleteInsert { keys },
    })
}

fn write_options(
    node: &Node,
    materialized: &Materialized,
    mode: WriteMode,
    ctx: &Ctx,
) -> WriteOptions {
    let schema_change = match materialized {
        Materialized::Incremental(incremental) => match incremental.on_schema_change {
            OnSchemaChange::Ignore => SchemaChange::Ignore,
            OnSchemaChange::Fail => SchemaChange::Fail,
            OnSchemaChange::AppendNewColumns => SchemaChange::AppendNew,
            OnSchemaChange::SyncAllColumns => SchemaChange::Sync,
        },
        Materialized::Table | Materialized::View | Materialized::Ephemeral => SchemaChange::Ignore,
    };
    WriteOptions {
        // The other modes give the same table when they are done twice.
        txns: match mode {
            WriteMode::Append => vec![run_txn(ctx)],
            _ => Vec::new(),
        },
        schema_change,
        metadata: BTreeMap::from([
            ("forebay.node".to_owned(), node.id.to_string()),
            ("forebay.invocation".to_owned(), ctx.invocation_id.clone()),
        ]),
        ..WriteOptions::new(mode)
    }
}

/// One a run, so that an append whose commit was made but not noticed is not made again.
fn run_txn(ctx: &Ctx) -> Txn {
    Txn {
        app_id: format!("run/{}", ctx.invocation_id),
        version: 1,
    }
}
