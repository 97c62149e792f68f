//! The command line: dbt's verbs, flags and selectors for the whole graph.

use std::path::PathBuf;

use chrono::{DateTime, Utc};

use clap::{Args as ClapArgs, Parser, Subcommand, ValueEnum};

/// One binary, one graph, from a raw source column to a served prediction.
#[derive(Debug, Parser)]
#[command(name = "forebay", version, disable_help_subcommand = true)]
pub struct Args {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct Global {
    /// Folder with dbt_project.yml.
    #[arg(long, global = true, default_value = ".", value_name = "DIR")]
    pub project_dir: PathBuf,
    /// Target of profiles.yml.
    #[arg(long, short = 't', global = true)]
    pub target: Option<String>,
    /// Variables for the project, as YAML or JSON: '{month: 3}'.
    #[arg(long, global = true)]
    pub vars: Option<String>,
    /// Only errors, nothing else, on stderr.
    #[arg(long, short = 'q', global = true)]
    pub quiet: bool,
    /// How long to wait for another process that holds the project, in seconds.
    #[arg(long, global = true, default_value_t = 600, value_name = "SECONDS")]
    pub lock_timeout: u64,
    /// A fixed present, RFC 3339: everything that is written down as 'now' is this.
    #[arg(long, global = true, env = "FOREBAY_NOW", hide = true)]
    pub now: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run everything selected, in the graph's order: load, transform, test, train, register.
    Build(Run),
    /// Run models.
    Run(Run),
    /// Run data tests.
    Test(Run),
    /// Load seeds.
    Seed(Run),
    /// Update snapshots.
    Snapshot(Run),
    /// Load sources that have an ingest file.
    Ingest(Run),
    /// Train, evaluate and register models.
    Train(Run),
    /// Compute feature views and put their newest values online.
    Materialize(Run),
    /// Print what `build` would do.
    Plan(Plan),
    /// Run again what the last run left undone.
    Retry(Retry),
    /// List the selected nodes.
    #[command(alias = "list")]
    Ls(List),
    /// Print the SQL that would run, and write it to target/compiled.
    Compile(Select),
    /// Read the project and report its problems; write target/manifest.json.
    Parse,
    /// Print rows of a node, or the failing rows of a test.
    Show(Show),
    /// Call a macro.
    RunOperation(RunOperation),
    /// Sources.
    #[command(subcommand)]
    Source(Source),
    /// Run a query over the warehouse.
    Query(Query),
    /// Print column lineage of the selected nodes.
    Lineage(List),
    /// Explain a prediction: from its score to the source rows.
    Why(Why),
    /// Start the server.
    Serve(Serve),
    /// Bring existing history in.
    #[command(subcommand)]
    Import(Import),
    /// Lay the example project out, build it, predict once, and serve it.
    Demo(Demo),
    /// Start a project in this folder.
    Init(Init),
    /// Say what is where, and whether it can be used.
    Debug,
    /// Remove target/.
    Clean,
}

/// Which nodes.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Select {
    /// Nodes to include: names, +ancestors, descendants+, tag:, path:, source:, resource_type:, ...
    #[arg(long, short = 's', num_args = 1.., value_name = "SELECTOR", visible_alias = "models")]
    pub select: Vec<String>,
    /// Nodes to leave out, in the same words.
    #[arg(long, num_args = 1.., value_name = "SELECTOR")]
    pub exclude: Vec<String>,
}

#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Run {
    #[command(flatten)]
    pub select: Select,
    /// Build incremental models anew.
    #[arg(long, short = 'f')]
    pub full_refresh: bool,
    /// Start nothing more after the first failure.
    #[arg(long, short = 'x')]
    pub fail_fast: bool,
    /// Steps at the same time (default: `engine.threads` of forebay.yml).
    #[arg(long)]
    pub threads: Option<usize>,
    /// Where the first batch of models that run in batches starts, in UTC.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub event_time_start: Option<DateTime<Utc>>,
    /// Where their last batch ends.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub event_time_end: Option<DateTime<Utc>>,
    /// Print the plan and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct Plan {
    #[command(flatten)]
    pub select: Select,
    #[arg(long, short = 'f')]
    pub full_refresh: bool,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct Retry {
    #[arg(long)]
    pub threads: Option<usize>,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct List {
    #[command(flatten)]
    pub select: Select,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct Show {
    #[command(flatten)]
    pub select: Select,
    /// A query to run instead, with Jinja-free SQL.
    #[arg(long)]
    pub inline: Option<String>,
    /// Rows to print.
    #[arg(long, default_value_t = 20)]
    pub limit: usize,
    /// Rows of the table that were held, with their reasons.
    #[arg(long)]
    pub held: bool,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Source {
    /// How old the newest rows of the sources are.
    Freshness(List),
}

#[derive(Clone, Debug, ClapArgs)]
pub struct RunOperation {
    /// The macro: `name`, or `package.name`.
    #[arg(value_name = "MACRO")]
    pub name: String,
    /// Its arguments by name, a mapping in YAML or JSON.
    #[arg(long, default_value = "{}", value_name = "YAML")]
    pub args: String,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct Query {
    pub sql: String,
    /// Read a table as of a version: `schema.table=3`.
    #[arg(long, value_name = "TABLE=VERSION")]
    pub at: Vec<String>,
    #[arg(long, default_value_t = 1000)]
    pub limit: usize,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct Why {
    /// `prediction_id` of an answer.
    pub prediction: String,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Serve {
    /// Address and port (default: `server.listen` of forebay.yml, 127.0.0.1:8600).
    #[arg(long)]
    pub listen: Option<String>,
    /// Serve without a project, in the place of `mlflow server`: where runs and models are kept.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where clients' artifacts go: a folder, file:///... that clients write themselves, or s3://...
    #[arg(long, value_name = "DIR|URL")]
    pub artifacts: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Import {
    /// Runs, logged models and registered models of an MLflow 3 server, from its SQLite file.
    Mlflow(ImportMlflow),
}

#[derive(Clone, Debug, ClapArgs)]
pub struct ImportMlflow {
    /// The file, such as mlflow.db.
    pub file: PathBuf,
    /// Into a folder that `serve --data` serves, instead of the project.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct Demo {
    /// Folder to lay the example out in.
    #[arg(default_value = "demo")]
    pub folder: PathBuf,
    /// Stop after the prediction instead of serving.
    #[arg(long)]
    pub once: bool,
    #[command(flatten)]
    pub serve: Serve,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct Init {
    /// Name of the project (default: the folder's name).
    pub name: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    #[default]
    Text,
    Json,
}

fn moment(text: &str) -> Result<DateTime<Utc>, &'static str> {
    forebay_core::incremental::moment(text).ok_or("write it like 2024-01-31 or 2024-01-31T12:00:00")
}
