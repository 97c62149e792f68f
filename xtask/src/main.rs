//! Checks of the house itself: `cargo xtask tidy`.

mod metadata;
mod tidy;

use std::process::ExitCode;

fn main() -> ExitCode {
    let command = std::env::args().nth(1);
    let found = match command.as_deref() {
        Some("tidy") => tidy::run(),
        _ => {
            eprintln!("usage: cargo xtask tidy");
            return ExitCode::from(2);
        }
    };
    match found {
        Ok(()) => {
            println!("tidy: the house is in order");
            ExitCode::SUCCESS
        }
        Err(problems) => {
            for problem in &problems {
                eprintln!("tidy: {problem}");
            }
            ExitCode::FAILURE
        }
    }
}
