//! What the program says. Data goes to stdout, talk to stderr; the log of a run where no terminal
//! is goes to stdout as dbt's does, and so does everything with `--log-format json`.

pub mod data;
pub mod events;
mod lines;
mod out;
mod plain;
mod pretty;
mod strict;
pub mod style;

use std::io::IsTerminal;

use forebay_core::{Diagnostic, Diagnostics, Fault, Severity};
use forebay_runner::{Clock, Reporter, Workspace};
use serde_json::json;

use crate::args::{Global, switch};
use events::Sink;
pub use strict::Strict;
use style::Style;

/// Talk: progress, hints, problems.
pub struct Talk {
    pub quiet: bool,
    pub style: Style,
    pub strict: Strict,
    /// Present where events are said instead of texts.
    pub events: Option<Sink>,
}

impl Talk {
    pub fn new(global: &Global, clock: Clock, invocation: &str) -> Result<Self, Diagnostic> {
        let sink = || Sink {
            clock,
            invocation: invocation.to_owned(),
            began: clock.now(),
            quiet: global.quiet(),
        };
        Ok(Self {
            quiet: global.quiet(),
            style: Style::of_stderr(global.on(&switch::COLORS)),
            strict: Strict::of(global)?,
            events: global.json_log().then(sink),
        })
    }

    /// For what goes wrong before anything is known.
    pub fn plain() -> Self {
        Self {
            quiet: false,
            style: Style::of_stderr(true),
            strict: Strict::default(),
            events: None,
        }
    }

    /// The first event of a call.
    pub fn begin(&self) {
        if let Some(sink) = &self.events {
            let version = env!("CARGO_PKG_VERSION");
            let data = json!({"log_version": 3, "version": format!("={version}")});
            sink.write(
                events::VERSION,
                "info",
                &format!("Running with forebay={version}"),
                data,
            );
        }
    }

    /// The last one.
    pub fn end(&self, command: &str, success: bool) {
        if let Some(sink) = &self.events {
            let word = if success { "succeeded" } else { "failed" };
            let at = events::stamp(sink.clock.now());
            let data = json!({"command": command, "success": success, "completed_at": at, "elapsed": sink.elapsed()});
            sink.write(
                events::COMPLETED,
                "debug",
                &format!("Command `{command}` {word}"),
                data,
            );
        }
    }

    pub fn say(&self, text: &str) {
        match &self.events {
            Some(sink) => sink.write(events::NOTE, "info", text, json!({"msg": text})),
            None if self.quiet => {}
            None => out::error_line(text),
        }
    }

    pub fn warn(&self, diagnostic: &Diagnostic) {
        if !self.quiet {
            self.error(diagnostic);
        }
    }

    /// Says a warning of that name of dbt's, or gives it back where `--warn-error` makes it an error.
    pub fn judge(&self, name: &str, warning: Diagnostic) -> Result<(), Diagnostic> {
        if let Some(warning) = self.strict.judge(name, warning)? {
            self.warn(&warning);
        }
        Ok(())
    }

    pub fn error(&self, diagnostic: &Diagnostic) {
        if let Some(sink) = &self.events {
            let text = diagnostic.to_string();
            let (kind, level) = match diagnostic.severity {
                Severity::Warning => (events::NOTE, "warn"),
                Severity::Error => (events::TROUBLE, "error"),
            };
            sink.write(kind, level, &text, json!({"exc": text, "msg": text}));
            return;
        }
        let style = &self.style;
        let word = match (diagnostic.severity, diagnostic.fault) {
            (Severity::Warning, _) => style.yellow("warning"),
            (Severity::Error, Fault::User) => style.red("error"),
            (Severity::Error, Fault::Environment) => style.red("environment error"),
            (Severity::Error, Fault::Internal) => style.red("internal error"),
        };
        out::error_line(&format!("{word}: {}", diagnostic.message));
        if let Some(location) = &diagnostic.location {
            out::error_line(&format!("  {} {location}", style.dim("-->")));
        }
        for hint in diagnostic.hints.iter().take(2) {
            out::error_line(&format!("  {}: {hint}", style.cyan("hint")));
        }
        if diagnostic.fault == Fault::Internal {
            out::error_line(&format!(
                "  {}: this is a fault of Forebay, please report it",
                style.cyan("hint")
            ));
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
        if errors > 1 && self.events.is_none() {
            out::error_line(&format!("{errors} errors"));
        }
    }

    /// Tells a run as it happens: events, or a terminal's lines, or dbt's.
    pub fn reporter<'a>(
        &'a self,
        workspace: &'a Workspace,
        threads: usize,
        data_on_stdout: bool,
    ) -> Box<dyn Reporter + 'a> {
        if let Some(sink) = &self.events {
            return Box::new(events::Events {
                workspace,
                sink,
                threads,
                planned: Default::default(),
            });
        }
        if self.style.terminal && std::io::stdout().is_terminal() {
            return Box::new(pretty::Pretty::new(self.quiet, self.style));
        }
        Box::new(plain::Plain {
            workspace,
            quiet: self.quiet,
            to_stderr: data_on_stdout,
            threads,
            planned: Default::default(),
        })
    }
}
