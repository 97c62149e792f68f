//! Tables whose files hold their rows as they are: scanned as Parquet files, with what the log says of each of them
//! read once for a version.

use std::sync::Arc;

use arrow::array::{Array, AsArray, StructArray};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::stats::Precision;
use datafusion::common::{ColumnStatistics, Result, ScalarValue, Statistics};
use datafusion::config::TableParquetOptions;
use datafusion::datasource::listing::PartitionedFile;
use datafusion::datasource::physical_plan::parquet::CachedParquetFileReaderFactory;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::datasource::table_schema::TableSchema;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::logical_expr::{Expr, TableType};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use deltalake::table::state::DeltaTableState;
use deltalake::{ObjectMeta, Path};
use serde_json::Value;
use url::Url;

/// What a reader of the table has to know of beside the files, of the protocol's reader features: how columns
/// are typed, which the schema says.
const READ_AS_IT_IS: [&str; 1] = ["timestampNtz"];

/// The files of a table at one version.
#[derive(Debug)]
pub(super) struct PlainFiles {
    schema: SchemaRef,
    files: FileGroup,
    statistics: Statistics,
}

impl PlainFiles {
    /// None: rows are deleted beside the files, columns have other names in them, are not in them, or are nested.
    /// All of that the Delta scan knows.
    pub fn of(table: &DeltaTableState, root: &Url) -> Option<Self> {
        let snapshot = table.snapshot();
        let schema = snapshot.arrow_schema();
        let nested = schema.fields().iter().any(|f| f.data_type().is_nested());
        let protocol = serde_json::to_value(snapshot.protocol()).ok()?;
        let partitioned = !snapshot.metadata().partition_columns().is_empty();
        if nested || partitioned || !is_read_as_it_is(&protocol) || root.scheme() != "file" {
            return None;
        }
        let log = table.add_actions_table(false).ok()?;
        let paths = log.column_by_name("path")?.as_string_opt::<i32>()?;
        let sizes = log
            .column_by_name("size_bytes")?
            .as_primitive_opt::<Int64Type>()?;
        let known = Known {
            rows: log
                .column_by_name("num_records")?
                .as_primitive_opt::<Int64Type>()?,
            nulls: log
                .column_by_name("null_count")
                .and_then(|c| c.as_struct_opt()),
            least: log.column_by_name("min").and_then(|c| c.as_struct_opt()),
            greatest: log.column_by_name("max").and_then(|c| c.as_struct_opt()),
        };
        // The oldest rows first: the log has the newest commit first, and the files of each in their order.
        let made = cast(log.column_by_name("modification_time")?, &DataType::Int64).ok()?;
        let made = made.as_primitive::<Int64Type>();
        let mut places: Vec<usize> = (0..log.num_rows()).collect();
        places.sort_by_key(|at| made.value(*at));
        let files: Option<Vec<PartitionedFile>> = places
            .into_iter()
            .map(|at| {
                let file = file(root, paths.value(at), sizes.value(at))?;
                Some(file.with_statistics(Arc::new(known.of(at, sizes.value(at), &schema))))
            })
            .collect();
        let files = FileGroup::new(files?);
        let each = files.iter().filter_map(|file| file.statistics.as_deref());
        let statistics = Statistics::try_merge_iter(each, &schema).ok()?;
        Some(Self {
            schema,
            files: files.with_statistics(Arc::new(statistics.clone())),
            statistics,
        })
    }
}

fn is_read_as_it_is(protocol: &Value) -> bool {
    let features = protocol["readerFeatures"].as_array();
    match protocol["minReaderVersion"].as_i64() {
        Some(1) => true,
        Some(3) => features.is_some_and(|features| {
            let known = |f: &Value| f.as_str().is_some_and(|f| READ_AS_IT_IS.contains(&f));
            features.iter().all(known)
        }),
        _ => false,
    }
}

/// None: the file is not below the table, or its name is written with escapes.
fn file(root: &Url, path: &str, size: i64) -> Option<PartitionedFile> {
    if path.contains([':', '%']) || path.starts_with('/') {
        return None;
    }
    let location = format!("{}/{path}", root.path().trim_end_matches('/'));
    Some(PartitionedFile::from(ObjectMeta {
        location: Path::from_url_path(location).ok()?,
        size: size.try_into().ok()?,
        // A data file never changes.
        last_modified: chrono::DateTime::UNIX_EPOCH,
        e_tag: None,
        version: None,
    }))
}

/// What the log says of each file.
struct Known<'a> {
    rows: &'a arrow::array::Int64Array,
    nulls: Option<&'a StructArray>,
    least: Option<&'a StructArray>,
    greatest: Option<&'a StructArray>,
}

impl Known<'_> {
    fn of(&self, at: usize, size: i64, schema: &Schema) -> Statistics {
        let columns = schema.fields().iter().map(|field| ColumnStatistics {
            null_count: match value(self.nulls, field.name(), at) {
                Some(ScalarValue::Int64(Some(nulls))) => count(nulls),
                _ => Precision::Absent,
            },
            min_value: bound(self.least, field, at),
            max_value: bound(self.greatest, field, at),
            ..ColumnStatistics::new_unknown()
        });
        Statistics {
            num_rows: match self.rows.is_valid(at) {
                true => count(self.rows.value(at)),
                false => Precision::Absent,
            },
            total_byte_size: count(size),
            column_statistics: columns.collect(),
        }
    }
}

fn count(of: i64) -> Precision<usize> {
    usize::try_from(of).map_or(Precision::Absent, Precision::Exact)
}

/// The least or the greatest value: texts are cut in the log, and moments rounded.
fn bound(of: Option<&StructArray>, field: &Field, at: usize) -> Precision<ScalarValue> {
    let is_whole = field.data_type().is_integer() || *field.data_type() == DataType::Date32;
    match value(of, field.name(), at) {
        Some(value) if is_whole => Precision::Exact(value),
        Some(value) => Precision::Inexact(value),
        None => Precision::Absent,
    }
}

fn value(of: Option<&StructArray>, column: &str, at: usize) -> Option<ScalarValue> {
    let values = of?.column_by_name(column)?;
    let value = ScalarValue::try_from_array(values, at).ok()?;
    (!value.is_null()).then_some(value)
}

#[async_trait::async_trait]
impl TableProvider for PlainFiles {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn statistics(&self) -> Option<Statistics> {
        Some(self.statistics.clone())
    }

    /// Conditions find their way to the files from the plan.
    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        _: &[Expr],
        limit: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if self.files.is_empty() {
            let schema = match projection {
                Some(columns) => Arc::new(self.schema.project(columns)?),
                None => self.schema(),
            };
            return Ok(Arc::new(EmptyExec::new(schema)));
        }
        let url = ObjectStoreUrl::local_filesystem();
        let runtime = session.runtime_env();
        let footers = runtime.cache_manager.get_file_metadata_cache();
        let reader = CachedParquetFileReaderFactory::new(runtime.object_store(&url)?, footers);
        let options = TableParquetOptions {
            global: session.config().options().execution.parquet.clone(),
            ..Default::default()
        };
        let source = ParquetSource::new(TableSchema::from(self.schema()))
            .with_table_parquet_options(options)
            .with_parquet_file_reader_factory(Arc::new(reader));
        let scan = FileScanConfigBuilder::new(url, Arc::new(source))
            .with_file_group(self.files.clone())
            .with_statistics(self.statistics.clone())
            .with_projection_indices(projection.cloned())?
            .with_limit(limit)
            .build();
        Ok(DataSourceExec::from_data_source(scan))
    }
}
