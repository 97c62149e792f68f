//! A run in dbt's words: what people and scripts read in its log.

use forebay_core::graph::{Materialized, Spec};
use forebay_core::{Graph, ResourceType};
use forebay_runner::{Step, StepResult, Summary};
use forebay_store::RunStatus;

/// Where dbt's lines end and their state begins.
const WIDTH: usize = 80;

/// `sql view model main.stg_orders`.
pub fn description(graph: &Graph, step: &Step) -> String {
    let place = step
        .relation
        .as_ref()
        .map_or(step.name.clone(), ToString::to_string);
    match step.resource_type {
        ResourceType::Model => {
            let language = language(graph, step);
            format!("{language} {} model {place}", materialized(graph, step))
        }
        ResourceType::Seed => format!("seed file {place}"),
        ResourceType::Test | ResourceType::UnitTest => {
            format!("{} {}", step.resource_type, step.name)
        }
        kind => format!("{kind} {place}"),
    }
}

fn language(graph: &Graph, step: &Step) -> &'static str {
    match graph.get(&step.node).map(|node| &node.spec) {
        Some(Spec::Model(model)) => model.language.as_str(),
        _ => "sql",
    }
}

pub fn materialized<'a>(graph: &'a Graph, step: &Step) -> &'a str {
    match graph.get(&step.node).map(|node| &node.spec) {
        Some(Spec::Model(model)) => Materialized::as_str(&model.materialized),
        _ => step.resource_type.as_str(),
    }
}

/// `3 of 28 START sql view model main.stg_orders ..... [RUN]`.
pub fn start(graph: &Graph, step: &Step, total: usize) -> String {
    line(
        step,
        total,
        &format!("START {}", description(graph, step)),
        "RUN",
    )
}

/// `3 of 28 OK created sql view model main.stg_orders ..... [OK in 0.06s]`.
pub fn result(graph: &Graph, step: &Step, result: &StepResult, total: usize) -> String {
    let what = description(graph, step);
    let state = state(result);
    let said = match (step.resource_type, result.status) {
        (_, RunStatus::Skipped | RunStatus::Interrupted) => {
            let place = step
                .relation
                .as_ref()
                .map(|relation| format!("relation {relation}"));
            return line(
                step,
                total,
                &format!("SKIP {}", place.unwrap_or(what)),
                "SKIP",
            );
        }
        (ResourceType::Test | ResourceType::UnitTest, _) => format!("{state} {}", step.name),
        (_, RunStatus::Error) => format!("ERROR {} {what}", doing(step.resource_type)),
        (ResourceType::Seed, RunStatus::Success) => format!("OK loaded {what}"),
        (kind, _) => format!("{state} {} {what}", done(kind)),
    };
    let status = format!("{state} in {:.2}s", result.seconds());
    line(step, total, &said, &status)
}

/// `PASS`, `FAIL 3`, `INSERT 100`, `OK`.
pub fn state(result: &StepResult) -> String {
    let failures = result.details["failures"].as_u64().unwrap_or(0);
    let test = matches!(
        result.resource_type,
        ResourceType::Test | ResourceType::UnitTest
    );
    match (result.status, result.details["rows"].as_u64()) {
        (RunStatus::Success, _) if test => "PASS".to_owned(),
        (RunStatus::Success, Some(rows)) if result.resource_type == ResourceType::Seed => {
            format!("INSERT {rows}")
        }
        (RunStatus::Success, _) => "OK".to_owned(),
        (RunStatus::Warn, _) if test => format!("WARN {failures}"),
        (RunStatus::Fail, _) if test => format!("FAIL {failures}"),
        (RunStatus::Warn, _) => "WARN".to_owned(),
        (RunStatus::Fail, _) => "FAIL".to_owned(),
        (RunStatus::Skipped | RunStatus::Interrupted, _) => "SKIP".to_owned(),
        _ => "ERROR".to_owned(),
    }
}

fn doing(kind: ResourceType) -> &'static str {
    match kind {
        ResourceType::Seed | ResourceType::Source => "loading",
        ResourceType::Snapshot => "snapshotting",
        ResourceType::Model => "creating",
        _ => "running",
    }
}

fn done(kind: ResourceType) -> &'static str {
    match kind {
        ResourceType::Seed | ResourceType::Source => "loaded",
        ResourceType::Snapshot => "snapshotted",
        ResourceType::Model => "created",
        _ => "ran",
    }
}

fn line(step: &Step, total: usize, said: &str, status: &str) -> String {
    let text = format!("{} of {total} {said} ", step.number);
    format!("{text:.<WIDTH$} [{status}]")
}

/// `5 models, 3 seeds, 20 data tests`.
pub fn found(graph: &Graph) -> String {
    let mut counts: Vec<(ResourceType, usize)> = Vec::new();
    for kind in ResourceType::ALL {
        let nodes = graph.nodes.values();
        let count = nodes.filter(|node| node.resource_type() == *kind).count();
        if count > 0 {
            counts.push((*kind, count));
        }
    }
    counts.sort_by_key(|(kind, _)| order(*kind));
    let parts = counts
        .iter()
        .map(|(kind, count)| counted(*count, &kind_name(*kind)));
    parts.collect::<Vec<_>>().join(", ")
}

/// dbt's order: models, seeds, snapshots, tests, sources, then what else there is.
fn order(kind: ResourceType) -> usize {
    use ResourceType::{Model, Seed, Snapshot, Source, Test};
    let known = [Model, Seed, Snapshot, Test, Source];
    known.iter().position(|k| *k == kind).unwrap_or(known.len())
}

fn kind_name(kind: ResourceType) -> String {
    match kind {
        ResourceType::Test => "data test".to_owned(),
        kind => kind.as_str().replace('_', " "),
    }
}

fn counted(count: usize, name: &str) -> String {
    match (count, name.strip_suffix('y')) {
        (1, _) => format!("1 {name}"),
        (count, Some(stem)) => format!("{count} {stem}ies"),
        (count, None) if name.ends_with('s') => format!("{count} {name}es"),
        (count, None) => format!("{count} {name}s"),
    }
}

/// What ran, by kind: `3 seeds, 2 table models, 20 data tests`.
pub fn ran(graph: &Graph, steps: &[Step]) -> String {
    let mut counts: Vec<(String, usize)> = Vec::new();
    for step in steps {
        let name = match step.resource_type {
            ResourceType::Model => format!("{} model", materialized(graph, step)),
            kind => kind_name(kind),
        };
        match counts.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => counts.push((name, 1)),
        }
    }
    let parts = counts.iter().map(|(name, count)| counted(*count, name));
    parts.collect::<Vec<_>>().join(", ")
}

/// ` in 0 hours 0 minutes and 0.72 seconds`.
pub fn elapsed(summary: &Summary) -> String {
    let seconds = summary.elapsed_ms as f64 / 1e3;
    let (hours, minutes) = ((seconds / 3600.0) as u64, (seconds % 3600.0 / 60.0) as u64);
    format!(
        " in {hours} hours {minutes} minutes and {:.2} seconds",
        seconds % 60.0
    )
}

/// What the last line counts.
pub struct Counts {
    pub pass: usize,
    pub warn: usize,
    pub error: usize,
    pub skip: usize,
    pub total: usize,
    pub interrupted: bool,
}

impl Counts {
    pub fn of(summary: &Summary) -> Self {
        let count = |status| summary.count(status);
        Self {
            pass: count(RunStatus::Success),
            warn: count(RunStatus::Warn),
            error: count(RunStatus::Error) + count(RunStatus::Fail),
            skip: count(RunStatus::Skipped) + count(RunStatus::Interrupted),
            total: summary.results.len(),
            interrupted: summary.status == RunStatus::Interrupted,
        }
    }

    /// dbt's last line.
    pub fn line(&self) -> String {
        format!(
            "Done. PASS={} WARN={} ERROR={} SKIP={} NO-OP=0 TOTAL={}",
            self.pass, self.warn, self.error, self.skip, self.total
        )
    }

    /// `Completed with 1 error, 0 partial successes, and 0 warnings`.
    pub fn ending(&self) -> String {
        match (self.error, self.warn) {
            _ if self.interrupted => "Exited because of keyboard interrupt".to_owned(),
            (0, 0) => "Completed successfully".to_owned(),
            (errors, warnings) => format!(
                "Completed with {}, 0 partial successes, and {}:",
                counted(errors, "error"),
                counted(warnings, "warning")
            ),
        }
    }
}

/// `Failure in test unique_orders_id (models/schema.yml)`, and why.
pub fn trouble(graph: &Graph, result: &StepResult) -> Option<[String; 2]> {
    let word = match result.status {
        RunStatus::Error => "Error",
        RunStatus::Fail => "Failure",
        RunStatus::Warn => "Warning",
        _ => return None,
    };
    let file = graph
        .get(&result.node)
        .map(|node| node.location.file.display().to_string());
    let head = format!(
        "{word} in {} {} ({})",
        result.resource_type,
        result.name,
        file.unwrap_or_default()
    );
    Some([head, result.message.clone()])
}
