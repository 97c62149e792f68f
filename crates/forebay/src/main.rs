//! The program: arguments, settings, wiring, one command. The only crate that prints.

mod args;
mod artifact;
mod command;
mod hosting;
mod memory;
mod report;
mod wiring;

use std::process::ExitCode;

use forebay_core::{Diagnostic, Diagnostics};
use report::Talk;

fn main() -> ExitCode {
    let mut args = args::Args::read();
    args.global.look();
    args.global.command = command::name(&args.command);
    wiring::render_target_path(&mut args.global);
    if command::serves(&args.command) {
        memory::give_back_freed();
    }
    let talk = wiring::clock(&args.global)
        .and_then(|clock| Talk::new(&args.global, clock, &wiring::invocation_id()));
    let talk = match talk {
        Ok(talk) => talk,
        Err(problem) => return failed(&Talk::plain(), &problem.into()),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        // Planning deep queries recurses; the default 2 MiB is too little for it.
        .thread_stack_size(16 << 20)
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            let text = format!("cannot start threads: {error}");
            return failed(&talk, &Diagnostic::environment(text).into());
        }
    };
    talk.begin();
    let ended = runtime.block_on(command::run(&args, &talk));
    talk.end(args.global.command, matches!(ended, Ok(0)));
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(problems) => failed(&talk, &problems),
    }
}

fn failed(talk: &Talk, problems: &Diagnostics) -> ExitCode {
    talk.problems(problems);
    ExitCode::from(2)
}
