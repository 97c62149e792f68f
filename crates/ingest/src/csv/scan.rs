//! Reads the rows of a load: typed, held against the expectations, in order, in bounded batches.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow::array::{BooleanArray, UInt64Array};
use arrow::compute::{filter_record_batch, take_record_batch};
use arrow::datatypes::{FieldRef, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use chrono::{DateTime, Utc};
use forebay_checks::expectation::Expectations;
use forebay_core::ingest::{CsvFiles, OnBadRow, OnFail};
use forebay_core::{Diagnostic, Relation};
use forebay_lake::csv::{Chunk, CsvFile};

use super::problems::Problems;
use super::schema::Resolved;
use super::{files, options};
use crate::held::{self, Reason};
use crate::metadata;
use crate::plan::PlannedFile;

/// Rows of a batch. Some megabytes at most for rows of usual width.
const CHUNK: usize = 16_384;

/// Everything that reading the rows of a load needs.
pub struct Scan {
    pub root: PathBuf,
    pub relation: Relation,
    pub connector: CsvFiles,
    pub files: Vec<PlannedFile>,
    pub resolved: Resolved,
    pub expectations: Expectations,
    pub on_bad_row: OnBadRow,
    /// Columns that no row may lack a value in: the merge key.
    pub key: Vec<usize>,
    pub now: DateTime<Utc>,
}

/// Some consecutive rows of one file, sorted out.
pub struct Part {
    /// Number of the file in the load.
    pub file: usize,
    pub rows: RecordBatch,
    /// The rows that are set aside, if any.
    pub held: Option<RecordBatch>,
}

/// What one row has against it.
struct Issue {
    hold: bool,
    unreadable: bool,
    line: u64,
    character: u32,
    reason: Reason,
}

impl Scan {
    /// The schema of the loaded rows.
    pub fn schema(&self) -> SchemaRef {
        let data = self.resolved.schema();
        let mut fields: Vec<FieldRef> = data.fields().iter().cloned().collect();
        fields.extend(metadata::fields().into_iter().map(Arc::new));
        Arc::new(Schema::new(fields))
    }

    /// The columns of the merge key as the table spells them.
    pub fn key_names(&self) -> Vec<String> {
        let key = self.key.iter();
        key.map(|column| self.resolved.columns[*column].0.clone())
            .collect()
    }

    /// Reads all files in order and hands over their rows.
    ///
    /// Of a file with a problem no further rows are handed over; it is read to its end for all
    /// of its problems, which are the error.
    pub fn run(
        &self,
        mut take: impl FnMut(Part) -> Result<(), Diagnostic>,
    ) -> Result<(), Diagnostic> {
        (0..self.files.len()).try_for_each(|index| self.run_file(index, &mut take))
    }

    fn run_file(
        &self,
        index: usize,
        take: &mut impl FnMut(Part) -> Result<(), Diagnostic>,
    ) -> Result<(), Diagnostic> {
        let file = &self.files[index];
        let opened = files::open(&self.root, file)?;
        let csv = CsvFile::open(&file.path, opened.input, options(&self.connector))?;
        let mut rows = csv.rows(self.resolved.columns_of(index), self.may_hold());
        let mut problems = Problems::default();
        while let Some(chunk) = rows.next_chunk(CHUNK)? {
            let part = self.sort_out(index, chunk, &mut problems)?;
            if problems.is_empty() {
                take(part)?;
            }
        }
        opened.seen.verify(file)?;
        problems.into_result(&file.path, &self.relation)
    }

    fn may_hold(&self) -> bool {
        self.on_bad_row == OnBadRow::Hold || self.expectations.may_hold()
    }

    fn sort_out(
        &self,
        index: usize,
        chunk: Chunk,
        problems: &mut Problems,
    ) -> Result<Part, Diagnostic> {
        let issues = self.issues(&chunk)?;
        let mut held: BTreeMap<usize, Vec<Reason>> = BTreeMap::new();
        for (row, issue) in issues {
            if issue.hold {
                held.entry(row).or_default().push(issue.reason);
            } else {
                let text = issue.reason.text;
                problems.push(issue.line, issue.character, text, issue.unreadable);
            }
        }
        let rows = self.with_metadata(index, &chunk)?;
        if held.is_empty() {
            return Ok(Part {
                file: index,
                rows,
                held: None,
            });
        }
        let good: BooleanArray = (0..rows.num_rows())
            .map(|row| Some(!held.contains_key(&row)))
            .collect();
        let aside: UInt64Array = held
            .keys()
            .map(|row| *row as u64)
            .collect::<Vec<_>>()
            .into();
        let aside = take_record_batch(&rows, &aside).map_err(internal)?;
        let held = held::batch(&aside, &held, &chunk.raw).map_err(internal)?;
        Ok(Part {
            file: index,
            rows: filter_record_batch(&rows, &good).map_err(internal)?,
            held: Some(held),
        })
    }

    /// What is wrong with which rows. A row that could not be read is held against nothing more.
    fn issues(&self, chunk: &Chunk) -> Result<Vec<(usize, Issue)>, Diagnostic> {
        let hold = self.on_bad_row == OnBadRow::Hold;
        let mut issues: Vec<(usize, Issue)> = Vec::new();
        let mut unreadable = vec![false; chunk.batch.num_rows()];
        for problem in &chunk.problems {
            unreadable[problem.row] = true;
            let issue = Issue {
                hold,
                unreadable: true,
                line: problem.line,
                character: problem.character,
                reason: Reason::of_problem(problem),
            };
            issues.push((problem.row, issue));
        }
        let line = |row: usize| chunk.lines.value(row) as u64;
        for (row, name) in self.null_keys(&chunk.batch) {
            if !unreadable[row] {
                let reason = Reason::null_key(name);
                let issue = Issue {
                    hold,
                    unreadable: true,
                    line: line(row),
                    character: 0,
                    reason,
                };
                issues.push((row, issue));
            }
        }
        for broken in self.expectations.evaluate(&chunk.batch)? {
            if !unreadable[broken.row] {
                let issue = Issue {
                    hold: broken.on_fail == OnFail::Hold,
                    unreadable: false,
                    line: line(broken.row),
                    character: 0,
                    reason: Reason::of_broken(&broken),
                };
                issues.push((broken.row, issue));
            }
        }
        Ok(issues)
    }

    fn null_keys<'a>(&'a self, batch: &'a RecordBatch) -> impl Iterator<Item = (usize, &'a str)> {
        self.key.iter().flat_map(move |column| {
            let array = batch.column(*column);
            let name = self.resolved.columns[*column].0.as_str();
            (0..array.len())
                .filter(move |row| array.is_null(*row))
                .map(move |row| (row, name))
        })
    }

    fn with_metadata(&self, index: usize, chunk: &Chunk) -> Result<RecordBatch, Diagnostic> {
        let file = &self.files[index];
        let mut columns = chunk.batch.columns().to_vec();
        columns.extend(metadata::columns(
            &file.path,
            &file.load_id,
            self.now,
            chunk.lines.clone(),
        ));
        RecordBatch::try_new(self.schema(), columns).map_err(internal)
    }
}

fn internal(error: ArrowError) -> Diagnostic {
    Diagnostic::internal(format!("loaded rows cannot be sorted out: {error}"))
}
