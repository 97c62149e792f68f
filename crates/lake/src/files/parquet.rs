//! Parquet files as tables.

use std::collections::HashMap;
use std::fmt::Display;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow::datatypes::{DataType, FieldRef, Schema};
use datafusion::catalog::view::ViewTable;
use datafusion::common::{Column, ScalarValue};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{
    ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl,
};
use datafusion::datasource::{TableProvider, provider_as_source};
use datafusion::error::{DataFusionError, Result as EngineResult};
use datafusion::execution::SessionState;
use datafusion::logical_expr::type_coercion::binary::type_union_resolution;
use datafusion::logical_expr::{Expr, LogicalPlanBuilder, lit};
use datafusion::parquet::basic::{ConvertedType, LogicalType};
use datafusion::parquet::file::metadata::ParquetMetaDataReader;
use forebay_core::{Diagnostic, quote};
use url::Url;

use super::Opened;
use super::added::{self, Added};
use super::paths::FilePath;
use super::settings::Settings;
use crate::engine::{from_engine, sql_type};

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
    let mut items = Vec::new();
    let judged = if by_name { files } else { &files[..1] };
    let schema = &Arc::new(typed(&schema, &leaves(judged)?, &mut items));
    let fields = schema.fields().iter().map(|field| field.name().as_str());
    // What the names of folders say stands in the place of the file's own.
    let is_own = |name: &str| !added.iter().any(|of| of.name.eq_ignore_ascii_case(name));
    let (own, items): (Vec<&str>, Vec<String>) =
        fields.zip(items).filter(|(name, _)| is_own(name)).unzip();
    let rows: EngineResult<Arc<dyn TableProvider>> = match added.is_empty() {
        true => table(urls, schema).map(|table| Arc::new(table) as _),
        false => united(urls, schema, &own, &added),
    };
    let items = items.into_iter().chain(added.iter().map(Added::item));
    Ok(Opened::new(rows.map_err(from_engine)?, items.collect()))
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

/// The columns of all of the files, each of a type that takes the values of all.
async fn schema(urls: Vec<ListingTableUrl>, state: &SessionState) -> EngineResult<Arc<Schema>> {
    let mut fields: Vec<FieldRef> = Vec::new();
    for url in urls {
        let judged = ListingTableConfig::new(url)
            .with_listing_options(options())
            .infer_schema(state)
            .await?;
        for field in judged.file_schema.iter().flat_map(|of| of.fields().iter()) {
            let same = |known: &FieldRef| known.name().eq_ignore_ascii_case(field.name());
            let Some(known) = fields.iter_mut().find(|known| same(known)) else {
                fields.push(Arc::new(field.as_ref().clone().with_nullable(true)));
                continue;
            };
            let types = [known.data_type().clone(), field.data_type().clone()];
            let both = type_union_resolution(&types).ok_or_else(|| {
                let (name, [one, other]) = (field.name(), types.each_ref().map(sql_type));
                DataFusionError::Plan(format!(
                    "'{name}' is of type {one} in one file, and {other} in another"
                ))
            })?;
            *known = Arc::new(known.as_ref().clone().with_data_type(both));
        }
    }
    Ok(Arc::new(Schema::new(fields)))
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

/// What Parquet says of the values of a column, in the order of a walk that goes through a part's own parts before the
/// next, by the column's name. The engine's schema leaves out what it does not know.
type Leaves = HashMap<String, Vec<Leaf>>;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Leaf {
    Json,
    Uuid,
    Interval,
    Other,
}

fn leaves(files: &[FilePath]) -> Result<Leaves, Diagnostic> {
    let mut all = Leaves::new();
    for file in files {
        let failed = |problem: &dyn Display| {
            Diagnostic::error(format!("{}: {problem}", file.path.display()))
        };
        let opened = File::open(&file.path).map_err(|problem| failed(&problem))?;
        let found = ParquetMetaDataReader::new()
            .parse_and_finish(&opened)
            .map_err(|problem| failed(&problem))?;
        let mut of_file = Leaves::new();
        for column in found.file_metadata().schema_descr().columns() {
            let leaf = match (column.logical_type_ref(), column.converted_type()) {
                (Some(LogicalType::Json), _) | (_, ConvertedType::JSON) => Leaf::Json,
                (Some(LogicalType::Uuid), _) => Leaf::Uuid,
                (_, ConvertedType::INTERVAL) => Leaf::Interval,
                _ => Leaf::Other,
            };
            if let Some(name) = column.path().parts().first() {
                of_file.entry(name.clone()).or_default().push(leaf);
            }
        }
        for (name, leaves) in of_file {
            all.entry(name).or_insert(leaves);
        }
    }
    Ok(all)
}

/// The schema in which the files are read, and what a query selects for each of its columns.
fn typed(schema: &Schema, leaves: &Leaves, items: &mut Vec<String>) -> Schema {
    let fields = schema.fields().iter().map(|field| {
        let name = quote(field.name());
        let leaves = leaves.get(field.name()).map_or(&[][..], Vec::as_slice);
        items.push(match leaves {
            [Leaf::Uuid] => format!("uuid_text(hex({name})) as {name}"),
            _ if leaves.contains(&Leaf::Uuid) => refused(&name, "UUIDs within lists or structures"),
            // The engine would read the days and leave the months out.
            _ if leaves.contains(&Leaf::Interval) => refused(&name, "intervals"),
            _ => name,
        });
        part(field, &mut leaves.iter().copied())
    });
    let fields = fields.collect::<Vec<_>>();
    Schema::new_with_metadata(fields, schema.metadata().clone())
}

/// An error, where a query reads the column.
fn refused(name: &str, what: &str) -> String {
    let message = format!("the column {name} of a Parquet file holds {what}, which cannot be read");
    format!("error('{}') as {name}", message.replace('\'', "''"))
}

/// Long texts and bytes are like others, but for JSON, which the engine keeps in the type of long texts.
fn part(field: &FieldRef, leaves: &mut dyn Iterator<Item = Leaf>) -> FieldRef {
    let of = match field.data_type() {
        DataType::List(item) | DataType::LargeList(item) => DataType::List(part(item, leaves)),
        DataType::Map(entries, is_sorted) => DataType::Map(part(entries, leaves), *is_sorted),
        DataType::Struct(fields) => {
            DataType::Struct(fields.iter().map(|field| part(field, leaves)).collect())
        }
        of => match (of, leaves.next()) {
            (of, Some(Leaf::Json)) if of.is_string() => DataType::LargeUtf8,
            (DataType::LargeUtf8, _) => DataType::Utf8,
            (DataType::LargeBinary | DataType::BinaryView | DataType::FixedSizeBinary(_), _) => {
                DataType::Binary
            }
            _ => of.clone(),
        },
    };
    Arc::new(field.as_ref().clone().with_data_type(of))
}
