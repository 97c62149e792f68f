//! Rows as a folder of files, one for each combination of some columns' values: `country=ES/data_0.parquet`, as Hive names
//! them and DuckDB writes them.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch, StringArray, UInt32Array};
use arrow::compute::{cast, take_record_batch};
use arrow::datatypes::{DataType, SchemaRef};
use forebay_core::export::{Existing, Export, ExportFormat, Folder};
use forebay_core::{Diagnostic, quote, suggest};
use futures::TryStreamExt;

use crate::Lake;
use crate::export::{Problem, Writer};

/// The folder of what has no value.
const NULL: &str = "__HIVE_DEFAULT_PARTITION__";

impl Lake {
    /// Writes a query's rows into a folder, which takes its place when it is whole.
    pub(crate) async fn export_folder(
        &self,
        sql: &str,
        export: &Export,
        folder: &Folder,
    ) -> Result<(), Diagnostic> {
        let target = self.folder().join(&export.location);
        let there = match fs::read_dir(&target) {
            Ok(mut entries) => entries.next().is_some(),
            Err(_) => target.exists(),
        };
        if there && folder.existing == Existing::Refuse {
            let message = format!("'{}' has files already", export.location);
            let hint = "the option overwrite: true replaces them";
            return Err(Diagnostic::error(message).hint(hint));
        }
        let name = target.file_name().unwrap_or_default().to_string_lossy();
        let unfinished = target.with_file_name(format!(".{name}.part"));
        let _ = fs::remove_dir_all(&unfinished);
        let placed = match self.write_parts(sql, export, folder, &unfinished).await {
            Ok(files) => put(&unfinished, &target, &files, folder.existing).map_err(Into::into),
            Err(problem) => Err(problem),
        };
        let _ = fs::remove_dir_all(&unfinished);
        placed.map_err(|problem| match problem.downcast::<Diagnostic>() {
            Ok(ours) => *ours,
            Err(other) => {
                Diagnostic::environment(format!("cannot write {}: {other}", target.display()))
            }
        })
    }

    /// The files that have been written, below `root`.
    async fn write_parts(
        &self,
        sql: &str,
        export: &Export,
        folder: &Folder,
        root: &Path,
    ) -> Result<Vec<PathBuf>, Problem> {
        fs::create_dir_all(root)?;
        let schema = self.schema_of(sql).await?;
        let keys = keys(&schema, &folder.by)?;
        let names: Vec<&str> = keys
            .iter()
            .map(|at| schema.field(*at).name().as_str())
            .collect();
        let texts = (0..)
            .zip(&names)
            .map(|(n, name)| format!(", cast({} as varchar) as \"__part_{n}\"", quote(name)));
        let texts: String = texts.collect();
        let rows = format!("select *{texts} from (\n{sql}\n) as parted");
        let mut rows = self.query(&rows).await?;
        let width = schema.fields().len();
        let kept: Vec<usize> = (0..width).filter(|at| !keys.contains(at)).collect();
        let file = match &export.format {
            ExportFormat::Parquet => "data_0.parquet",
            ExportFormat::Csv { .. } => "data_0.csv",
            ExportFormat::Json => "data_0.json",
        };
        let mut writers: BTreeMap<PathBuf, Writer> = BTreeMap::new();
        while let Some(batch) = rows.stream.try_next().await? {
            let values = batch.project(&kept)?;
            for (part, rows) in parts(&batch, width, &names)? {
                let path = part.join(file);
                if !writers.contains_key(&path) {
                    fs::create_dir_all(root.join(&part))?;
                    let writer =
                        Writer::create(&root.join(&path), &values.schema(), &export.format)?;
                    writers.insert(path.clone(), writer);
                }
                if let Some(writer) = writers.get_mut(&path) {
                    writer.write(&take_record_batch(&values, &rows)?)?;
                }
            }
        }
        let files = writers.keys().cloned().collect();
        for writer in writers.into_values() {
            writer.close()?;
        }
        Ok(files)
    }
}

/// The places of the columns that folders are named by.
fn keys(schema: &SchemaRef, by: &[String]) -> Result<Vec<usize>, Diagnostic> {
    let names = || schema.fields().iter().map(|field| field.name().as_str());
    let place = |name: &String| {
        let found = names().position(|column| column.eq_ignore_ascii_case(name));
        found.ok_or_else(|| {
            Diagnostic::error(format!(
                "partition_by names '{name}', which the query does not have"
            ))
            .maybe_hint(suggest::nearest(name, names()))
        })
    };
    let keys = by.iter().map(place).collect::<Result<Vec<_>, _>>()?;
    match keys.len() < schema.fields().len() {
        true => Ok(keys),
        false => Err(Diagnostic::error(
            "partition_by names all columns, so that files have none",
        )),
    }
}

/// The rows of each folder. The texts of its columns follow those of the query.
fn parts(
    batch: &RecordBatch,
    width: usize,
    names: &[&str],
) -> Result<BTreeMap<PathBuf, UInt32Array>, Problem> {
    let texts = batch.columns()[width..].iter();
    let texts = texts.map(|column| cast(column, &DataType::Utf8));
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    let texts: Vec<&StringArray> = texts.iter().map(|column| column.as_string()).collect();
    let mut parts: BTreeMap<PathBuf, Vec<u32>> = BTreeMap::new();
    for row in 0..batch.num_rows() {
        let folders = names.iter().zip(&texts).map(|(name, text)| {
            let value = match text.is_null(row) {
                true => NULL.to_owned(),
                false => encoded(text.value(row)),
            };
            format!("{}={value}", encoded(name))
        });
        parts
            .entry(folders.collect())
            .or_default()
            .push(u32::try_from(row)?);
    }
    let parts = parts.into_iter();
    Ok(parts.map(|(part, rows)| (part, rows.into())).collect())
}

/// As DuckDB writes values into names of folders.
fn encoded(text: &str) -> String {
    let letter = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'~' | b'.' => {
            char::from(byte).to_string()
        }
        other => format!("%{other:02X}"),
    };
    text.bytes().map(letter).collect()
}

fn put(
    unfinished: &Path,
    target: &Path,
    files: &[PathBuf],
    existing: Existing,
) -> std::io::Result<()> {
    if existing == Existing::Keep && target.is_dir() {
        for file in files {
            let place = target.join(file);
            fs::create_dir_all(place.parent().unwrap_or(target))?;
            fs::rename(unfinished.join(file), place)?;
        }
        return Ok(());
    }
    match target.is_dir() {
        true => fs::remove_dir_all(target)?,
        false if target.exists() => fs::remove_file(target)?,
        false => {}
    }
    fs::rename(unfinished, target)
}
