//! Python models: a child process runs the user's file in the user's Python; tables go in and out as Arrow files.

mod child;
mod files;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

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
    let there = info.is_some_and(|info| info.kind == TableKind::Table) && ctx.incremental;
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
    let (schema, batches) = files::read(&job.output)?;
    write(lake, node, Input::Batches(schema, batches), ctx).await
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
