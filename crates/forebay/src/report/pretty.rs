//! A run on a terminal: one line a step, and one more for what is running.

use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Mutex;

use forebay_core::NodeId;
use forebay_runner::{Event, Reporter, StepResult, Summary};
use forebay_store::RunStatus;

use super::lines::Counts;
use super::style::Style;

pub struct Pretty {
    quiet: bool,
    style: Style,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    total: usize,
    done: usize,
    running: BTreeMap<NodeId, String>,
    /// Whether the last line on the terminal is the one that is redrawn.
    drawn: bool,
}

impl Pretty {
    pub fn new(quiet: bool, style: Style) -> Self {
        Self {
            quiet,
            style,
            state: Mutex::new(State::default()),
        }
    }

    fn line(&self, state: &mut State, text: &str) {
        let mut err = std::io::stderr().lock();
        let clear = if state.drawn { "\r\x1b[2K" } else { "" };
        let _ = writeln!(err, "{clear}{text}");
        state.drawn = false;
        if self.style.terminal && !state.running.is_empty() {
            let names: Vec<&str> = state.running.values().map(String::as_str).collect();
            let mut text = format!(
                "{}/{} running: {}",
                state.done,
                state.total,
                names.join(", ")
            );
            text.truncate(
                text.char_indices()
                    .nth(100)
                    .map_or(text.len(), |(at, _)| at),
            );
            let _ = write!(err, "{}", self.style.dim(&text));
            let _ = err.flush();
            state.drawn = true;
        }
    }

    fn finished(&self, state: &mut State, (number, total): (usize, usize), result: &StepResult) {
        let style = self.style;
        let word = match result.status {
            RunStatus::Success => style.green("OK   "),
            RunStatus::NoOp => style.dim("NO-OP"),
            RunStatus::Warn => style.yellow("WARN "),
            RunStatus::Skipped => style.dim("SKIP "),
            RunStatus::Interrupted => style.yellow("STOP "),
            RunStatus::Fail => style.red("FAIL "),
            _ => style.red("ERROR"),
        };
        let passed = result.resource_type.is_test() && result.status == RunStatus::Success;
        // A passing test has nothing to say beyond its name.
        let message = if passed { "" } else { result.message.as_str() };
        let first = message.lines().next().unwrap_or_default();
        let position = style.dim(&format!("{number:>3}/{total}"));
        let seconds = style.dim(&format!("{:.2}s", result.seconds()));
        let kind = style.dim(result.resource_type.as_str());
        let mut text = format!(
            "{position} {word} {kind} {} {first} {seconds}",
            style.bold(&result.name)
        );
        for rest in message.lines().skip(1) {
            text.push_str(&format!("\n              {rest}"));
        }
        self.line(state, &text);
    }
}

impl Reporter for Pretty {
    fn report(&self, event: &Event<'_>) {
        let mut state = self
            .state
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        match event {
            Event::Started { plan, .. } => state.total = plan.steps.len(),
            Event::HookStarted { .. } => {}
            Event::HookFinished { place, result, .. } => {
                if !self.quiet || !result.status.lets_children_run() {
                    self.finished(&mut state, *place, result);
                }
            }
            Event::StepStarted { step } => {
                state.running.insert(step.node.clone(), step.name.clone());
            }
            Event::StepSaid { step, line } => {
                if !self.quiet {
                    let text = format!(
                        "        {} {line}",
                        self.style.dim(&format!("{} |", step.name))
                    );
                    self.line(&mut state, &text);
                }
            }
            Event::StepRetried {
                step,
                attempt,
                message,
                delay_ms,
            } => {
                let text = format!(
                    "        retry {} (attempt {attempt} failed, again in {:.1}s): {message}",
                    step.name,
                    *delay_ms as f64 / 1e3
                );
                self.line(&mut state, &text);
            }
            Event::StepFinished { step, result } => {
                state.running.remove(&step.node);
                state.done += 1;
                let bad = !result.status.lets_children_run();
                if !self.quiet || bad {
                    let place = (step.number, state.total);
                    self.finished(&mut state, place, result);
                }
            }
            Event::Said { message } if !self.quiet => self.line(&mut state, message),
            Event::Said { .. } => {}
            Event::Stopping => self.line(&mut state, "stopping…"),
            Event::Finished { summary } => {
                state.running.clear();
                if !self.quiet {
                    self.line(&mut state, &totals(summary));
                }
            }
        }
    }
}

/// dbt's last line, with its words.
fn totals(summary: &Summary) -> String {
    let seconds = summary.elapsed_ms as f64 / 1e3;
    format!("{} in {seconds:.1}s", Counts::of(summary).line())
}
