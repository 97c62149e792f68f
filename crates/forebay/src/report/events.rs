//! A run as dbt's events, as orchestrators read them, and as the lines that dbt logs them by.

use std::sync::Mutex;

use forebay_core::ResourceType;
use forebay_project::RunHook;
use forebay_runner::{Event, Reporter, Step, StepResult, Summary, Workspace};
use forebay_store::RunStatus;
use serde_json::{Value as Json, json};

use super::kinds::{self, Kind};
use super::lines::{self, Counts};
use super::log::{Entry, Level, Log};
use super::{node_info, out};

/// Lines of text for where there is no terminal.
pub struct Text {
    /// Where stdout is for something else.
    pub to_stderr: bool,
}

pub struct Events<'a> {
    pub workspace: &'a Workspace,
    pub log: &'a Log,
    pub text: Option<Text>,
    /// The folder of artifacts, as it is written.
    pub target: String,
    pub threads: usize,
    pub planned: Mutex<Vec<Step>>,
}

impl Events<'_> {
    fn write(&self, kind: Kind, level: Level, msg: &str, data: &dyn Fn() -> Json) {
        let entry = Entry {
            kind,
            level,
            msg,
            data,
        };
        self.log.write(&entry);
        self.print(level, msg);
    }

    fn info(&self, kind: Kind, msg: &str, data: &dyn Fn() -> Json) {
        self.write(kind, Level::Info, msg, data);
    }

    fn debug(&self, kind: Kind, msg: &str, data: &dyn Fn() -> Json) {
        self.write(kind, Level::Debug, msg, data);
    }

    fn blank(&self, level: Level) {
        self.write(kinds::BLANK, level, "", &|| json!({"msg": ""}));
    }

    /// The time is that of the clock, in UTC.
    fn print(&self, level: Level, msg: &str) {
        let Some(text) = self.text.as_ref().filter(|_| level >= self.log.level) else {
            return;
        };
        let time = self.workspace.clock.now().format("%H:%M:%S");
        for line in msg.lines().chain(msg.is_empty().then_some("")) {
            let line = format!("{time}  {line}");
            match text.to_stderr {
                true => out::error_line(&line),
                false => drop(out::line(&line)),
            }
        }
    }

    fn node_info(&self, step: &Step, result: Option<&StepResult>) -> Json {
        let now = self.log.clock.now().format("%Y-%m-%dT%H:%M:%S%.6f");
        node_info::of_step(self.workspace, step, result, &now.to_string())
    }

    fn began(&self, steps: usize) {
        let project = &self.workspace.project;
        self.print(Level::Info, &lines::running_with());
        self.print(Level::Info, &format!("Found {}", lines::found(project)));
        self.blank(Level::Info);
        let (target, threads) = (project.target_name(), self.threads);
        let msg = format!("Concurrency: {threads} threads (target='{target}')");
        self.info(
            kinds::CONCURRENCY,
            &msg,
            &|| json!({"node_count": steps, "num_threads": threads, "target_name": target}),
        );
        self.blank(Level::Info);
    }

    fn hook(&self, hook: &RunHook, (index, total): (usize, usize)) -> Json {
        json!({
            "index": index,
            "node_info": node_info::of_hook(hook, self.workspace.project.database()),
            "statement": hook.label,
            "total": total,
        })
    }

    fn hook_finished(&self, hook: &RunHook, place: (usize, usize), result: &StepResult) {
        let msg = lines::hook_result(hook, place, result);
        self.info(kinds::HOOK_END, &msg, &|| {
            let mut data = self.hook(hook, place);
            data["status"] = result.dbt_status();
            data["node_info"]["node_status"] = result.dbt_status();
            data["execution_time"] = json!(result.seconds());
            data
        });
        if place.0 == place.1 {
            self.blank(Level::Info);
        }
    }

    fn node_start(&self, step: &Step) {
        let msg = format!("Began running node {}", step.node);
        self.debug(
            kinds::NODE_START,
            &msg,
            &|| json!({"node_info": self.node_info(step, None)}),
        );
    }

    fn started(&self, step: &Step, total: usize) {
        let graph = self.workspace.graph();
        self.node_start(step);
        self.info(kinds::START, &lines::start(graph, step, total), &|| {
            json!({
                "description": lines::description(graph, step),
                "index": step.number,
                "node_info": self.node_info(step, None),
                "total": total,
            })
        });
    }

    fn finished(&self, step: &Step, result: &StepResult, total: usize) {
        let id = &step.node;
        if result.started_ms.is_none() {
            self.node_start(step);
        }
        if let Some(sql) = &result.sql {
            let sql = self.workspace.project.commented(id, sql);
            let sql = sql.unwrap_or_default();
            self.debug(
                kinds::QUERY,
                &format!("On {id}: {sql}"),
                &|| json!({"conn_name": id, "node_info": self.node_info(step, None), "sql": sql}),
            );
        }
        let msg = lines::result(self.workspace.graph(), step, result, total);
        let (kind, level) = (kind_of(step, result), level_of(result));
        self.write(kind, level, &msg, &|| self.data(kind, step, result, total));
        self.debug(
            kinds::NODE_FINISHED,
            &format!("Finished running node {id}"),
            &|| {
                json!({
                    "node_info": self.node_info(step, Some(result)),
                    "run_result": node_info::run_result(result),
                })
            },
        );
        if !result.status.lets_children_run() {
            self.skips_children(result);
        }
    }

    fn skips_children(&self, result: &StepResult) {
        let status = result.dbt_status();
        let msg = format!(
            "Marking all children of '{}' to be skipped because of status {status}.  Reason: {}.",
            result.node, result.message
        );
        self.debug(kinds::SKIPPED_BELOW, &msg, &|| {
            json!({
                "run_result": node_info::run_result(result),
                "status": status,
                "unique_id": result.node,
            })
        });
    }

    /// What an event of that kind says of a node that has ended.
    fn data(&self, kind: Kind, step: &Step, result: &StepResult, total: usize) -> Json {
        let graph = self.workspace.graph();
        let schema = step.relation.as_ref().map(|relation| &relation.schema);
        let mut data = json!({
            "index": step.number,
            "node_info": self.node_info(step, Some(result)),
        });
        if kind.0 != kinds::SKIP.0 {
            data["execution_time"] = json!(result.seconds());
            data["status"] = result.dbt_status();
        }
        if kind.0 != kinds::TEST.0 {
            data["total"] = json!(total);
        }
        let mut and = |key: &str, value: Json| data[key] = value;
        match kind.0 {
            "LogTestResult" => {
                and("name", json!(lines::name(graph, step)));
                and("num_models", json!(total));
                and(
                    "num_failures",
                    json!(result.details["failures"].as_u64().unwrap_or(0)),
                );
                let entry = self
                    .workspace
                    .project
                    .described(&step.node)
                    .unwrap_or_default();
                and(
                    "attached_node",
                    json!(entry["attached_node"].as_str().unwrap_or_default()),
                );
            }
            "LogSeedResult" => {
                and(
                    "relation",
                    json!(step.relation.as_ref().map(|relation| &relation.name)),
                );
                and("result_message", json!(lines::state(result)));
                and("schema", json!(schema));
            }
            "SkippingDetails" => {
                and("node_name", json!(step.name));
                and("resource_type", json!(step.resource_type.as_str()));
                and("schema", json!(schema));
            }
            "LogSnapshotResult" => {
                and("cfg", self.snapshot(step));
                and("description", json!(lines::place(step)));
                and("result_message", json!(lines::state(result)));
            }
            _ => {
                and("description", json!(lines::description(graph, step)));
                if result.status == RunStatus::Success {
                    and("status", json!(lines::state(result)));
                }
            }
        }
        data
    }

    /// A snapshot's settings, each as a text.
    fn snapshot(&self, step: &Step) -> Json {
        let entry = self
            .workspace
            .project
            .described(&step.node)
            .unwrap_or_default();
        let settings = entry["config"].as_object().cloned().unwrap_or_default();
        let text = |value: &Json| value.as_str().map_or(value.to_string(), str::to_owned);
        let texts = settings.iter().filter(|(_, value)| !value.is_null());
        texts
            .map(|(key, value)| (key.clone(), Json::from(text(value))))
            .collect::<serde_json::Map<_, _>>()
            .into()
    }

    fn ended(&self, summary: &Summary, planned: &[Step]) {
        let graph = self.workspace.graph();
        let (counts, elapsed) = (Counts::of(summary), lines::elapsed(summary));
        let seconds = summary.elapsed_ms as f64 / 1e3;
        let ran = lines::ran(graph, &summary.results);
        self.blank(Level::Info);
        let msg = format!("Finished running {ran}{elapsed} ({seconds:.2}s).");
        self.info(
            kinds::FINISHED,
            &msg,
            &|| json!({"execution": elapsed, "execution_time": seconds, "stat_line": ran}),
        );
        self.debug(kinds::RUN_ENDED, "Command end result", &|| {
            let results: Vec<Json> = summary.results.iter().map(node_info::run_result).collect();
            json!({
                "elapsed_time": seconds,
                "generated_at": super::log::stamp(self.log.clock.now()),
                "results": results,
                "success": summary.exit_code() == 0,
            })
        });
        self.blank(Level::Info);
        self.info(kinds::END, &counts.ending(), &|| {
            json!({
                "keyboard_interrupt": summary.status == RunStatus::Interrupted,
                "num_errors": counts.error - counts.partial,
                "num_partial_success": counts.partial,
                "num_warnings": counts.warn,
            })
        });
        let of =
            |warns: bool| move |result: &&StepResult| (result.status == RunStatus::Warn) == warns;
        let results = summary.results.iter();
        for result in results
            .clone()
            .filter(of(false))
            .chain(results.filter(of(true)))
        {
            self.trouble(result, planned);
        }
        self.blank(Level::Info);
        self.info(kinds::STATS, &counts.line(), &|| {
            json!({"stats": {
                "error": counts.error,
                "noop": counts.nothing,
                "pass": counts.pass,
                "skip": counts.skip,
                "total": counts.total,
                "warn": counts.warn,
            }})
        });
    }

    /// What went wrong with a node, why, and where to look.
    fn trouble(&self, result: &StepResult, planned: &[Step]) {
        let graph = self.workspace.graph();
        let Some(trouble) = lines::trouble(graph, result) else {
            return;
        };
        let warns = result.status == RunStatus::Warn;
        let level = if warns { Level::Warn } else { Level::Error };
        let (head, why) = match warns {
            true => (kinds::RESULT_WARNING, kinds::RESULT_MESSAGE),
            false => (kinds::RESULT_FAILURE, kinds::RESULT_ERROR),
        };
        let step = planned.iter().find(|step| step.node == result.node);
        let info = || step.map(|step| self.node_info(step, Some(result)));
        self.blank(level);
        self.write(head, level, &trouble.head, &|| {
            json!({
                "node_info": info(),
                "node_name": result.name,
                "path": trouble.file,
                "resource_type": result.resource_type.as_str(),
            })
        });
        let place = trouble.place.map(|place| format!("  --> {place}"));
        let lines = result.message.lines().chain(place.as_deref());
        let lines: Vec<String> = lines.map(|line| format!("  {line}")).collect();
        self.write(
            why,
            level,
            &lines.join("\n"),
            &|| json!({"msg": result.message, "node_info": info()}),
        );
        let node = graph.get(&result.node);
        if let (Some(node), Some(_)) = (node, &result.sql) {
            let path = self.workspace.project.compiled_path(node);
            let path = format!("{}/compiled/{}", self.target, path.display());
            self.blank(Level::Info);
            self.info(
                kinds::RESULT_AT,
                &format!("  compiled code at {path}"),
                &|| json!({"node_info": info(), "path": path}),
            );
        }
        let kept = node.filter(|_| result.resource_type == ResourceType::Test);
        if let Some(relation) = kept.and_then(|node| self.workspace.project.written(node)) {
            let (query, rule) = (format!("select * from {relation}"), "-".repeat(19));
            self.blank(Level::Info);
            let msg = format!("  See test failures:\n  {rule}\n  {query}\n  {rule}");
            self.info(
                kinds::RESULT_KEPT,
                &msg,
                &|| json!({"node_info": info(), "relation_name": relation}),
            );
        }
    }
}

fn kind_of(step: &Step, result: &StepResult) -> Kind {
    match (step.resource_type, result.status) {
        (_, RunStatus::Skipped | RunStatus::Interrupted) => kinds::SKIP,
        (_, RunStatus::NoOp) => kinds::NOTHING,
        (ResourceType::Test | ResourceType::UnitTest, _) => kinds::TEST,
        (ResourceType::Seed, _) => kinds::SEED,
        (ResourceType::Snapshot, _) => kinds::SNAPSHOT,
        (ResourceType::Model, _) => kinds::MODEL,
        _ => kinds::NODE,
    }
}

fn level_of(result: &StepResult) -> Level {
    match result.status {
        RunStatus::Error | RunStatus::Fail => Level::Error,
        RunStatus::Warn => Level::Warn,
        _ => Level::Info,
    }
}

impl Reporter for Events<'_> {
    fn report(&self, event: &Event<'_>) {
        let mut planned = self
            .planned
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        let total = planned.len();
        let note = |level: Level, msg: &str| {
            self.write(kinds::NOTE, level, msg, &|| json!({"msg": msg}));
        };
        match event {
            Event::Started { plan, .. } => {
                planned.clone_from(&plan.steps);
                self.began(plan.steps.len());
            }
            Event::HookStarted { hook, place } => {
                let msg = lines::hook_start(hook, *place);
                self.info(kinds::HOOK_START, &msg, &|| self.hook(hook, *place));
            }
            Event::HookFinished {
                hook,
                place,
                result,
            } => self.hook_finished(hook, *place, result),
            Event::StepStarted { step } => self.started(step, total),
            Event::StepSaid { step, line } => note(Level::Info, &format!("{} | {line}", step.name)),
            Event::StepRetried {
                step,
                attempt,
                message,
                ..
            } => note(
                Level::Warn,
                &format!(
                    "retry of {}: attempt {attempt} failed: {message}",
                    step.name
                ),
            ),
            Event::StepFinished { step, result } => self.finished(step, result, total),
            Event::Said { message } => {
                self.info(kinds::SAID, message, &|| json!({"msg": message}));
            }
            Event::Stopping => note(Level::Info, "stopping"),
            Event::Finished { summary } => self.ended(summary, &planned),
        }
    }
}

/// Two that hear the same: the terminal, and the log.
pub struct Both<'a>(pub Box<dyn Reporter + 'a>, pub Box<dyn Reporter + 'a>);

impl Reporter for Both<'_> {
    fn report(&self, event: &Event<'_>) {
        self.0.report(event);
        self.1.report(event);
    }
}
