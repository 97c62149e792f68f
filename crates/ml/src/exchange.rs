//! What a training script is handed, and what is taken from it.
//!
//! A folder with the rows (`train` and `test`, each as Parquet and as an Arrow IPC file, with the
//! column `_row` in front that numbers them) and `manifest.json`, format version 1. The script writes
//! its scores of the test rows as `predictions.parquet`, `.arrow` or `.csv`: `_row` and `score` (the
//! probability that the label is true, or the predicted value) or, of several classes,
//! `probability_<class>` for each.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, AsArray, Int64Array, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef};
use arrow::ipc::reader::FileReader;
use arrow::ipc::writer::FileWriter;
use forebay_core::Diagnostic;
use forebay_core::ml::{Script, Task};
use forebay_lake::exchange as files;
use serde_json::{Value, json};

use crate::judge::Scored;
use crate::model::Answers;
use crate::record::TrainingRecord;
use crate::train::{Target, TrainingInput};

const FORMAT: u32 = 1;
/// Numbers the rows of a file from 0.
pub const ROW: &str = "_row";

/// Writes the folder.
pub fn hand_over(
    folder: &Path,
    record: &TrainingRecord,
    input: &TrainingInput,
    script: &Script,
    target: &Target,
    output: &Path,
) -> Result<(), Diagnostic> {
    std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::create_dir_all(output))
        .map_err(|error| unwritable(folder, &error))?;
    let train = write_rows(folder, "train", &input.train)?;
    let test = write_rows(folder, "test", &input.test)?;
    let schema = input
        .train
        .first()
        .or(input.test.first())
        .map(RecordBatch::schema);
    let manifest = json!({
        "format": FORMAT,
        "job": record.job_name,
        "model": record.job.model,
        "run_id": record.run_id,
        "task": target.task,
        "classes": target.classes,
        "label": target.label,
        "features": input.features,
        "seed": input.seed,
        "params": script.params,
        "columns": columns(record, input, schema),
        "split": input.split,
        "files": {"train": train, "test": test},
        "training_set": {
            "table": record.training_set.to_string(),
            "version": record.training_set_version,
            "hash": record.training_hash,
        },
        "inputs": record.inputs.iter()
            .map(|input| json!({"table": input.relation.to_string(), "version": input.version}))
            .collect::<Vec<_>>(),
        "output": output,
    });
    let path = folder.join("manifest.json");
    let text = serde_json::to_vec_pretty(&manifest).unwrap_or_default();
    std::fs::write(&path, text).map_err(|error| unwritable(&path, &error))
}

/// Name, type and roles of every column.
fn columns(
    record: &TrainingRecord,
    input: &TrainingInput,
    schema: Option<SchemaRef>,
) -> Vec<Value> {
    let keys: Vec<String> = record
        .views
        .iter()
        .flat_map(|view| view.view.join_keys())
        .collect();
    let described = |field: &Field| {
        let name = field.name();
        let roles = [
            ("label", *name == input.label),
            ("timestamp", *name == record.job.event_timestamp),
            ("entity", keys.contains(name)),
            ("feature", input.features.contains(name)),
        ];
        let roles: Vec<&str> = roles
            .iter()
            .filter(|(_, is)| *is)
            .map(|(role, _)| *role)
            .collect();
        json!({"name": name, "type": field.data_type().to_string(), "roles": roles})
    };
    let row = json!({"name": ROW, "type": "Int64", "roles": ["row"]});
    let fields = schema.iter().flat_map(|schema| schema.fields().iter());
    std::iter::once(row)
        .chain(fields.map(|field| described(field)))
        .collect()
}

fn write_rows(folder: &Path, name: &str, batches: &[RecordBatch]) -> Result<Value, Diagnostic> {
    let schema = match batches.first() {
        Some(batch) => with_row(&batch.schema()),
        None => with_row(&Schema::empty()),
    };
    let mut numbered = Vec::with_capacity(batches.len());
    let mut first = 0;
    for batch in batches {
        let rows = batch.num_rows() as i64;
        let numbers: ArrayRef = Arc::new(Int64Array::from_iter_values(first..first + rows));
        let columns = std::iter::once(numbers)
            .chain(batch.columns().iter().cloned())
            .collect();
        let batch = RecordBatch::try_new(schema.clone(), columns);
        numbered.push(batch.map_err(|error| {
            Diagnostic::internal(format!("cannot number the rows of a training set: {error}"))
        })?);
        first += rows;
    }
    let parquet = format!("{name}.parquet");
    files::write_parquet(&folder.join(&parquet), &schema, &numbered)?;
    let arrow = format!("{name}.arrow");
    write_arrow(&folder.join(&arrow), &schema, &numbered)?;
    Ok(json!({"parquet": parquet, "arrow": arrow, "rows": first}))
}

fn with_row(schema: &Schema) -> SchemaRef {
    let row = Arc::new(Field::new(ROW, DataType::Int64, false));
    let fields: Vec<_> = std::iter::once(row)
        .chain(schema.fields().iter().cloned())
        .collect();
    Arc::new(Schema::new(fields))
}

fn write_arrow(path: &Path, schema: &SchemaRef, batches: &[RecordBatch]) -> Result<(), Diagnostic> {
    let failed = |error: arrow::error::ArrowError| {
        Diagnostic::environment(format!("cannot write {}: {error}", path.display()))
    };
    let file = File::create(path).map_err(|error| unwritable(path, &error))?;
    let mut writer = FileWriter::try_new(file, schema).map_err(failed)?;
    for batch in batches {
        writer.write(batch).map_err(failed)?;
    }
    writer.finish().map_err(failed)
}

/// The script's scores of the test rows, whose labels these are.
///
/// # Errors
/// The user's: no file, rows that are missing, doubled or strange, no column of that name, a score
/// that is not a number.
pub fn take_predictions(
    output: &Path,
    target: &Target,
    labels: &[f64],
) -> Result<Scored, Diagnostic> {
    let (path, batches) = predictions(output)?;
    let wrong = |problem: String| Diagnostic::error(format!("{}: {problem}", path.display()));
    let names: Vec<String> = match target.task {
        Task::Multiclass => target
            .classes
            .iter()
            .map(|class| format!("probability_{class}"))
            .collect(),
        _ => vec!["score".to_owned()],
    };
    let mut columns = vec![vec![f64::NAN; labels.len()]; names.len()];
    let mut seen = vec![false; labels.len()];
    for batch in &batches {
        let rows = row_numbers(batch).map_err(&wrong)?;
        for row in &rows {
            match usize::try_from(*row).ok().and_then(|row| seen.get_mut(row)) {
                Some(seen) if !*seen => *seen = true,
                Some(_) => return Err(wrong(format!("row {row} is there twice"))),
                None => return Err(wrong(format!("there is no test row {row}"))),
            }
        }
        for (column, name) in columns.iter_mut().zip(&names) {
            for (row, value) in rows.iter().zip(numbers(batch, name).map_err(&wrong)?) {
                column[*row as usize] = value;
            }
        }
    }
    if let Some(row) = seen.iter().position(|seen| !seen) {
        return Err(wrong(format!("test row {row} has no prediction")));
    }
    for (column, name) in columns.iter().zip(&names) {
        check(column, name, target.task).map_err(&wrong)?;
    }
    let answers = match target.task {
        Task::Multiclass => Answers::Classes(columns),
        _ => Answers::Numbers(columns.swap_remove(0)),
    };
    Scored::new(target.task, labels, answers)
        .ok_or_else(|| Diagnostic::internal("a script's predictions have another task"))
}

fn check(column: &[f64], name: &str, task: Task) -> Result<(), String> {
    let bad = |value: &&f64| match task {
        Task::Regression => !value.is_finite(),
        _ => !(0.0..=1.0).contains(*value),
    };
    match column.iter().find(bad) {
        None => Ok(()),
        Some(value) => Err(match task {
            Task::Regression => format!("'{name}' has the value {value}"),
            _ => format!("'{name}' has the value {value}, which is no probability"),
        }),
    }
}

type Reader = fn(&Path) -> Result<Vec<RecordBatch>, Diagnostic>;

fn predictions(output: &Path) -> Result<(PathBuf, Vec<RecordBatch>), Diagnostic> {
    let readers: [(&str, Reader); 3] = [
        ("predictions.parquet", files::read_parquet),
        ("predictions.arrow", read_arrow),
        ("predictions.csv", read_csv),
    ];
    for (name, read) in readers {
        let path = output.join(name);
        if path.exists() {
            let batches = read(&path)?;
            return Ok((path, batches));
        }
    }
    Err(Diagnostic::error("the script wrote no predictions of the test rows")
        .hint("write predictions.parquet (or .arrow, .csv) with the columns _row and score to the folder in FOREBAY_OUTPUT"))
}

fn read_arrow(path: &Path) -> Result<Vec<RecordBatch>, Diagnostic> {
    let failed = |error: &dyn std::fmt::Display| {
        Diagnostic::error(format!("cannot read {}: {error}", path.display()))
    };
    let file = File::open(path).map_err(|error| failed(&error))?;
    let reader = FileReader::try_new(file, None).map_err(|error| failed(&error))?;
    reader
        .map(|batch| batch.map_err(|error| failed(&error)))
        .collect()
}

/// Numbers under a header; nothing else is expected of predictions.
fn read_csv(path: &Path) -> Result<Vec<RecordBatch>, Diagnostic> {
    let failed = |problem: String| Diagnostic::error(format!("{}: {problem}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let mut lines = text.lines();
    let unquoted = |cell: &str| cell.trim().trim_matches('"').to_owned();
    let names: Vec<String> = lines
        .next()
        .unwrap_or_default()
        .split(',')
        .map(unquoted)
        .collect();
    let mut columns: BTreeMap<&str, Vec<f64>> =
        names.iter().map(|n| (n.as_str(), Vec::new())).collect();
    for (number, line) in (2..).zip(lines).filter(|(_, line)| !line.trim().is_empty()) {
        let cells: Vec<&str> = line.split(',').collect();
        if cells.len() != names.len() {
            return Err(failed(format!(
                "line {number} has {} cells, not {}",
                cells.len(),
                names.len()
            )));
        }
        for (name, cell) in names.iter().zip(cells) {
            let value = unquoted(cell)
                .parse()
                .map_err(|_| failed(format!("line {number}: '{cell}' is no number")))?;
            columns.entry(name).or_default().push(value);
        }
    }
    let arrays = columns.into_iter().map(|(name, values)| {
        (
            name,
            Arc::new(arrow::array::Float64Array::from(values)) as ArrayRef,
        )
    });
    let batch = RecordBatch::try_from_iter(arrays).map_err(|error| failed(error.to_string()))?;
    Ok(vec![batch])
}

fn row_numbers(batch: &RecordBatch) -> Result<Vec<i64>, String> {
    let column = batch
        .column_by_name(ROW)
        .ok_or_else(|| format!("there is no column '{ROW}'"))?;
    let whole = cast(column, &DataType::Int64).map_err(|error| error.to_string())?;
    let whole = whole.as_primitive::<Int64Type>();
    let rows: Option<Vec<i64>> = whole.iter().collect();
    rows.ok_or_else(|| format!("'{ROW}' is null in some rows"))
}

fn numbers(batch: &RecordBatch, name: &str) -> Result<Vec<f64>, String> {
    let column = batch.column_by_name(name).ok_or_else(|| {
        let schema = batch.schema();
        let names: Vec<&str> = schema
            .fields()
            .iter()
            .map(|field| field.name().as_str())
            .collect();
        format!("there is no column '{name}' among {}", names.join(", "))
    })?;
    let numbers = cast(column, &DataType::Float64).map_err(|error| error.to_string())?;
    Ok(numbers
        .as_primitive::<Float64Type>()
        .iter()
        .map(|v| v.unwrap_or(f64::NAN))
        .collect())
}

fn unwritable(path: &Path, error: &std::io::Error) -> Diagnostic {
    Diagnostic::environment(format!("cannot write {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn binary() -> Target {
        Target {
            label: "is_late".into(),
            task: Task::Binary,
            classes: Vec::new(),
        }
    }

    fn taken(csv: &str) -> Result<Scored, String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("predictions.csv"), csv).unwrap();
        let taken = take_predictions(folder.path(), &binary(), &[1.0, 0.0, 1.0]);
        taken.map_err(|e| {
            e.message
                .replace(&folder.path().display().to_string(), "out")
        })
    }

    #[test]
    fn predictions_are_joined_by_row_number() {
        let scored = taken("_row,score\n2,0.3\n0,0.9\n1,0.2\n").unwrap();
        let Scored::Binary { labels, scores } = scored else {
            panic!("the task is binary");
        };
        assert_eq!(
            (labels, scores),
            (vec![true, false, true], vec![0.9, 0.2, 0.3])
        );
    }

    #[test]
    fn what_is_not_a_prediction_of_every_row_is_refused() {
        for (csv, problem) in [
            ("_row,score\n0,0.9\n1,0.2\n", "test row 2 has no prediction"),
            ("_row,score\n0,0.9\n0,0.2\n", "row 0 is there twice"),
            ("_row,score\n0,0.9\n7,0.2\n", "there is no test row 7"),
            ("row,score\n0,0.9\n", "there is no column '_row'"),
            (
                "_row,p\n0,0.9\n",
                "there is no column 'score' among _row, p",
            ),
            (
                "_row,score\n0,1.9\n1,0\n2,0\n",
                "'score' has the value 1.9, which is no probability",
            ),
            ("_row,score\n0,late\n", "line 2: 'late' is no number"),
        ] {
            assert_eq!(
                taken(csv).unwrap_err(),
                format!("out/predictions.csv: {problem}")
            );
        }
        let empty = tempfile::tempdir().unwrap();
        let error = take_predictions(empty.path(), &binary(), &[1.0]).unwrap_err();
        assert_eq!(
            error.message,
            "the script wrote no predictions of the test rows"
        );
    }
}
