//! What the program says. Data goes to stdout, talk to stderr; the log of a run where no terminal
//! is goes to stdout as dbt's does, and so does everything with `--log-format json`.

pub mod data;
mod events;
pub mod file;
pub mod kinds;
mod lines;
pub mod log;
mod node_info;
mod out;
mod pretty;
mod strict;
pub mod style;

use std::io::IsTerminal;

use forebay_core::{Diagnostic, Diagnostics, Fault, Severity};
use forebay_project::Project;
use forebay_runner::{Clock, Reporter, Workspace};
use serde_json::{Value as Json, json};

use crate::args::{Global, switch};
use events::Events;
use kinds::Kind;
use log::{Entry, Level, Log};
pub use strict::Strict;
use style::Style;

/// Talk: progress, hints, problems.
pub struct Talk {
    pub quiet: bool,
    pub style: Style,
    pub strict: Strict,
    pub log: Log,
    /// The folder of artifacts, as it is written.
    target: String,
}

impl Talk {
    pub fn new(global: &Global, clock: Clock, invocation: &str) -> Result<Self, Diagnostic> {
        Ok(Self {
            quiet: global.quiet(),
            style: Style::of_stderr(global.on(&switch::COLORS)),
            strict: Strict::of(global)?,
            log: Log {
                clock,
                invocation: invocation.to_owned(),
                began: clock.now(),
                level: global.level(),
                json: global.json_log(),
                file: global.log_file(),
            },
            target: global.target(),
        })
    }

    /// For what goes wrong before anything is known.
    pub fn plain() -> Self {
        let clock = Clock::System;
        Self {
            quiet: false,
            style: Style::of_stderr(true),
            strict: Strict::default(),
            log: Log {
                clock,
                invocation: String::new(),
                began: clock.now(),
                level: Level::Info,
                json: false,
                file: None,
            },
            target: String::new(),
        }
    }

    fn write(&self, kind: Kind, level: Level, msg: &str, data: &dyn Fn() -> Json) {
        let entry = Entry {
            kind,
            level,
            msg,
            data,
        };
        self.log.write(&entry);
    }

    /// The first event of a call.
    pub fn begin(&self) {
        let version = format!("={}", env!("CARGO_PKG_VERSION"));
        self.write(
            kinds::VERSION,
            Level::Info,
            &lines::running_with(),
            &|| json!({"log_version": 3, "version": version}),
        );
    }

    /// The last one.
    pub fn end(&self, command: &str, success: bool) {
        let word = if success { "succeeded" } else { "failed" };
        let (at, elapsed) = (self.log.clock.now(), self.log.elapsed());
        let time = at.format("%H:%M:%S%.6f");
        let msg = format!("Command `{command}` {word} at {time} after {elapsed:.2} seconds");
        let at = log::stamp(at);
        self.write(kinds::COMPLETED, Level::Debug, &msg, &|| {
            json!({"command": command, "success": success, "completed_at": at, "elapsed": elapsed})
        });
    }

    /// What has been read.
    pub fn found(&self, project: &Project) {
        let found = lines::found(project);
        self.write(
            kinds::FOUND,
            Level::Info,
            &format!("Found {found}"),
            &|| json!({"stat_line": found}),
        );
    }

    pub fn say(&self, text: &str) {
        self.write(kinds::NOTE, Level::Info, text, &|| json!({"msg": text}));
        if !self.log.json && !self.quiet {
            out::error_line(text);
        }
    }

    /// What a template says while it is compiled.
    pub fn said(&self, text: &str) {
        self.write(kinds::SAID, Level::Info, text, &|| json!({"msg": text}));
        if !self.log.json && !self.quiet {
            out::error_line(text);
        }
    }

    /// What is asked for: on stdout whatever else is said.
    pub fn print(&self, text: &str) {
        self.answer(kinds::PRINT, text, text, &|| json!({"msg": text}));
    }

    /// The same as an event of its own kind, whose message says more than the bare text.
    pub fn answer(&self, kind: Kind, text: &str, msg: &str, data: &dyn Fn() -> Json) {
        if !self.log.json {
            data::print(text);
        }
        self.write(kind, Level::Info, msg, data);
    }

    pub fn warn(&self, diagnostic: &Diagnostic) {
        self.tell(kinds::NOTE, diagnostic);
    }

    /// Says a warning of that name of dbt's, or gives it back where `--warn-error` makes it an error.
    pub fn judge(&self, name: &str, warning: Diagnostic) -> Result<(), Diagnostic> {
        if let Some(warning) = self.strict.judge(name, warning)? {
            self.tell(kinds::warning(name), &warning);
        }
        Ok(())
    }

    pub fn error(&self, diagnostic: &Diagnostic) {
        self.tell(kinds::TROUBLE, diagnostic);
    }

    fn tell(&self, kind: Kind, diagnostic: &Diagnostic) {
        let text = diagnostic.to_string();
        let level = match diagnostic.severity {
            Severity::Warning => Level::Warn,
            Severity::Error => Level::Error,
        };
        self.write(kind, level, &text, &|| json!({"exc": text, "msg": text}));
        if !self.log.json && (level == Level::Error || !self.quiet) {
            self.show(diagnostic);
        }
    }

    fn show(&self, diagnostic: &Diagnostic) {
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
        if errors > 1 && !self.log.json {
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
        let terminal = self.style.terminal && std::io::stdout().is_terminal();
        let text = (!self.log.json && !terminal).then_some(events::Text {
            to_stderr: data_on_stdout,
        });
        let events = Box::new(Events {
            workspace,
            log: &self.log,
            text,
            target: self.target.clone(),
            threads,
            planned: Default::default(),
        });
        if self.log.json || !terminal {
            return events;
        }
        let pretty = Box::new(pretty::Pretty::new(self.quiet, self.style));
        Box::new(events::Both(pretty, events))
    }
}
