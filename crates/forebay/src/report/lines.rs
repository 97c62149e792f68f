//! A run in dbt's words: what people and scripts read in its log.

use std::collections::BTreeMap;

use forebay_core::graph::{Materialized, Spec};
use forebay_core::{Graph, NodeId, ResourceType};
use forebay_project::{Project, RunHook, When};
use forebay_runner::{Step, StepResult, Summary};
use forebay_store::RunStatus;
use serde_json::Map;

/// Where dbt's lines end and their state begins.
const WIDTH: usize = 80;

/// The first line of a run.
pub fn running_with() -> String {
    format!("Running with forebay={}", env!("CARGO_PKG_VERSION"))
}

/// Where a node's rows are, or what it is called.
pub fn place(step: &Step) -> String {
    let relation = step.relation.as_ref();
    relation.map_or(step.name.clone(), ToString::to_string)
}

/// What a test is called: a unit test with its model, `orders::counts_them`.
pub fn name(graph: &Graph, step: &Step) -> String {
    match graph.get(&step.node).map(|node| &node.spec) {
        Some(Spec::UnitTest(test)) => {
            let model = graph.get(&test.model).map_or("", |model| &model.name);
            format!("{model}::{}", step.name)
        }
        _ => step.name.clone(),
    }
}

/// `sql view model main.stg_orders`.
pub fn description(graph: &Graph, step: &Step) -> String {
    let place = place(step);
    match step.resource_type {
        ResourceType::Model => {
            let language = language(graph, step);
            format!(
                "{language} {} model {place}",
                materialized(graph, &step.node)
            )
        }
        ResourceType::Seed => format!("seed file {place}"),
        ResourceType::Test | ResourceType::UnitTest => {
            format!("{} {}", step.resource_type, name(graph, step))
        }
        ResourceType::SavedQuery => format!("saved query {place}"),
        kind => format!("{kind} {place}"),
    }
}

fn language(graph: &Graph, step: &Step) -> &'static str {
    match graph.get(&step.node).map(|node| &node.spec) {
        Some(Spec::Model(model)) => model.language.as_str(),
        _ => "sql",
    }
}

pub fn materialized<'a>(graph: &'a Graph, node: &NodeId) -> &'a str {
    match graph.get(node).map(|node| &node.spec) {
        Some(Spec::Model(model)) => Materialized::as_str(&model.materialized),
        Some(other) => other.resource_type().as_str(),
        None => "",
    }
}

/// `1 of 2 START hook: shop.on-run-start.0 ..... [RUN]`.
pub fn hook_start(hook: &RunHook, place: (usize, usize)) -> String {
    line(place, &format!("START hook: {}", hook.label), "RUN")
}

/// `1 of 2 OK hook: shop.on-run-start.0 ..... [OK in 0.01s]`.
pub fn hook_result(hook: &RunHook, place: (usize, usize), result: &StepResult) -> String {
    let state = state(result);
    let status = format!("{state} in {:.2}s", result.seconds());
    line(place, &format!("{state} hook: {}", hook.label), &status)
}

/// `3 of 28 START sql view model main.stg_orders ..... [RUN]`.
pub fn start(graph: &Graph, step: &Step, total: usize) -> String {
    let said = format!("START {}", description(graph, step));
    line((step.number, total), &said, "RUN")
}

/// `3 of 28 OK created sql view model main.stg_orders ..... [OK in 0.06s]`.
pub fn result(graph: &Graph, step: &Step, result: &StepResult, total: usize) -> String {
    let what = description(graph, step);
    let state = state(result);
    let said = match (step.resource_type, result.status) {
        (_, RunStatus::Skipped | RunStatus::Interrupted) => {
            let relation = step.relation.as_ref();
            let skipped = relation.map(|relation| format!("relation {relation}"));
            let said = format!("SKIP {}", skipped.unwrap_or(what));
            return line((step.number, total), &said, "SKIP");
        }
        (ResourceType::Test | ResourceType::UnitTest, _) => {
            format!("{state} {}", name(graph, step))
        }
        (_, RunStatus::NoOp) => format!("NO-OP {what}"),
        (ResourceType::Snapshot, RunStatus::Error) => {
            format!("ERROR snapshotting {}", place(step))
        }
        (_, RunStatus::Error) if result.partly().is_some() => format!("PARTIALLY created {what}"),
        (_, RunStatus::Error) => format!("ERROR {} {what}", doing(step.resource_type)),
        (ResourceType::Seed, RunStatus::Success) => format!("OK loaded {what}"),
        (ResourceType::Snapshot, RunStatus::Success) => format!("OK snapshotted {}", place(step)),
        (kind, _) => format!("{state} {} {what}", done(kind)),
    };
    let status = format!("{state} in {:.2}s", result.seconds());
    line((step.number, total), &said, &status)
}

/// `PASS`, `FAIL 3`, `INSERT 100`, `OK`.
pub fn state(result: &StepResult) -> String {
    let failures = result.details["failures"].as_u64().unwrap_or(0);
    let test = matches!(
        result.resource_type,
        ResourceType::Test | ResourceType::UnitTest
    );
    if let Some((done, all)) = result.partly() {
        return format!("PARTIAL SUCCESS ({done}/{all})");
    }
    match (result.status, result.details["rows"].as_u64()) {
        (RunStatus::Success, _) if test => "PASS".to_owned(),
        (RunStatus::Success, Some(rows)) if result.resource_type == ResourceType::Seed => {
            format!("{} {rows}", result.code())
        }
        (RunStatus::Success, _) => "OK".to_owned(),
        (RunStatus::NoOp, _) => "NO-OP".to_owned(),
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
        ResourceType::Model | ResourceType::Function => "creating",
        _ => "running",
    }
}

fn done(kind: ResourceType) -> &'static str {
    match kind {
        ResourceType::Seed | ResourceType::Source => "loaded",
        ResourceType::Snapshot => "snapshotted",
        ResourceType::Model | ResourceType::Function => "created",
        _ => "ran",
    }
}

fn line((number, total): (usize, usize), said: &str, status: &str) -> String {
    let text = format!("{number} of {total} {said} ");
    format!("{text:.<WIDTH$} [{status}]")
}

/// `5 models, 3 seeds, 20 data tests, 1 operation`.
pub fn found(project: &Project) -> String {
    let mut counts: Vec<(ResourceType, usize)> = Vec::new();
    for kind in ResourceType::ALL {
        let count = match kind {
            ResourceType::Operation => [When::Before, When::After]
                .map(|when| project.run_hooks(when, &Map::new()).len())
                .iter()
                .sum(),
            kind => {
                let nodes = project.graph.nodes.values();
                nodes.filter(|node| node.resource_type() == *kind).count()
            }
        };
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

/// dbt's order: models, seeds, snapshots, tests, hooks, sources, then what else there is.
fn order(kind: ResourceType) -> usize {
    use ResourceType::{Model, Operation, Seed, Snapshot, Source, Test};
    let known = [Model, Seed, Snapshot, Test, Operation, Source];
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

/// What ran, by kind: `1 project hook, 3 seeds, 2 table models, 20 data tests`.
pub fn ran(graph: &Graph, results: &[StepResult]) -> String {
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for result in results {
        let name = match result.resource_type {
            ResourceType::Model => format!("{} model", materialized(graph, &result.node)),
            ResourceType::Operation => "project hook".to_owned(),
            kind => kind.as_str().to_owned(),
        };
        *counts.entry(name).or_default() += 1;
    }
    // Sorted by names in which a data test is a test.
    let word = |name: &str| match name {
        "test" => "data test".to_owned(),
        name => name.replace('_', " "),
    };
    let parts = counts
        .iter()
        .map(|(name, count)| counted(*count, &word(name)));
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
    /// Of the errors, those that are done in part.
    pub partial: usize,
    pub skip: usize,
    pub nothing: usize,
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
            partial: summary
                .results
                .iter()
                .filter(|result| result.partly().is_some())
                .count(),
            skip: count(RunStatus::Skipped) + count(RunStatus::Interrupted),
            nothing: count(RunStatus::NoOp),
            total: summary.results.len(),
            interrupted: summary.status == RunStatus::Interrupted,
        }
    }

    /// dbt's last line.
    pub fn line(&self) -> String {
        format!(
            "Done. PASS={} WARN={} ERROR={} SKIP={} NO-OP={} TOTAL={}",
            self.pass, self.warn, self.error, self.skip, self.nothing, self.total
        )
    }

    /// `Completed with 1 error, 0 partial successes, and 0 warnings`.
    pub fn ending(&self) -> String {
        match (self.error, self.warn) {
            _ if self.interrupted => "Exited because of keyboard interrupt".to_owned(),
            (0, 0) => "Completed successfully".to_owned(),
            (errors, warnings) => format!(
                "Completed with {}, {}, and {}:",
                counted(errors - self.partial, "error"),
                match self.partial {
                    1 => "1 partial success".to_owned(),
                    partial => format!("{partial} partial successes"),
                },
                counted(warnings, "warning")
            ),
        }
    }
}

/// What is said of a node that went wrong, besides its message.
pub struct Trouble {
    /// `Failure in test unique_orders_id (models/schema.yml)`.
    pub head: String,
    pub file: String,
    /// Of a node that ran to its end and still went wrong: an error says itself where it is.
    pub place: Option<String>,
}

pub fn trouble(graph: &Graph, result: &StepResult) -> Option<Trouble> {
    let word = match result.status {
        RunStatus::Error | RunStatus::Fail => "Failure",
        RunStatus::Warn => "Warning",
        _ => return None,
    };
    let at = graph.get(&result.node).map(|node| &node.location);
    let file = match result.resource_type {
        ResourceType::Operation => "./dbt_project.yml".to_owned(),
        _ => at.map_or_else(String::new, |at| at.file.display().to_string()),
    };
    let place = at.filter(|_| result.status != RunStatus::Error);
    let place = place.map(ToString::to_string);
    let (kind, name) = (result.resource_type, &result.name);
    let head = format!("{word} in {kind} {name} ({file})");
    Some(Trouble { head, file, place })
}
