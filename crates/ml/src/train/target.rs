//! The column of the truth, as numbers.

use std::collections::BTreeMap;

use arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Float64Type};
use forebay_core::Diagnostic;
use forebay_core::ml::{Task, Trainer};

use crate::folds;

/// What is to be predicted, and how its values are numbers.
#[derive(Clone, Debug, PartialEq)]
pub struct Target {
    pub label: String,
    pub task: Task,
    /// Of a multiclass label; a class's place is its number.
    pub classes: Vec<String>,
}

impl Target {
    /// Takes the task from the trainer or, where it leaves that open, from the training rows' label.
    pub fn of(trainer: &Trainer, label: &str, train: &[RecordBatch]) -> Result<Self, Diagnostic> {
        let wanted = match trainer {
            Trainer::KMeans(_) => Some(Task::Clusters),
            Trainer::LogisticRegression(_) => Some(Task::Binary),
            Trainer::LinearRegression(_) => Some(Task::Regression),
            Trainer::GradientBoosting(parameters) => parameters.task,
            Trainer::Script(script) => script.task,
        };
        let task = match wanted {
            Some(task) => task,
            None => by_label(train, label)?,
        };
        let mut target = Self {
            label: label.to_owned(),
            task,
            classes: Vec::new(),
        };
        if task == Task::Multiclass {
            target.classes = classes(train, label)?;
        }
        Ok(target)
    }

    /// The labels as numbers: 0 and 1, the class's number, the value. `which` names the rows in
    /// errors: `training`, `test`.
    pub fn values(&self, batches: &[RecordBatch], which: &str) -> Result<Vec<f64>, Diagnostic> {
        let rows: usize = batches.iter().map(RecordBatch::num_rows).sum();
        if rows == 0 {
            return Err(Diagnostic::error(format!("there are no {which} rows"))
                .hint("look at the training job's split and filter, and at its spine"));
        }
        if self.task == Task::Clusters {
            return Ok(vec![0.0; rows]);
        }
        let mut values = Vec::with_capacity(rows);
        for batch in batches {
            let column = column(batch, &self.label, which)?;
            self.check_nulls(column, which)?;
            match self.task {
                Task::Multiclass => values.extend(self.class_numbers(batch, which)?),
                Task::Binary => values.extend(self.zeros_and_ones(column, which)?),
                Task::Regression | Task::Clusters => values.extend(self.numbers(column, which)?),
            }
        }
        self.check_varied(&values, which)?;
        Ok(values)
    }

    fn wrong(&self, what: String) -> Diagnostic {
        let problem = Diagnostic::error(format!("label '{}' {what}", self.label));
        match self.task {
            Task::Binary => problem.hint("a label is boolean, or 0 and 1"),
            _ => problem,
        }
    }

    fn check_nulls(&self, column: &ArrayRef, which: &str) -> Result<(), Diagnostic> {
        match column.null_count() {
            0 => Ok(()),
            rows => Err(self
                .wrong(format!("is null in {rows} {which} rows or more"))
                .hint("leave such rows out with the training job's `filter`")),
        }
    }

    fn numbers(&self, column: &ArrayRef, which: &str) -> Result<Vec<f64>, Diagnostic> {
        let kind = column.data_type();
        if *kind != DataType::Boolean && !kind.is_numeric() {
            return Err(self.wrong(format!("has type {kind}")));
        }
        let numbers = cast(column, &DataType::Float64)
            .map_err(|error| self.wrong(format!("cannot be read: {error}")))?;
        let numbers = numbers.as_primitive::<Float64Type>().values();
        match numbers.iter().find(|value| !value.is_finite()) {
            Some(other) => Err(self.wrong(format!("has the value {other} in the {which} rows"))),
            None => Ok(numbers.to_vec()),
        }
    }

    fn zeros_and_ones(&self, column: &ArrayRef, which: &str) -> Result<Vec<f64>, Diagnostic> {
        let numbers = self.numbers(column, which)?;
        match numbers
            .iter()
            .find(|value| **value != 0.0 && **value != 1.0)
        {
            Some(other) => Err(self.wrong(format!("has the value {other} in the {which} rows"))),
            None => Ok(numbers),
        }
    }

    fn class_numbers(&self, batch: &RecordBatch, which: &str) -> Result<Vec<f64>, Diagnostic> {
        let number = |text: String| {
            let place = self.classes.iter().position(|class| *class == text);
            place.map(|place| place as f64).ok_or_else(|| {
                self.wrong(format!("has the class '{text}' in the {which} rows alone"))
            })
        };
        let texts = folds::texts(batch, &self.label)?;
        texts.into_iter().map(number).collect()
    }

    fn check_varied(&self, values: &[f64], which: &str) -> Result<(), Diagnostic> {
        let first = values[0];
        if self.task == Task::Regression && which != "training"
            || values.iter().any(|value| *value != first)
        {
            return Ok(());
        }
        let shown = match self.task {
            Task::Binary => (if first == 1.0 { "true" } else { "false" }).to_owned(),
            Task::Multiclass => format!("'{}'", self.classes[first as usize]),
            _ => first.to_string(),
        };
        Err(Diagnostic::error(format!(
            "label '{}' is {shown} in all {} {which} rows: there is nothing to tell apart",
            self.label,
            values.len()
        ))
        .hint("look at the label's definition, and at the training job's split and filter"))
    }
}

fn column<'a>(
    batch: &'a RecordBatch,
    label: &str,
    which: &str,
) -> Result<&'a ArrayRef, Diagnostic> {
    batch.column_by_name(label).ok_or_else(|| {
        Diagnostic::error(format!("the {which} rows lack the label column '{label}'"))
    })
}

/// Boolean, or 0 and 1: binary. Text: multiclass. Other numbers: regression.
fn by_label(batches: &[RecordBatch], label: &str) -> Result<Task, Diagnostic> {
    let Some(first) = batches.first() else {
        return Ok(Task::Binary);
    };
    let kind = column(first, label, "training")?.data_type();
    if matches!(
        kind,
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View
    ) {
        return Ok(Task::Multiclass);
    }
    if !kind.is_numeric() {
        return Ok(Task::Binary);
    }
    for batch in batches {
        let numbers =
            cast(column(batch, label, "training")?, &DataType::Float64).map_err(|error| {
                Diagnostic::error(format!("label '{label}' cannot be read: {error}"))
            })?;
        let mut numbers = numbers.as_primitive::<Float64Type>().iter().flatten();
        if numbers.any(|value| value != 0.0 && value != 1.0) {
            return Ok(Task::Regression);
        }
    }
    Ok(Task::Binary)
}

/// By name, numbers by size.
fn classes(batches: &[RecordBatch], label: &str) -> Result<Vec<String>, Diagnostic> {
    let mut seen: BTreeMap<String, ()> = BTreeMap::new();
    for batch in batches {
        column(batch, label, "training")?;
        seen.extend(
            folds::texts(batch, label)?
                .into_iter()
                .map(|text| (text, ())),
        );
    }
    let mut classes: Vec<String> = seen.into_keys().filter(|text| !text.is_empty()).collect();
    if classes.len() > 1_000 {
        return Err(Diagnostic::error(format!(
            "label '{label}' has {} classes, which is no label to tell apart",
            classes.len()
        )));
    }
    let as_number = |text: &String| text.parse::<f64>().ok();
    if classes.iter().all(|text| as_number(text).is_some()) {
        classes.sort_by(|a, b| {
            as_number(a)
                .partial_cmp(&as_number(b))
                .unwrap_or(std::cmp::Ordering::Equal)
        });
    }
    Ok(classes)
}
