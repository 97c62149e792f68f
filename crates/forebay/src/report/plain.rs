//! A run as dbt logs it, for where there is no terminal: lines that scripts and people know.

use std::sync::Mutex;

use forebay_runner::{Event, Reporter, Workspace};

use super::lines::{self, Counts};
use super::out;

pub struct Plain<'a> {
    pub workspace: &'a Workspace,
    pub quiet: bool,
    /// Where stdout is for something else.
    pub to_stderr: bool,
    pub threads: usize,
    pub planned: Mutex<Vec<forebay_runner::Step>>,
}

impl Plain<'_> {
    /// The time is that of the clock, in UTC.
    fn line(&self, text: &str) {
        let time = self.workspace.clock.now().format("%H:%M:%S");
        for line in text.lines().chain(text.is_empty().then_some("")) {
            let line = format!("{time}  {line}");
            match self.to_stderr {
                true => out::error_line(&line),
                false => drop(out::line(&line)),
            }
        }
    }

    fn say(&self, text: &str) {
        if !self.quiet {
            self.line(text);
        }
    }
}

impl Reporter for Plain<'_> {
    fn report(&self, event: &Event<'_>) {
        let graph = self.workspace.graph();
        let mut planned = self
            .planned
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let total = planned.len();
        match event {
            Event::Started { plan, .. } => {
                planned.clone_from(&plan.steps);
                self.say(&format!(
                    "Running with forebay={}",
                    env!("CARGO_PKG_VERSION")
                ));
                self.say(&format!("Found {}", lines::found(&self.workspace.project)));
                self.say("");
                let target = self.workspace.project.target_name();
                self.say(&format!(
                    "Concurrency: {} threads (target='{target}')",
                    self.threads
                ));
                self.say("");
            }
            Event::HookStarted { hook, place } => self.say(&lines::hook_start(hook, *place)),
            Event::HookFinished {
                hook,
                place,
                result,
            } => {
                let text = lines::hook_result(hook, *place, result);
                match result.status.lets_children_run() {
                    true => self.say(&text),
                    false => self.line(&text),
                }
                if place.0 == place.1 {
                    self.say("");
                }
            }
            Event::StepStarted { step } => self.say(&lines::start(graph, step, total)),
            Event::StepSaid { step, line } => self.say(&format!("{} | {line}", step.name)),
            Event::StepRetried {
                step,
                attempt,
                message,
                ..
            } => self.say(&format!(
                "retry of {}: attempt {attempt} failed: {message}",
                step.name
            )),
            Event::StepFinished { step, result } => {
                let text = lines::result(graph, step, result, total);
                match result.status.lets_children_run() {
                    true => self.say(&text),
                    false => self.line(&text),
                }
            }
            Event::Said { message } => self.say(message),
            Event::Stopping => self.say("stopping"),
            Event::Finished { summary } => {
                let counts = Counts::of(summary);
                let elapsed = lines::elapsed(summary);
                let seconds = summary.elapsed_ms as f64 / 1e3;
                self.say("");
                self.say(&format!(
                    "Finished running {}{elapsed} ({seconds:.2}s).",
                    lines::ran(graph, &summary.results)
                ));
                self.say("");
                self.say(&counts.ending());
                for [head, why] in summary
                    .results
                    .iter()
                    .filter_map(|r| lines::trouble(graph, r))
                {
                    self.line("");
                    self.line(&head);
                    why.lines().for_each(|line| self.line(&format!("  {line}")));
                }
                self.say("");
                self.say(&counts.line());
            }
        }
    }
}
