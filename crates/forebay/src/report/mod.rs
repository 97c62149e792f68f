//! What the program says. Data goes to stdout, talk to stderr.

pub mod data;
pub mod progress;
pub mod style;

use forebay_core::{Diagnostic, Diagnostics, Fault, Severity};
use style::Style;

/// Talk: progress, hints, problems.
pub struct Talk {
    pub quiet: bool,
    pub style: Style,
}

impl Talk {
    pub fn new(quiet: bool) -> Self {
        Self {
            quiet,
            style: Style::of_stderr(),
        }
    }

    pub fn say(&self, text: &str) {
        if !self.quiet {
            eprintln!("{text}");
        }
    }

    pub fn warn(&self, diagnostic: &Diagnostic) {
        if !self.quiet {
            self.error(diagnostic);
        }
    }

    pub fn error(&self, diagnostic: &Diagnostic) {
        let style = &self.style;
        let word = match (diagnostic.severity, diagnostic.fault) {
            (Severity::Warning, _) => style.yellow("warning"),
            (Severity::Error, Fault::User) => style.red("error"),
            (Severity::Error, Fault::Environment) => style.red("environment error"),
            (Severity::Error, Fault::Internal) => style.red("internal error"),
        };
        eprintln!("{word}: {}", diagnostic.message);
        if let Some(location) = &diagnostic.location {
            eprintln!("  {} {location}", style.dim("-->"));
        }
        for hint in diagnostic.hints.iter().take(2) {
            eprintln!("  {}: {hint}", style.cyan("hint"));
        }
        if diagnostic.fault == Fault::Internal {
            eprintln!(
                "  {}: this is a fault of Forebay, please report it",
                style.cyan("hint")
            );
        }
    }

    /// All problems at once, and their number when there are several.
    pub fn problems(&self, problems: &Diagnostics) {
        for problem in &problems.0 {
            self.error(problem);
        }
        let errors = problems
            .0
            .iter()
            .filter(|p| p.severity == Severity::Error)
            .count();
        if errors > 1 {
            eprintln!("{errors} errors");
        }
    }
}
