//! Replacing rows by key: the files that hold matching rows are written anew without them.
//!
//! The input is already in data files of its own. So however large it is, its keys are read from
//! disk, and after a conflict only this part is done again.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use arrow::array::AsArray;
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use datafusion::common::Column;
use datafusion::datasource::TableProvider;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::datasource::provider_as_source;
use datafusion::error::Result;
use datafusion::execution::SessionState;
use datafusion::functions_aggregate::expr_fn::count;
use datafusion::logical_expr::{Expr, JoinType, LogicalPlan, LogicalPlanBuilder, cast, lit};
use datafusion::scalar::ScalarValue;
use deltalake::kernel::{Add, LogicalFileView, Remove};
use forebay_core::{Diagnostic, Relation};
use futures::TryStreamExt;
use url::Url;

use super::align::{Alignment, place};
use super::data_file::{Files, Target, write_files};
use super::marks;
use super::scan::Scan;
use super::table::Table;
use crate::engine::{from_engine, start};
use crate::types::Rows;

const FILE: &str = "__forebay_file";
const COUNT: &str = "__forebay_count";
const OLD: &str = "old";
const NEW: &str = "new";

/// What a replacement does to the table besides adding the input's files.
#[derive(Default)]
pub(super) struct Replaced {
    pub removes: Vec<Remove>,
    pub adds: Vec<Add>,
}

/// The input's rows, as data files on disk.
pub(super) struct NewRows<'a> {
    pub folder: &'a Path,
    pub files: &'a Files,
    pub schema: SchemaRef,
}

/// Every file goes, nothing stays.
pub(super) fn all(table: &Table) -> Result<Replaced, Diagnostic> {
    let files = table.files()?;
    Ok(Replaced {
        removes: files.iter().map(|file| file.remove_action(true)).collect(),
        adds: Vec::new(),
    })
}

/// Every file is written anew with the alignment's columns.
pub(super) async fn rewrite_all(
    state: &SessionState,
    target: &Target,
    table: &Table,
    alignment: &Alignment,
) -> Result<Replaced, Diagnostic> {
    let scan = table.scan(state, None)?;
    let plan = scan_plan(OLD, Arc::new(Scan::new(Arc::new(scan)))).map_err(from_engine)?;
    let survivors = write_survivors(state, target, plan, alignment).await?;
    Ok(Replaced {
        adds: survivors.adds,
        ..all(table)?
    })
}

/// Removes the rows whose key is among the new rows. Only files that hold such rows are touched.
pub(super) async fn matching(
    state: &SessionState,
    target: &Target,
    table: &Table,
    new: &NewRows<'_>,
    keys: &[String],
    alignment: &Alignment,
) -> Result<Replaced, Diagnostic> {
    let held = table.files()?;
    if new.files.adds.is_empty() || held.is_empty() {
        return Ok(Replaced::default());
    }
    let touched = if alignment.drops_columns {
        held
    } else {
        touched_files(state, target, table, new, keys).await?
    };
    let paths: Vec<_> = touched
        .iter()
        .map(|file| file.path().into_owned())
        .collect();
    let scan = table.scan(state, None)?.with_file_paths(paths);
    let survivors = scan_plan(OLD, Arc::new(Scan::new(Arc::new(scan))))
        .and_then(|old| join(old, keys_of(new, keys)?, JoinType::LeftAnti, keys))
        .map_err(from_engine)?;
    let survivors = write_survivors(state, target, survivors, alignment).await?;
    Ok(Replaced {
        removes: touched
            .iter()
            .map(|file| file.remove_action(true))
            .collect(),
        adds: survivors.adds,
    })
}

/// Removes the rows for which the condition holds. Only files that hold such rows are touched.
pub(super) async fn where_true(
    state: &SessionState,
    target: &Target,
    table: &Table,
    folder: &Path,
    condition: &str,
    alignment: &Alignment,
) -> Result<Replaced, Diagnostic> {
    let held = table.files()?;
    if held.is_empty() {
        return Ok(Replaced::default());
    }
    let wanted = |plan: LogicalPlan| {
        let wanted = state.create_logical_expr(condition, plan.schema())?;
        Ok::<_, datafusion::error::DataFusionError>((plan, wanted))
    };
    let touched = if alignment.drops_columns {
        held
    } else {
        let found = scan_plan(
            OLD,
            Arc::new(Scan::new(Arc::new(table.scan(state, Some(FILE))?))),
        )
        .and_then(wanted)
        .and_then(|(plan, wanted)| LogicalPlanBuilder::from(plan).filter(wanted)?.build())
        .map_err(from_engine)?;
        let urls = files_of(state, found).await?;
        known_files(target, table, folder, urls)?
    };
    let paths: Vec<_> = touched
        .iter()
        .map(|file| file.path().into_owned())
        .collect();
    let scan = table.scan(state, None)?.with_file_paths(paths);
    let survivors = scan_plan(OLD, Arc::new(Scan::new(Arc::new(scan))))
        .and_then(wanted)
        .and_then(|(plan, wanted)| {
            LogicalPlanBuilder::from(plan)
                .filter(wanted.is_not_true())?
                .build()
        })
        .map_err(from_engine)?;
    let survivors = write_survivors(state, target, survivors, alignment).await?;
    Ok(Replaced {
        removes: touched
            .iter()
            .map(|file| file.remove_action(true))
            .collect(),
        adds: survivors.adds,
    })
}

/// The table's files that hold a row with one of the new keys.
async fn touched_files(
    state: &SessionState,
    target: &Target,
    table: &Table,
    new: &NewRows<'_>,
    keys: &[String],
) -> Result<Vec<LogicalFileView>, Diagnostic> {
    let urls = files_with_matches(state, table, new, keys).await?;
    known_files(target, table, new.folder, urls)
}

/// The table's files with these addresses.
fn known_files(
    target: &Target,
    table: &Table,
    folder: &Path,
    urls: Vec<String>,
) -> Result<Vec<LogicalFileView>, Diagnostic> {
    let paths: BTreeSet<_> = urls.iter().filter_map(|url| local(url)).collect();
    let held = table.files()?.into_iter();
    let touched: Vec<_> = held
        .filter(|file| paths.contains(&folder.join(file.object_store_path().as_ref())))
        .collect();
    // Rows that are replaced without their file being removed would be there twice.
    if touched.len() == urls.len() {
        return Ok(touched);
    }
    Err(Diagnostic::internal(format!(
        "{} files of '{}' hold rows to replace, and {} of them are known",
        urls.len(),
        target.relation,
        touched.len()
    )))
}

async fn write_survivors(
    state: &SessionState,
    target: &Target,
    plan: LogicalPlan,
    alignment: &Alignment,
) -> Result<Files, Diagnostic> {
    let rows = start(state.clone(), &plan).await?;
    let alignment = alignment.of_stored(&rows.schema);
    write_files(target, rows, alignment).await
}

/// Addresses of the table's files that hold a row with one of the new keys.
async fn files_with_matches(
    state: &SessionState,
    table: &Table,
    new: &NewRows<'_>,
    keys: &[String],
) -> Result<Vec<String>, Diagnostic> {
    let scan = table.scan(state, Some(FILE))?;
    let plan = scan_plan(OLD, Arc::new(Scan::new(Arc::new(scan))))
        .and_then(|old| join(old, keys_of(new, keys)?, JoinType::LeftSemi, keys))
        .map_err(from_engine)?;
    files_of(state, plan).await
}

/// The addresses of the files that the rows are in.
async fn files_of(state: &SessionState, rows: LogicalPlan) -> Result<Vec<String>, Diagnostic> {
    let file = Expr::Column(Column::new(Some(OLD), FILE));
    let plan = LogicalPlanBuilder::from(rows)
        .project([cast(file, DataType::Utf8).alias(FILE)])
        .and_then(|files| files.distinct()?.build())
        .map_err(from_engine)?;
    let mut files = Vec::new();
    for batch in collect(start(state.clone(), &plan).await?).await? {
        let names = batch.column(0).as_string::<i32>();
        files.extend(names.iter().flatten().map(str::to_owned));
    }
    Ok(files)
}

/// An error that names the first key of a row that is there which more than one of the new rows have.
pub(super) async fn check_unique(
    state: &SessionState,
    relation: &Relation,
    table: Option<&Table>,
    new: &NewRows<'_>,
    keys: &[String],
) -> Result<(), Diagnostic> {
    let Some(table) = table.filter(|_| !new.files.adds.is_empty()) else {
        return Ok(());
    };
    let held = table.scan(state, None)?;
    let columns = || {
        keys.iter()
            .map(|key| Expr::Column(Column::new(Some(NEW), key)))
    };
    let plan = keys_of(new, keys).and_then(|plan| {
        let present = columns().map(Expr::is_not_null).reduce(Expr::and);
        LogicalPlanBuilder::from(plan)
            .filter(present.unwrap_or_else(|| lit(true)))?
            .aggregate(columns(), [count(lit(1)).alias(COUNT)])?
            .filter(Expr::Column(Column::from_name(COUNT)).gt(lit(1)))?
            .join(
                scan_plan(OLD, Arc::new(Scan::new(Arc::new(held))))?,
                JoinType::LeftSemi,
                (side(NEW, keys), side(OLD, keys)),
                None,
            )?
            .limit(0, Some(1))?
            .build()
    });
    let plan = plan.map_err(from_engine)?;
    for batch in collect(start(state.clone(), &plan).await?).await? {
        if batch.num_rows() > 0 {
            return Err(twice(relation, keys, &batch));
        }
    }
    Ok(())
}

fn twice(relation: &Relation, keys: &[String], batch: &RecordBatch) -> Diagnostic {
    let value = |(i, key): (usize, &String)| {
        let value = array_value_to_string(batch.column(i), 0).unwrap_or_default();
        format!("{key} = {value}")
    };
    let key: Vec<_> = keys.iter().enumerate().map(value).collect();
    let times = array_value_to_string(batch.column(keys.len()), 0).unwrap_or_default();
    Diagnostic::error(format!(
        "the new rows of '{relation}' have {} {times} times: which one to keep is not known",
        key.join(", ")
    ))
    .of_setting("unique_key")
    .hint("make the key unique in the query, or add columns to unique_key")
}

pub(super) fn check_keys(
    relation: &Relation,
    keys: &[String],
    table: Option<&arrow::datatypes::Schema>,
    aligned: &Alignment,
    input: &arrow::datatypes::Schema,
) -> Result<(), Diagnostic> {
    if keys.is_empty() {
        return Err(Diagnostic::error(format!(
            "'{relation}': a key needs at least one column"
        )));
    }
    for key in keys {
        let held = table.is_none_or(|table| table.index_of(key).is_ok());
        if !held || place(input, key).is_none() || aligned.schema.index_of(key).is_err() {
            let whose = if held { "the new rows" } else { "the table" };
            return Err(Diagnostic::error(format!(
                "the key '{key}' of '{relation}' is not a column of {whose}"
            ))
            .of_setting("unique_key"));
        }
    }
    Ok(())
}

fn join(old: LogicalPlan, keys: LogicalPlan, kind: JoinType, on: &[String]) -> Result<LogicalPlan> {
    LogicalPlanBuilder::from(old)
        .join(keys, kind, (side(OLD, on), side(NEW, on)), None)?
        .build()
}

fn side(side: &str, keys: &[String]) -> Vec<Column> {
    keys.iter()
        .map(|key| Column::new(Some(side), key))
        .collect()
}

/// The key columns of the new rows, read from their files.
fn keys_of(new: &NewRows<'_>, keys: &[String]) -> Result<LogicalPlan> {
    let urls = new.files.adds.iter().map(|add| {
        let path = new.folder.join(&add.path);
        let url = Url::from_file_path(&path).map_err(|()| {
            datafusion::error::DataFusionError::Internal(format!("{} is relative", path.display()))
        })?;
        ListingTableUrl::try_new(url, None)
    });
    let options = ListingOptions::new(Arc::new(ParquetFormat::default()));
    let config = ListingTableConfig::new_with_multi_paths(urls.collect::<Result<_>>()?)
        .with_listing_options(options)
        .with_schema(Arc::clone(&new.schema));
    let table = ListingTable::try_new(config)?;
    let columns = keys.iter().map(|key| {
        let column = Expr::Column(Column::new(Some(NEW), key));
        match new.schema.field_with_name(key) {
            Ok(field) => match marks::marked(field) {
                Some(DataType::Null) => lit(ScalarValue::Null).alias_qualified(Some(NEW), key),
                Some(of) => cast(column, of).alias_qualified(Some(NEW), key),
                None => column,
            },
            Err(_) => column,
        }
    });
    LogicalPlanBuilder::from(scan_plan(NEW, Arc::new(table))?)
        .project(columns)?
        .build()
}

fn scan_plan(name: &str, table: Arc<dyn TableProvider>) -> Result<LogicalPlan> {
    LogicalPlanBuilder::scan(name, provider_as_source(table), None)?.build()
}

async fn collect(rows: Rows) -> Result<Vec<RecordBatch>, Diagnostic> {
    rows.stream.try_collect().await
}

fn local(url: &str) -> Option<std::path::PathBuf> {
    Url::parse(url).ok()?.to_file_path().ok()
}
