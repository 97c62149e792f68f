//! One command a file.

mod build;
mod clean;
mod clone;
mod compile;
mod debug;
mod demo;
mod deps;
mod docs;
mod freshness;
mod import;
mod init;
mod lineage;
mod ls;
mod parse;
mod plan;
mod query;
mod retry;
mod run_operation;
pub mod serve;
mod show;
mod why;

use forebay_core::{Diagnostics, ResourceType};

use crate::args::{Args, Command, Docs, Import, Source};
use crate::report::Talk;

/// Exit codes are dbt's: 0 all well, 1 a node or test failed; an error here is 2.
pub async fn run(args: &Args, talk: &Talk) -> Result<u8, Diagnostics> {
    use ResourceType as R;
    let global = &args.global;
    let build = |name, options, kinds: &'static [R]| build::run(global, talk, name, options, kinds);
    match &args.command {
        Command::Build(options) => build("build", options, &[]).await,
        Command::Run(options) => build("run", options, &[R::Model]).await,
        Command::Test(options) => build("test", options, &[R::Test, R::UnitTest]).await,
        Command::Seed(options) => build("seed", options, &[R::Seed]).await,
        Command::Snapshot(options) => build("snapshot", options, &[R::Snapshot]).await,
        Command::Ingest(options) => build("ingest", options, &[R::Source]).await,
        Command::Train(options) => {
            build("train", options, &[R::TrainingJob, R::RegisteredModel]).await
        }
        Command::Materialize(options) => build("materialize", options, &[R::FeatureView]).await,
        Command::Plan(options) => plan::run(global, talk, options).await,
        Command::Retry(options) => retry::run(global, talk, options).await,
        Command::Ls(options) => ls::run(global, talk, options),
        Command::Compile(options) => compile::run(global, talk, options).await,
        Command::Parse => parse::run(global, talk),
        Command::Show(options) => show::run(global, talk, options).await,
        Command::Clone(options) => clone::run(global, talk, options).await,
        Command::Docs(Docs::Generate(options)) => docs::generate(global, talk, options).await,
        Command::Docs(Docs::Serve(options)) => docs::serve(global, talk, options).await,
        Command::Deps(options) => deps::run(global, talk, options),
        Command::RunOperation(options) => run_operation::run(global, talk, options).await,
        Command::Source(Source::Freshness(options)) => freshness::run(global, talk, options).await,
        Command::Query(options) => query::run(global, talk, options).await,
        Command::Lineage(options) => lineage::run(global, talk, options).await,
        Command::Why(options) => why::run(global, talk, options).await,
        Command::Serve(options) => serve::run(global, talk, options).await,
        Command::Import(Import::Mlflow(options)) => import::mlflow(global, talk, options),
        Command::Import(Import::Wandb(options)) => import::wandb(global, talk, options),
        Command::Demo(options) => demo::run(global, talk, options).await,
        Command::Init(options) => init::run(global, talk, options),
        Command::Debug(_) => Ok(debug::run(global, talk).await),
        Command::Clean(options) => clean::run(global, talk, options),
    }
}

/// Whether the command goes on until it is ended.
pub fn serves(command: &Command) -> bool {
    let docs = matches!(command, Command::Docs(Docs::Serve(_)));
    docs || matches!(command, Command::Serve(_) | Command::Demo(_))
}

/// The verb as dbt says it, for artifacts, events and `flags.WHICH`.
pub fn name(command: &Command) -> &'static str {
    match command {
        Command::Build(_) => "build",
        Command::Run(_) => "run",
        Command::Test(_) => "test",
        Command::Seed(_) => "seed",
        Command::Snapshot(_) => "snapshot",
        Command::Ingest(_) => "ingest",
        Command::Train(_) => "train",
        Command::Materialize(_) => "materialize",
        Command::Plan(_) => "plan",
        Command::Retry(_) => "retry",
        Command::Ls(_) => "list",
        Command::Compile(_) => "compile",
        Command::Parse => "parse",
        Command::Show(_) => "show",
        Command::Clone(_) => "clone",
        Command::Docs(_) => "generate",
        Command::Deps(_) => "deps",
        Command::Import(_) => "import",
        Command::RunOperation(_) => "run-operation",
        Command::Source(_) => "freshness",
        Command::Query(_) => "query",
        Command::Lineage(_) => "lineage",
        Command::Why(_) => "why",
        Command::Serve(_) => "serve",
        Command::Demo(_) => "demo",
        Command::Init(_) => "init",
        Command::Debug(_) => "debug",
        Command::Clean(_) => "clean",
    }
}
