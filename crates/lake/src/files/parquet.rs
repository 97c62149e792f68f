//! Parquet files as tables.

use std::path::PathBuf;
use std::sync::Arc;

use arrow::datatypes::{DataType, Schema};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::SessionState;
use forebay_core::{Diagnostic, Location, quote};
use url::Url;

use super::Opened;
use super::settings::Settings;
use crate::engine::from_engine;

pub(super) async fn open(
    files: &[PathBuf],
    mut settings: Settings,
    state: &SessionState,
) -> Result<Opened, Diagnostic> {
    let by_name = settings.flag("union_by_name")? == Some(true);
    let hive = settings.flag("hive_partitioning")?;
    settings.pass_over(&["binary_as_string", "file_row_number"]);
    settings.end()?;
    let in_folder_of_values = files.iter().find(|file| {
        let mut parts = file
            .parent()
            .into_iter()
            .flat_map(|folder| folder.components());
        parts.any(|part| part.as_os_str().to_string_lossy().contains('='))
    });
    if let (Some(file), None | Some(true)) = (in_folder_of_values, hive) {
        return Err(
            Diagnostic::error("columns in the names of folders are not read")
                .at(Location::file(file))
                .hint("hive_partitioning = false reads the files without them"),
        );
    }
    let table = table(files, by_name, state).await.map_err(from_engine)?;
    let columns = datafusion::catalog::TableProvider::schema(&table);
    let columns = columns.fields().iter().map(|field| quote(field.name()));
    Ok(Opened {
        columns: columns.collect(),
        rows: Arc::new(table),
    })
}

/// With the columns of the first file, or of all.
async fn table(
    files: &[PathBuf],
    by_name: bool,
    state: &SessionState,
) -> EngineResult<ListingTable> {
    let urls = files.iter().map(|file| {
        let url = Url::from_file_path(file)
            .map_err(|()| DataFusionError::Internal(format!("{} is relative", file.display())))?;
        ListingTableUrl::try_new(url, None)
    });
    let urls = urls.collect::<EngineResult<Vec<_>>>()?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default())).with_file_extension("");
    let judged = if by_name {
        urls.clone()
    } else {
        urls[..1].to_vec()
    };
    let judged = ListingTableConfig::new_with_multi_paths(judged)
        .with_listing_options(options.clone())
        .infer_schema(state)
        .await?;
    let mut config = ListingTableConfig::new_with_multi_paths(urls).with_listing_options(options);
    if let Some(schema) = judged.file_schema {
        config = config.with_schema(Arc::new(with_plain_texts(&schema)));
    }
    ListingTable::try_new(config)
}

/// Long texts are texts like others: the engine keeps JSON in their type.
fn with_plain_texts(schema: &Schema) -> Schema {
    let fields = schema.fields().iter().map(|field| match field.data_type() {
        DataType::LargeUtf8 => Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8)),
        _ => Arc::clone(field),
    });
    Schema::new_with_metadata(fields.collect::<Vec<_>>(), schema.metadata().clone())
}
