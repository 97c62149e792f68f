//! `--log-format json`: dbt's structured events, one object a line, as orchestrators read them.
//!
//! Names, codes and data follow dbt's `core_types.proto` (log version 3).

use std::sync::Mutex;

use chrono::{DateTime, SecondsFormat, Utc};
use forebay_core::ResourceType;
use forebay_project::RunHook;
use forebay_runner::{Clock, Event, Reporter, Step, StepResult, Workspace};
use forebay_store::RunStatus;
use serde_json::{Value as Json, json};

use super::lines::{self, Counts};
use super::out;

/// One kind of event: its name and its code.
#[derive(Clone, Copy)]
pub struct Kind(pub &'static str, pub &'static str);

pub const VERSION: Kind = Kind("MainReportVersion", "A001");
pub const FOUND: Kind = Kind("FoundStats", "W006");
pub const CONCURRENCY: Kind = Kind("ConcurrencyLine", "Q027");
pub const START: Kind = Kind("LogStartLine", "Q011");
pub const TEST: Kind = Kind("LogTestResult", "Q007");
pub const MODEL: Kind = Kind("LogModelResult", "Q012");
pub const SNAPSHOT: Kind = Kind("LogSnapshotResult", "Q015");
pub const SEED: Kind = Kind("LogSeedResult", "Q016");
pub const NODE: Kind = Kind("LogNodeResult", "Q008");
pub const NOTHING: Kind = Kind("LogNodeNoOpResult", "Q019");
pub const HOOK_START: Kind = Kind("LogHookStartLine", "Q032");
pub const HOOK_END: Kind = Kind("LogHookEndLine", "Q033");
pub const SKIP: Kind = Kind("SkippingDetails", "Z033");
pub const FINISHED: Kind = Kind("FinishedRunningStats", "E047");
pub const END: Kind = Kind("EndOfRunSummary", "Z030");
pub const ERROR: Kind = Kind("RunResultError", "Z024");
pub const STATS: Kind = Kind("StatsLine", "Z023");
pub const COMPLETED: Kind = Kind("CommandCompleted", "Q039");
pub const SAID: Kind = Kind("JinjaLogInfo", "I062");
pub const NOTE: Kind = Kind("Note", "Z050");
pub const TROUBLE: Kind = Kind("MainEncounteredError", "Z002");

/// Writes events; what is asked for on stdout goes there too, so that one reader gets all.
pub struct Sink {
    pub clock: Clock,
    pub invocation: String,
    pub began: DateTime<Utc>,
    pub quiet: bool,
}

impl Sink {
    /// Seconds since the program began.
    pub fn elapsed(&self) -> f64 {
        (self.clock.now() - self.began).num_milliseconds() as f64 / 1e3
    }

    pub fn write(&self, kind: Kind, level: &str, msg: &str, data: Json) {
        if self.quiet && level != "error" {
            return;
        }
        let event = json!({
            "info": {
                "category": "",
                "code": kind.1,
                "extra": {},
                "invocation_id": self.invocation,
                "level": level,
                "msg": msg,
                "name": kind.0,
                "pid": std::process::id(),
                "thread": "MainThread",
                "ts": stamp(self.clock.now()),
            },
            "data": data,
        });
        let _ = out::line(&event.to_string());
    }
}

pub fn stamp(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Micros, true)
}

pub struct Events<'a> {
    pub workspace: &'a Workspace,
    pub sink: &'a Sink,
    pub threads: usize,
    pub planned: Mutex<Vec<Step>>,
}

impl Events<'_> {
    fn info(&self, kind: Kind, msg: &str, data: Json) {
        self.sink.write(kind, "info", msg, data);
    }

    fn node_info(&self, step: &Step, result: Option<&StepResult>) -> Json {
        let graph = self.workspace.graph();
        let node = graph.get(&step.node);
        let at = |ms: i64| DateTime::from_timestamp_millis(ms).map(stamp);
        let started = result.and_then(|r| r.started_ms).and_then(at);
        let relation = step.relation.as_ref();
        let database = self.workspace.project.database();
        json!({
            "materialized": lines::materialized(graph, &step.node),
            "meta": {},
            "node_checksum": "",
            "node_name": step.name,
            "node_path": node.map(|node| self.workspace.project.path_in_package(node)),
            "node_relation": {
                "alias": relation.map(|r| r.name.as_str()),
                "database": database,
                "relation_name": relation.map(|relation| relation.sql_in(database)),
                "schema": relation.map(|r| r.schema.as_str()),
            },
            "node_started_at": started.unwrap_or_else(|| stamp(self.sink.clock.now())),
            "node_finished_at": result.and_then(|r| at(r.finished_ms)).unwrap_or_default(),
            "node_status": result.map_or("started".into(), StepResult::dbt_status),
            "resource_type": step.resource_type.as_str(),
            "unique_id": step.node,
        })
    }

    fn hook(&self, hook: &RunHook, (index, total): (usize, usize)) -> Json {
        json!({
            "index": index,
            "node_info": {"node_name": hook.name, "resource_type": "operation", "unique_id": hook.id},
            "statement": hook.label,
            "total": total,
        })
    }

    fn finished(&self, step: &Step, result: &StepResult, total: usize) {
        let graph = self.workspace.graph();
        let msg = lines::result(graph, step, result, total);
        let level = match result.status {
            RunStatus::Error | RunStatus::Fail => "error",
            RunStatus::Warn => "warn",
            _ => "info",
        };
        let kind = match (step.resource_type, result.status) {
            (_, RunStatus::Skipped | RunStatus::Interrupted) => SKIP,
            (_, RunStatus::NoOp) => NOTHING,
            (ResourceType::Test | ResourceType::UnitTest, _) => TEST,
            (ResourceType::Seed, _) => SEED,
            (ResourceType::Snapshot, _) => SNAPSHOT,
            (ResourceType::Model, _) => MODEL,
            _ => NODE,
        };
        let mut data = json!({
            "description": lines::description(graph, step),
            "execution_time": result.seconds(),
            "index": step.number,
            "node_info": self.node_info(step, Some(result)),
            "status": result.dbt_status(),
            "total": total,
        });
        if kind.0 == TEST.0 {
            data["name"] = json!(step.name);
            data["num_models"] = json!(total);
            data["num_failures"] = json!(result.details["failures"].as_u64().unwrap_or(0));
        }
        if matches!(kind.0, "LogModelResult" | "LogNodeResult") {
            data["status"] = json!(lines::state(result));
        }
        self.sink.write(kind, level, &msg, data);
    }

    fn ended(&self, summary: &forebay_runner::Summary, planned: &[Step]) {
        let graph = self.workspace.graph();
        let (counts, elapsed) = (Counts::of(summary), lines::elapsed(summary));
        let seconds = summary.elapsed_ms as f64 / 1e3;
        let ran = lines::ran(graph, &summary.results);
        let msg = format!("Finished running {ran}{elapsed} ({seconds:.2}s).");
        let data = json!({"execution": elapsed, "execution_time": seconds, "stat_line": ran});
        self.info(FINISHED, &msg, data);
        let data = json!({
            "keyboard_interrupt": summary.status == RunStatus::Interrupted,
            "num_errors": counts.error,
            "num_partial_success": 0,
            "num_warnings": counts.warn,
        });
        self.info(END, &counts.ending(), data);
        for result in &summary.results {
            let Some([head, why]) = lines::trouble(graph, result) else {
                continue;
            };
            let step = planned.iter().find(|step| step.node == result.node);
            let info = step.map(|step| self.node_info(step, Some(result)));
            let data = json!({"msg": format!("{head}\n{why}"), "node_info": info});
            let level = match result.status {
                RunStatus::Warn => "warn",
                _ => "error",
            };
            self.sink
                .write(ERROR, level, &format!("{head}\n  {why}"), data);
        }
        let stats = json!({
            "error": counts.error,
            "noop": counts.nothing,
            "pass": counts.pass,
            "skip": counts.skip,
            "total": counts.total,
            "warn": counts.warn,
        });
        self.info(STATS, &counts.line(), json!({"stats": stats}));
    }
}

impl Reporter for Events<'_> {
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
                let found = lines::found(&self.workspace.project);
                self.info(
                    FOUND,
                    &format!("Found {found}"),
                    json!({"stat_line": found}),
                );
                let target = self.workspace.project.target_name();
                let msg = format!("Concurrency: {} threads (target='{target}')", self.threads);
                let (count, threads) = (plan.steps.len(), self.threads);
                let data =
                    json!({"node_count": count, "num_threads": threads, "target_name": target});
                self.info(CONCURRENCY, &msg, data);
            }
            Event::HookStarted { hook, place } => {
                let data = self.hook(hook, *place);
                self.info(HOOK_START, &lines::hook_start(hook, *place), data);
            }
            Event::HookFinished {
                hook,
                place,
                result,
            } => {
                let mut data = self.hook(hook, *place);
                data["status"] = result.dbt_status();
                data["execution_time"] = json!(result.seconds());
                self.info(HOOK_END, &lines::hook_result(hook, *place, result), data);
            }
            Event::StepStarted { step } => {
                let data = json!({
                    "description": lines::description(graph, step),
                    "index": step.number,
                    "node_info": self.node_info(step, None),
                    "total": total,
                });
                self.info(START, &lines::start(graph, step, total), data);
            }
            Event::StepSaid { step, line } => {
                let msg = format!("{} | {line}", step.name);
                self.info(NOTE, &msg, json!({"msg": msg}));
            }
            Event::StepRetried { step, message, .. } => {
                let msg = format!("retry of {}: {message}", step.name);
                self.sink.write(NOTE, "warn", &msg, json!({"msg": msg}));
            }
            Event::StepFinished { step, result } => self.finished(step, result, total),
            Event::Said { message } => self.info(SAID, message, json!({"msg": message})),
            Event::Stopping => self.info(NOTE, "stopping", json!({"msg": "stopping"})),
            Event::Finished { summary } => self.ended(summary, &planned),
        }
    }
}
