//! Models: table, view, incremental, ephemeral, external.

use std::collections::BTreeMap;

use forebay_core::export::ExportFormat;
use forebay_core::graph::{Materialized, Model, Spec};
use forebay_core::incremental::Incremental;
use forebay_core::{Diagnostic, Node, Relation, quote};
use forebay_lake::{Input, Lake, SchemaChange, TableKind, Txn, WriteMode, WriteOptions, Written};

use crate::{Ctx, contract, incremental, relation};

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
    if model.materialized == Materialized::Ephemeral {
        return Ok(nothing_written());
    }
    let sql = &contract::selected(lake, node, model, sql).await?;
    let is_view = model.materialized == Materialized::View;
    if is_view || !contract::has_rules(node, model) {
        return put(lake, node, model, sql, ctx).await;
    }
    // Rows that break a constraint must not be seen: they are looked at where nobody reads.
    let table = relation(node)?;
    let stage = Relation::new(&table.schema, format!("{}__dbt_contract", table.name));
    let options = WriteOptions::new(WriteMode::Overwrite);
    lake.write(&stage, Input::Sql(sql.clone()), options).await?;
    let staged = format!("select * from {}", stage.sql());
    let kept = match &model.materialized {
        Materialized::Incremental(spec) if !is_fresh(lake, table, spec, ctx).await? => {
            contract::kept(spec, table, &stage)
        }
        _ => None,
    };
    let checked = contract::check_rows(lake, node, model, &stage, kept.as_deref()).await;
    let written = match checked {
        Ok(()) => put(lake, node, model, &staged, ctx).await,
        Err(problem) => Err(problem),
    };
    lake.drop(&stage).await?;
    written
}

async fn put(
    lake: &Lake,
    node: &Node,
    model: &Model,
    sql: &str,
    ctx: &Ctx,
) -> Result<Written, Diagnostic> {
    let relation = match &model.materialized {
        Materialized::Ephemeral => return Ok(nothing_written()),
        Materialized::View => return view(lake, relation(node)?, sql).await,
        Materialized::Table | Materialized::Incremental(_) | Materialized::External(_) => {
            relation(node)?
        }
        Materialized::Custom { .. } => {
            let message = format!("{} is built by macros", node.id);
            return Err(Diagnostic::internal(message));
        }
    };
    let options = write_options(node, &model.materialized, ctx);
    match &model.materialized {
        Materialized::Incremental(spec) if !is_fresh(lake, relation, spec, ctx).await? => {
            incremental::update(lake, relation, spec, sql, ctx.batch, options).await
        }
        Materialized::External(export) => {
            let rows = Input::Sql(sql.to_owned());
            let written = lake.write(relation, rows, options.clone()).await?;
            let rows = exported(lake, relation, &export.format).await?;
            lake.export(&rows, export).await?;
            // What reads the model in dbt reads the file, whose texts are not always what was written. One without
            // rows says nothing of types.
            match &export.read {
                Some(read) if written.rows > 0 => {
                    let rows = Input::Sql(format!("select * from {read}"));
                    lake.write(relation, rows, options).await
                }
                _ => Ok(written),
            }
        }
        _ => {
            lake.write(relation, Input::Sql(sql.to_owned()), options)
                .await
        }
    }
}

/// The rows of a table as they are written into a file: SQL has its own texts for values.
async fn exported(
    lake: &Lake,
    relation: &Relation,
    format: &ExportFormat,
) -> Result<String, Diagnostic> {
    let info = match format {
        ExportFormat::Csv { .. } => lake.info(relation).await?,
        ExportFormat::Parquet | ExportFormat::Json => None,
    };
    let columns = info.map_or("*".to_owned(), |info| {
        let fields = info.schema.fields().iter();
        let columns: Vec<String> = fields
            .map(|field| quote(field.name()))
            .map(|name| format!("cast({name} as varchar) as {name}"))
            .collect();
        columns.join(", ")
    });
    Ok(format!("select {columns} from {}", relation.sql()))
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
    // A value that cannot be computed (`date '2024-13-01'`) fails who reads the view, as in DuckDB.
    let info = lake.info(relation).await.ok().flatten();
    Ok(Written {
        version: info.map_or(0, |info| info.version),
        rows: 0,
        skipped: false,
    })
}

/// A first run, a full refresh and a view of that name are written anew, everything else is added.
async fn is_fresh(
    lake: &Lake,
    relation: &Relation,
    spec: &Incremental,
    ctx: &Ctx,
) -> Result<bool, Diagnostic> {
    // The first of several batches has made the table anew already.
    let full_refresh = ctx.batch.is_none() && spec.full_refresh.unwrap_or(ctx.full_refresh);
    let info = lake.info(relation).await?;
    let is_table = info.is_some_and(|info| info.kind == TableKind::Table);
    Ok(full_refresh || !ctx.incremental || !is_table)
}

fn write_options(node: &Node, materialized: &Materialized, ctx: &Ctx) -> WriteOptions {
    let schema_change = match materialized {
        Materialized::Incremental(spec) => incremental::schema_change(spec.on_schema_change),
        _ => SchemaChange::Ignore,
    };
    WriteOptions {
        txns: match materialized {
            Materialized::Incremental(_) if ctx.incremental => vec![run_txn(ctx)],
            _ => Vec::new(),
        },
        schema_change,
        metadata: BTreeMap::from([
            ("forebay.node".to_owned(), node.id.to_string()),
            ("forebay.invocation".to_owned(), ctx.invocation_id.clone()),
        ]),
        ..WriteOptions::new(WriteMode::Overwrite)
    }
}

/// One a run, so that an append whose commit was made but not noticed is not made again.
fn run_txn(ctx: &Ctx) -> Txn {
    Txn {
        app_id: format!("run/{}", ctx.invocation_id),
        version: 1,
    }
}
