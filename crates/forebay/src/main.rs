//! The program: arguments, settings, wiring, one command. The only crate that prints.

mod args;
mod command;
mod report;
mod wiring;

use std::process::ExitCode;

use clap::Parser;
use report::Talk;

fn main() -> ExitCode {
    let args = args::Args::parse();
    let talk = Talk::new(args.global.quiet);
    let runtime = match tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Planning deep queries recurses; the default 2 MiB is too little for it.
        .thread_stack_size(16 << 20)
        .build()
    {
        Ok(runtime) => runtime,
        Err(error) => {
            talk.error(&forebay_core::Diagnostic::environment(format!(
                "cannot start threads: {error}"
            )));
            return ExitCode::from(2);
        }
    };
    match runtime.block_on(command::run(args, &talk)) {
        Ok(code) => ExitCode::from(code),
        Err(problems) => {
            talk.problems(&problems);
            ExitCode::from(2)
        }
    }
}
