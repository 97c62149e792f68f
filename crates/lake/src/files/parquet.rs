//! Parquet files as tables.

use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::catalog::view::ViewTable;
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::datasource::{TableProvider, provider_as_source};
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, lit};
use forebay_core::{Diagnostic, quote};
use url::Url;

use super::Opened;
use super::added::{self, Added};
use super::paths::FilePath;
use super::settings::Settings;
use crate::engine::from_engine;

pub(super) async fn open(
    files: &[FilePath],
    mut settings: Settings,
    state: &SessionState,
) -> Result<Opened, Diagnostic> {
    let by_name = settings.flag("union_by_name")? == Some(true);
    let added = added::columns(files, &mut settings)?;
    if settings.flag("file_row_number")? == Some(true) {
        return Err(Diagnostic::error("file_row_number is not supported"));
    }
    settings.pass_over(&["binary_as_string", "compression"]);
    settings.end()?;
    let urls = files.iter().map(|file| url(&file.path));
    let urls = urls
        .collect::<EngineResult<Vec<_>>>()
        .map_err(from_engine)?;
    let judged = if by_name { &urls[..] } else { &urls[..1] };
    let schema = schema(judged.to_vec(), state).await.map_err(from_engine)?;
    let fields = schema.fields().iter().map(|field| field.name().as_str());
    // What the names of folders say stands in the place of the file's own.
    let own = fields.filter(|name| !added.iter().any(|of| of.name.eq_ignore_ascii_case(name)));
    let own: Vec<&str> = own.collect();
    let rows: EngineResult<Arc<dyn TableProvider>> = match added.is_empty() {
        true => table(urls, &schema).map(|table| Arc::new(table) as _),
        false => united(urls, &schema, &own, &added),
    };
    let columns = own.iter().map(|name| quote(name));
    Ok(Opened::new(
        rows.map_err(from_engine)?,
        columns.chain(added.iter().map(Added::item)).collect(),
    ))
}

fn url(file: &Path) -> EngineResult<ListingTableUrl> {
    // The store takes no path that goes up again, such as `models/../data/a.parquet`.
    let file = file.canonicalize()?;
    let url = Url::from_file_path(&file)
        .map_err(|()| DataFusionError::Internal(format!("{} is relative", file.display())))?;
    ListingTableUrl::try_new(url, None)
}

fn options() -> ListingOptions {
    ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension("")
}

/// The columns of all of the files.
async fn schema(urls: Vec<ListingTableUrl>, state: &SessionState) -> EngineResult<Arc<Schema>> {
    let judged = ListingTableConfig::new_with_multi_paths(urls)
        .with_listing_options(options())
        .infer_schema(state)
        .await?;
    let schema = judged
        .file_schema
        .unwrap_or_else(|| Arc::new(Schema::empty()));
    Ok(Arc::new(with_plain_texts(&schema)))
}

fn table(urls: Vec<ListingTableUrl>, schema: &Arc<Schema>) -> EngineResult<ListingTable> {
    let config = ListingTableConfig::new_with_multi_paths(urls)
        .with_listing_options(options())
        .with_schema(Arc::clone(schema));
    ListingTable::try_new(config)
}

/// The rows of each file with the texts that are added to it.
fn united(
    urls: Vec<ListingTableUrl>,
    schema: &Arc<Schema>,
    own: &[&str],
    added: &[Added],
) -> EngineResult<Arc<dyn TableProvider>> {
    let mut files: Vec<(Vec<&Option<String>>, Vec<ListingTableUrl>)> = Vec::new();
    for (at, url) in urls.into_iter().enumerate() {
        let values: Vec<_> = added.iter().map(|of| &of.values[at]).collect();
        match files.last_mut() {
            Some((known, urls)) if *known == values => urls.push(url),
            _ => files.push((values, vec![url])),
        }
    }
    let scans = files.into_iter().map(|(values, urls)| {
        let source = provider_as_source(Arc::new(table(urls, schema)?));
        let own = own
            .iter()
            .map(|name| Expr::Column(Column::from_name(*name)));
        let texts = values
            .into_iter()
            .zip(added)
            .map(|(value, of)| lit(ScalarValue::Utf8(value.clone())).alias(&of.name));
        LogicalPlanBuilder::scan("files", source, None)?
            .project(own.chain(texts).collect::<Vec<_>>())?
            .alias("files")
    });
    let plan = scans.reduce(|all, scan| all?.union(scan?.build()?));
    let plan = plan.unwrap_or_else(|| Ok(LogicalPlanBuilder::empty(false)))?;
    Ok(Arc::new(ViewTable::new(plan.build()?, None)))
}

/// Long texts are texts like others: the engine keeps JSON in their type.
fn with_plain_texts(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::LargeUtf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)),
        _ => Arc::clone(field),
    });
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone())
}
