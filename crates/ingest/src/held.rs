//! Held rows: set aside with their reason in `<table>__held`, to be looked at and put right.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use arrow::array::{ArrayRef, StringArray};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::RecordBatch;
use forebay_checks::expectation::Broken;
use forebay_core::{Diagnostic, Relation};
use forebay_lake::csv::Problem;
use forebay_lake::{Input, Lake, SchemaChange, Txn, WriteMode, WriteOptions};

use crate::metadata;
use crate::state::is_recorded;

/// A load that holds more rows than this is not a load with some bad rows: it fails. Held rows of
/// one load are kept in memory until they are written.
pub const MAX_HELD: usize = 1_000_000;

/// Why a row is held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    pub text: String,
    pub column: Option<String>,
    pub value: Option<String>,
}

impl Reason {
    pub fn of_problem(problem: &Problem) -> Self {
        let text = match &problem.column {
            Some(column) => format!("{column}: {}", problem.message),
            None => problem.message.clone(),
        };
        Self {
            text,
            column: problem.column.clone(),
            value: problem.value.clone(),
        }
    }

    pub fn of_broken(broken: &Broken) -> Self {
        Self {
            text: broken.reason.clone(),
            column: Some(broken.column.clone()),
            value: broken.value.clone(),
        }
    }

    pub fn null_key(column: &str) -> Self {
        Self {
            text: format!("{column} is null and part of the key"),
            column: Some(column.to_owned()),
            value: None,
        }
    }
}

/// The schema of the held rows of a table.
pub fn schema(table: &Schema) -> SchemaRef {
    let mut fields = metadata::held_fields();
    fields.extend(table.fields().iter().map(|field| Field::clone(field)));
    Arc::new(Schema::new(fields))
}

/// Held rows with their reasons. `reasons` and `raw` count the rows of the chunk that `rows` were
/// taken from, in the same order; of several reasons the first names column and value.
pub fn batch(
    rows: &RecordBatch,
    reasons: &BTreeMap<usize, Vec<Reason>>,
    raw: &StringArray,
) -> Result<RecordBatch, ArrowError> {
    let text = |reasons: &Vec<Reason>| {
        let texts: Vec<&str> = reasons.iter().map(|reason| reason.text.as_str()).collect();
        texts.join("; ")
    };
    let first = |pick: fn(&Reason) -> Option<&String>| -> ArrayRef {
        let values = reasons.values().map(|all| all.first().and_then(pick));
        Arc::new(values.collect::<StringArray>())
    };
    let mut columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(reasons.values().map(text))),
        first(|reason| reason.column.as_ref()),
        first(|reason| reason.value.as_ref()),
        Arc::new(StringArray::from_iter_values(
            reasons.keys().map(|row| raw.value(*row)),
        )),
    ];
    columns.extend(rows.columns().iter().cloned());
    RecordBatch::try_new(schema(&rows.schema()), columns)
}

/// Where the held rows of one load go. They are written before the table's own commit: a crash
/// between the two finds them recorded when the load is run again, and neither repeats nor loses
/// any.
pub struct HeldTable {
    lake: Lake,
    relation: Relation,
    /// The schema of the table's rows.
    schema: SchemaRef,
    replace: bool,
    exists: bool,
    txns: Vec<Txn>,
    /// Files of the load whose held rows are there already.
    recorded: BTreeSet<usize>,
}

impl HeldTable {
    /// `txns` are those of the table: one a file in the order of the load, for a replacing load
    /// one more for all of them.
    pub async fn open(
        lake: &Lake,
        table: &Relation,
        schema: SchemaRef,
        replace: bool,
        txns: &[Txn],
    ) -> Result<Self, Diagnostic> {
        let relation = table.held();
        let transactions = lake.transactions(&relation).await?;
        let recorded = |(_, txn): &(usize, &Txn)| !replace && is_recorded(&transactions, txn);
        Ok(Self {
            exists: lake.info(&relation).await?.is_some(),
            recorded: txns
                .iter()
                .enumerate()
                .filter(recorded)
                .map(|(i, _)| i)
                .collect(),
            lake: lake.clone(),
            relation,
            schema,
            replace,
            txns: txns.to_vec(),
        })
    }

    /// Writes the held rows of the load, each with the number of its file.
    pub async fn write(&self, held: Vec<(usize, RecordBatch)>) -> Result<(), Diagnostic> {
        let batches: Vec<RecordBatch> = held
            .into_iter()
            .filter(|(file, _)| !self.recorded.contains(file))
            .map(|(_, batch)| batch)
            .collect();
        // A replaced table's held rows are replaced too, also by none.
        if batches.is_empty() && !(self.replace && self.exists) {
            return Ok(());
        }
        let options = WriteOptions {
            mode: match self.replace {
                true => WriteMode::Overwrite,
                false => WriteMode::Append,
            },
            txns: self.txns.clone(),
            schema_change: SchemaChange::AppendNew,
            ..WriteOptions::new(WriteMode::Append)
        };
        let input = Input::Batches(schema(&self.schema), batches);
        self.lake.write(&self.relation, input, options).await?;
        Ok(())
    }
}
