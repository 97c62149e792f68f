//! `COPY ... TO`: a query's rows as a file.

use datafusion::sql::sqlparser::ast::{CopyOption, CopySource, CopyTarget, Statement};
use forebay_core::export::{Export, ExportFormat};
use forebay_core::{Diagnostic, quote};

use super::refused;
use crate::Lake;

impl Lake {
    pub(super) async fn copy(&self, statement: &Statement) -> Result<(), Diagnostic> {
        let Statement::Copy {
            source,
            to: true,
            target: CopyTarget::File { filename },
            options,
            ..
        } = statement
        else {
            return Err(refused(statement));
        };
        if !self.names_files() {
            return Err(Diagnostic::error(
                "SQL that comes from elsewhere writes no files",
            ));
        }
        let rows = match source {
            CopySource::Query(query) => query.to_string(),
            CopySource::Table {
                table_name,
                columns,
            } => {
                let columns: Vec<String> =
                    columns.iter().map(|column| quote(&column.value)).collect();
                match columns.is_empty() {
                    true => format!("select * from {table_name}"),
                    false => format!("select {} from {table_name}", columns.join(", ")),
                }
            }
        };
        let export = Export {
            folder: None,
            location: filename.clone(),
            format: format(filename, options)?,
            read: None,
        };
        self.export(&rows, &export).await
    }
}

/// The format that is named, else that of the file's ending, else CSV, as in DuckDB.
fn format(file: &str, options: &[CopyOption]) -> Result<ExportFormat, Diagnostic> {
    let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
    let ending = ending.to_lowercase();
    if ["gz", "zst"].contains(&ending.as_str()) {
        return Err(Diagnostic::error(format!(
            "COPY writes no compressed files: '{file}'"
        )));
    }
    let (mut kind, mut header, mut delimiter, mut null) = (ending, true, ',', String::new());
    for option in options {
        match option {
            CopyOption::Format(name) => kind = name.value.clone(),
            CopyOption::Header(given) => header = *given,
            CopyOption::Delimiter(given) => delimiter = *given,
            CopyOption::Null(given) => null = given.clone(),
            other => {
                return Err(Diagnostic::error(format!(
                    "the option {other} of COPY is not known"
                )));
            }
        }
    }
    Ok(match kind.as_str() {
        "parquet" => ExportFormat::Parquet,
        "json" | "jsonl" | "ndjson" => ExportFormat::Json,
        _ => ExportFormat::Csv {
            header,
            delimiter,
            null,
        },
    })
}
