//! The connector `csv`: files that a glob finds, plain or packed with gzip.

pub mod files;
pub mod problems;
pub mod scan;
pub mod schema;

use forebay_core::ingest::CsvFiles;
use forebay_lake::csv::CsvOptions;

/// A row of another length than the header is never padded: a lost delimiter would go unseen.
fn options(connector: &CsvFiles) -> CsvOptions {
    CsvOptions {
        delimiter: connector.delimiter,
        null_values: connector.null_values.clone(),
        pad_short_rows: false,
        blank_rows: false,
        completes_names: false,
    }
}
