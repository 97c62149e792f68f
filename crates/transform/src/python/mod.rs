//! Python models: a child process runs the user's file in the user's Python; tables go in and out as Arrow files.

mod child;
mod files;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use arrow::array::{Array, RecordBatch, RecordBatchOptions, new_null_array};
use arrow::datatypes::{Field, FieldRef, Schema, SchemaRef};

use forebay_core::{Diagnostic, Node, Relation};
use forebay_lake::{Input, Lake, TableKind, WriteMode, WriteOptions, Written};
use serde::Serialize;
use serde_json::{Map, Value};

use crate::{Ctx, materialize, relation};

/// One Python model, ready to run.
#[derive(Clone, Debug)]
pub struct PythonModel {
    /// The user's file, absolute.
    pub file: PathBuf,
    /// Where modules are looked for first.
    pub path: Vec<PathBuf>,
    /// The interpreter, a path or a name.
    pub python: String,
    /// What the model names, by its call (`ref orders`), and the query of its rows.
    pub inputs: BTreeMap<String, PythonInput>,
    pub config: Map<String, Value>,
    /// How long the child may take.
    pub timeout: Option<Duration>,
    /// Where the files are while it runs.
    pub scratch: PathBuf,
}

#[derive(Clone, Debug)]
pub struct PythonInput {
    pub sql: String,
    /// Under which name a session knows it.
    pub relation: Option<Relation>,
}

/// What the child is told: `driver.py` reads it.
#[derive(Serialize)]
struct Job<'a> {
    file: &'a Path,
    path: &'a [PathBuf],
    inputs: BTreeMap<&'a str, Given>,
    config: &'a Map<String, Value>,
    this: Given,
    is_incremental: bool,
    output: PathBuf,
    error: PathBuf,
}

#[derive(Serialize)]
struct Given {
    path: Option<PathBuf>,
    database: String,
    schema: Option<String>,
    identifier: Option<String>,
    sql: Option<String>,
}

impl Given {
    fn new(lake: &Lake, path: Option<PathBuf>, relation: Option<&Relation>) -> Self {
        let database = lake.database().to_owned();
        Self {
            path,
            schema: relation.map(|relation| relation.schema.clone()),
            identifier: relation.map(|relation| relation.name.clone()),
            sql: relation.map(|relation| relation.sql_in(&database)),
            database,
        }
    }
}

/// Runs the model and writes its rows as the node says. `say` gets each line that it prints.
///
/// Dropping the future kills the child.
///
/// # Errors
/// The user's code fails, with its place; it takes too long; there is no such Python, or it lacks pyarrow.
pub async fn python(
    lake: &Lake,
    node: &Node,
    model: &PythonModel,
    ctx: &Ctx,
    say: &(dyn Fn(&str) + Sync),
) -> Result<Written, Diagnostic> {
    let scratch = files::scratch(&model.scratch)?;
    let folder = scratch.path();
    let table = relation(node)?;
    let mut inputs = BTreeMap::new();
    for (number, (call, input)) in model.inputs.iter().enumerate() {
        let path = folder.join(format!("input_{number}.arrow"));
        files::write(lake, &input.sql, &path).await?;
        inputs.insert(
            call.as_str(),
            Given::new(lake, Some(path), input.relation.as_ref()),
        );
    }
    let info = lake.info(table).await?;
    let held = info.filter(|info| info.kind == TableKind::Table && ctx.incremental);
    let there = held.is_some();
    let own = folder.join("this.arrow");
    if there {
        files::write(lake, &format!("select * from {}", table.sql()), &own).await?;
    }
    let job = Job {
        file: &model.file,
        path: &model.path,
        inputs,
        config: &model.config,
        this: Given::new(lake, there.then_some(own), Some(table)),
        is_incremental: ctx.incremental,
        output: folder.join("output.arrow"),
        error: folder.join("error.json"),
    };
    child::run(model, node, &job, folder, say).await?;
    let (mut schema, mut batches) = files::read(&job.output)?;
    if let Some(held) = held {
        (schema, batches) = without_values(&held.schema, &schema, batches)?;
    }
    write(lake, node, Input::Batches(schema, batches), ctx).await
}

/// Columns without a value as the table has them: Python does not know what they are of.
fn without_values(
    held: &Schema,
    schema: &Schema,
    batches: Vec<RecordBatch>,
) -> Result<(SchemaRef, Vec<RecordBatch>), Diagnostic> {
    let is_null = |at: usize| {
        let columns = batches.iter().map(|batch| batch.column(at));
        columns
            .clone()
            .all(|column| column.logical_null_count() == column.len())
    };
    let typed = |(at, field): (usize, &FieldRef)| {
        let known = held
            .fields()
            .iter()
            .find(|known| known.name().eq_ignore_ascii_case(field.name()));
        let known = known.filter(|known| known.data_type() != field.data_type() && is_null(at));
        known.map(|known| {
            field
                .as_ref()
                .clone()
                .with_data_type(known.data_type().clone())
        })
    };
    let typed: Vec<Option<Field>> = schema.fields().iter().enumerate().map(typed).collect();
    let fields = schema.fields().iter().zip(&typed);
    let fields =
        fields.map(|(field, typed)| typed.clone().map_or_else(|| Arc::clone(field), Arc::new));
    let schema = Arc::new(Schema::new(fields.collect::<Vec<_>>()));
    let batch = |batch: RecordBatch| {
        let columns = batch.columns().iter().zip(&typed);
        let columns = columns.map(|(column, typed)| match typed {
            Some(typed) => new_null_array(typed.data_type(), column.len()),
            None => Arc::clone(column),
        });
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        RecordBatch::try_new_with_options(Arc::clone(&schema), columns.collect(), &options)
            .map_err(|error| Diagnostic::internal(format!("rows of a Python model: {error}")))
    };
    let batches: Result<Vec<_>, _> = batches.into_iter().map(batch).collect();
    Ok((schema, batches?))
}

/// By way of a table beside it: from there on it is a query like any other.
async fn write(lake: &Lake, node: &Node, rows: Input, ctx: &Ctx) -> Result<Written, Diagnostic> {
    let table = relation(node)?;
    let stage = Relation::new(&table.schema, format!("{}__dbt_py", table.name));
    lake.write(&stage, rows, WriteOptions::new(WriteMode::Overwrite))
        .await?;
    let staged = format!("select * from {}", stage.sql());
    let written = materialize(lake, node, &staged, ctx).await;
    lake.drop(&stage).await?;
    written
}

#[cfg(test)]
mod tests {
    use arrow::array::{ArrayRef, Int32Array, NullArray, StringArray};
    use arrow::datatypes::DataType;

    use super::*;

    fn rows(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true)))
            .unwrap()
    }

    #[test]
    fn a_column_without_a_value_is_of_the_tables_type() {
        let held = Schema::new(vec![
            Field::new("id", DataType::Int64, true),
            Field::new("name", DataType::Utf8, true),
        ]);
        let types = |batch: RecordBatch| -> Vec<DataType> {
            let schema = batch.schema();
            let (schema, batches) = without_values(&held, &schema, vec![batch]).unwrap();
            assert_eq!(schema, batches[0].schema());
            let fields = schema.fields().iter();
            fields.map(|field| field.data_type().clone()).collect()
        };
        let none: [i32; 0] = [];
        let empty = rows(vec![
            ("ID", Arc::new(StringArray::from(Vec::<&str>::new()))),
            ("name", Arc::new(Int32Array::from(none.to_vec()))),
            ("more", Arc::new(Int32Array::from(none.to_vec()))),
        ]);
        assert_eq!(
            types(empty),
            [DataType::Int64, DataType::Utf8, DataType::Int32]
        );
        let some = rows(vec![
            ("id", Arc::new(Int32Array::from(vec![Some(1), None]))),
            ("name", Arc::new(NullArray::new(2))),
        ]);
        assert_eq!(types(some), [DataType::Int32, DataType::Utf8]);
    }
}
