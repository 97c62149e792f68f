//! Prints a project's manifest: to hold it against another program's.

use std::path::Path;
use std::time::Instant;

use forebay_project::{LoadOptions, Project};

#[allow(clippy::print_stdout, clippy::print_stderr)]
fn main() {
    let root = std::env::args().nth(1).expect("the folder of a project");
    let started = Instant::now();
    let options = LoadOptions {
        target: std::env::args().nth(2),
        now: chrono::DateTime::UNIX_EPOCH,
        env: std::env::vars().collect(),
        ..LoadOptions::default()
    };
    match Project::load(Path::new(&root), options) {
        Ok(project) => {
            eprintln!(
                "{} nodes in {:?}",
                project.graph.nodes.len(),
                started.elapsed()
            );
            for warning in &project.warnings {
                eprintln!("{warning}");
            }
            println!("{}", project.manifest());
        }
        Err(problems) => {
            eprintln!("{problems}");
            std::process::exit(2);
        }
    }
}
