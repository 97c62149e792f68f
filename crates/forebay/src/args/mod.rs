//! The command line: dbt's verbs, flags and selectors for the whole graph.

mod global;
pub mod sample;
pub mod switch;

use std::path::PathBuf;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use clap::{
    ArgAction, Args as ClapArgs, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
};
use forebay_core::ResourceType;

pub use global::Global;

/// One binary, one graph, from a raw source column to a served prediction.
#[derive(Debug, Parser)]
#[command(
    name = "forebay",
    version,
    disable_help_subcommand = true,
    disable_version_flag = true
)]
pub struct Args {
    /// Print the version.
    #[arg(long, short = 'V', short_alias = 'v', action = ArgAction::Version)]
    version: Option<bool>,
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

/// How the names of dbt's own variables begin, where they are told from a project's.
pub const ENGINE: &str = "DBT_ENGINE_";

impl Args {
    /// Reads the command line.
    pub fn read() -> Self {
        let command = with_engine_names(<Self as CommandFactory>::command());
        let found = Self::from_arg_matches(&command.get_matches());
        found.unwrap_or_else(|error| error.exit())
    }
}

/// As in dbt, the variable of an option may be called `DBT_ENGINE_...` too, which goes before `DBT_...`.
fn with_engine_names(command: clap::Command) -> clap::Command {
    let renamed = command.mut_args(|arg| {
        let name = arg.get_env().and_then(|name| engine_name(name.to_str()?));
        match name.filter(|name| std::env::var_os(name).is_some()) {
            Some(name) => arg.env(&*name.leak()),
            None => arg,
        }
    });
    renamed.mut_subcommands(with_engine_names)
}

fn engine_name(name: &str) -> Option<String> {
    Some(format!("{ENGINE}{}", name.strip_prefix("DBT_")?))
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
    Compile(Compile),
    /// Read the project and report its problems; write target/manifest.json.
    Parse,
    /// Print rows of a node, or the failing rows of a test.
    Show(Show),
    /// Make tables of an earlier run's artifacts readable under this target.
    Clone(Run),
    /// Documentation of the project.
    #[command(subcommand)]
    Docs(Docs),
    /// Look whether the packages that the project uses are there, and lay local ones in place.
    Deps(Deps),
    /// Bring existing history in.
    #[command(subcommand)]
    Import(Import),
    /// Call a macro.
    RunOperation(RunOperation),
    /// Sources.
    #[command(subcommand)]
    Source(Source),
    /// Run a query over the warehouse.
    Query(Query),
    /// Print column lineage of the selected nodes.
    Lineage(Lineage),
    /// Explain a prediction: from its score to the source rows.
    Why(Why),
    /// Start the server.
    Serve(Serve),
    /// Lay the example project out, build it, predict once, and serve it.
    Demo(Demo),
    /// Start a project: in a new folder of its name, or in this one.
    Init(Init),
    /// Say what is where, and whether it can be used.
    Debug(Debug),
    /// Remove the folders of `clean-targets`.
    Clean(Clean),
}

/// Which nodes.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Select {
    /// Nodes to include: names, +ancestors, descendants+, tag:, path:, source:, resource_type:, ...
    #[arg(long, short = 's', num_args = 1.., value_name = "SELECTOR")]
    pub select: Vec<String>,
    /// The older name of --select; `ls` lists models alone then.
    #[arg(
        long,
        short = 'm',
        num_args = 1..,
        value_name = "SELECTOR",
        alias = "model",
        conflicts_with = "select"
    )]
    pub models: Vec<String>,
    /// Nodes to leave out, in the same words.
    #[arg(long, num_args = 1.., value_name = "SELECTOR")]
    pub exclude: Vec<String>,
    /// A selector of selectors.yml, instead of --select and --exclude.
    #[arg(long, value_name = "NAME")]
    pub selector: Option<String>,
}

impl Select {
    /// What is to be included, under either name.
    pub fn included(&self) -> &[String] {
        match self.select.is_empty() {
            true => &self.models,
            false => &self.select,
        }
    }
}

/// Which kinds of nodes.
#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Kinds {
    /// Kinds of nodes to include: model, test, seed, ...
    #[arg(
        long,
        alias = "resource-types",
        num_args = 1..,
        value_delimiter = ' ',
        value_parser = kind,
        env = "DBT_RESOURCE_TYPES",
        value_name = "KIND"
    )]
    pub resource_type: Vec<Kind>,
    /// Kinds of nodes to leave out.
    #[arg(
        long,
        alias = "exclude-resource-types",
        num_args = 1..,
        value_delimiter = ' ',
        value_parser = kind,
        env = "DBT_EXCLUDE_RESOURCE_TYPES",
        value_name = "KIND"
    )]
    pub exclude_resource_type: Vec<Kind>,
}

/// A kind of node, every kind, or those that the command takes where nothing is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Every,
    Default,
    One(ResourceType),
}

fn kind(text: &str) -> Result<Kind, String> {
    match text {
        "all" => return Ok(Kind::Every),
        "default" => return Ok(Kind::Default),
        _ => {}
    }
    ResourceType::from_str(text).map(Kind::One).map_err(|()| {
        let names = ResourceType::ALL.iter().map(|kind| kind.as_str());
        format!(
            "one of: all, default, {}",
            names.collect::<Vec<_>>().join(", ")
        )
    })
}

impl Kinds {
    pub fn includes(&self, kind: ResourceType) -> bool {
        let named = |kinds: &[Kind]| kinds.contains(&Kind::One(kind));
        let included = self.resource_type.is_empty()
            || self.resource_type.contains(&Kind::Every)
            || self.resource_type.contains(&Kind::Default)
            || named(&self.resource_type);
        included && !named(&self.exclude_resource_type)
    }
}

#[derive(Clone, Debug, Default, ClapArgs)]
pub struct Run {
    #[command(flatten)]
    pub select: Select,
    #[command(flatten)]
    pub kinds: Kinds,
    /// Print the plan and do nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Where the first batch of models that run in batches starts, in UTC.
    #[arg(long, value_name = "TIME", value_parser = moment, env = "DBT_EVENT_TIME_START")]
    pub event_time_start: Option<DateTime<Utc>>,
    /// Where their last batch ends.
    #[arg(long, value_name = "TIME", value_parser = moment, env = "DBT_EVENT_TIME_END")]
    pub event_time_end: Option<DateTime<Utc>>,
    /// Read only rows of this time, of what has an event_time: '3 days', or '{start: 2024-01-01, end: 2024-02-01}'.
    #[arg(long, value_name = "WINDOW", env = "DBT_SAMPLE")]
    pub sample: Option<String>,
    /// Like build's default for saved queries: they are never exported.
    #[arg(long, hide = true)]
    pub export_saved_queries: bool,
    /// Rows of loaded seeds; shown with `forebay show`.
    #[arg(long, hide = true)]
    pub show: bool,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct Plan {
    #[command(flatten)]
    pub select: Select,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct Retry {
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct List {
    #[command(flatten)]
    pub select: Select,
    #[command(flatten)]
    pub kinds: Kinds,
    #[arg(long, value_enum, default_value_t)]
    pub output: ListOutput,
    /// Keys of the JSON form; `config.materialized` reaches into one.
    #[arg(long, num_args = 1.., value_delimiter = ' ', value_name = "KEY")]
    pub output_keys: Vec<String>,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct Lineage {
    #[command(flatten)]
    pub select: Select,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct Compile {
    #[command(flatten)]
    pub select: Select,
    /// A query to compile instead, Jinja and all.
    #[arg(long, value_name = "SQL")]
    pub inline: Option<String>,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct Show {
    #[command(flatten)]
    pub select: Select,
    /// A query to run instead, Jinja and all.
    #[arg(long)]
    pub inline: Option<String>,
    /// The same as it is, without Jinja.
    #[arg(long, conflicts_with = "inline")]
    pub inline_direct: Option<String>,
    /// Rows to print; -1 for all.
    #[arg(long, default_value_t = 5, allow_hyphen_values = true)]
    pub limit: i64,
    /// Rows of the table that were held, with their reasons.
    #[arg(long)]
    pub held: bool,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Source {
    /// How old the newest rows of the sources are; writes target/sources.json.
    #[command(alias = "snapshot-freshness")]
    Freshness(Freshness),
}

#[derive(Clone, Debug, ClapArgs)]
pub struct Freshness {
    #[command(flatten)]
    pub select: Select,
    /// `json`, or a file to write the report to instead of target/sources.json.
    #[arg(long, short = 'o', value_name = "FILE")]
    pub output: Option<PathBuf>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Import {
    /// MLflow's experiments, runs, logged and registered models: of a folder, a SQLite file or a server.
    Mlflow(ImportFrom),
    /// Runs of Weights & Biases, from the folder `wandb` that a script left.
    Wandb(ImportFrom),
}

#[derive(Clone, Debug, ClapArgs)]
pub struct ImportFrom {
    /// A folder (mlruns, wandb), MLflow's file (mlflow.db) or the address of its server (http://...).
    pub from: String,
    /// Into a folder that `serve --data` serves, instead of the project.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    #[arg(long, value_enum, default_value_t)]
    pub output: Output,
}

#[derive(Clone, Debug, Subcommand)]
pub enum Docs {
    /// Write target/catalog.json and target/manifest.json.
    Generate(DocsGenerate),
    /// Serve the project's pages.
    Serve(DocsServe),
}

#[derive(Clone, Debug, ClapArgs)]
pub struct DocsGenerate {
    #[command(flatten)]
    pub select: Select,
    /// Do not write compiled SQL.
    #[arg(long, overrides_with = "compile")]
    pub no_compile: bool,
    #[arg(long, hide = true)]
    pub compile: bool,
    /// Leave the tables out of the catalog.
    #[arg(long)]
    pub empty_catalog: bool,
    /// One page with everything in it: target/static_index.html.
    #[arg(long = "static")]
    pub one_page: bool,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct DocsServe {
    #[arg(long, default_value = "127.0.0.1", env = "DBT_HOST")]
    pub host: String,
    #[arg(long, default_value_t = 8080)]
    pub port: u16,
    #[arg(long, hide = true)]
    pub browser: bool,
    #[arg(long, hide = true)]
    pub no_browser: bool,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct Deps {
    /// Write package-lock.yml and nothing else.
    #[arg(long)]
    pub lock: bool,
    #[arg(long, hide = true)]
    pub upgrade: bool,
    /// A package to add: fetching is for dbt or git.
    #[arg(long, hide = true)]
    pub add_package: Option<String>,
    #[arg(long, hide = true)]
    pub source: Option<String>,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct Clean {
    /// Leave alone what is outside of the project folder.
    #[arg(long, overrides_with = "no_clean_project_files_only", hide = true)]
    pub clean_project_files_only: bool,
    #[arg(long)]
    pub no_clean_project_files_only: bool,
}

#[derive(Clone, Debug, ClapArgs)]
pub struct Debug {
    #[arg(long, hide = true)]
    pub connection: bool,
    #[arg(long, hide = true)]
    pub config_dir: bool,
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
    /// Let webhooks lead anywhere, by http too: without it to public addresses by https, and to webhook_hosts of forebay.yml.
    #[arg(long)]
    pub webhooks_anywhere: bool,
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
    /// Name of the project and its folder (default: this folder).
    pub name: Option<String>,
    #[arg(long, short = 's', hide = true)]
    pub skip_profile_setup: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    #[default]
    Text,
    Json,
}

impl Output {
    pub fn as_str(self) -> &'static str {
        match self {
            Output::Text => "text",
            Output::Json => "json",
        }
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ListOutput {
    /// What selects the node.
    #[default]
    Selector,
    Name,
    Path,
    /// One object a line.
    Json,
    #[value(hide = true)]
    Text,
}

fn moment(text: &str) -> Result<DateTime<Utc>, &'static str> {
    forebay_core::incremental::moment(text).ok_or("write it like 2024-01-31 or 2024-01-31T12:00:00")
}
