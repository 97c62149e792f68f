//! What happens during a run, as values for whoever prints or forwards it.

use forebay_core::{NodeId, ResourceType};
use forebay_project::RunHook;
use forebay_store::RunStatus;
use serde::Serialize;
use serde_json::json;

use crate::plan::{Plan, Step};

#[derive(Clone, Debug)]
pub enum Event<'a> {
    Started {
        plan: &'a Plan,
        invocation: &'a str,
    },
    /// `on-run-start` or `on-run-end`: `place` is its number and how many there are.
    HookStarted {
        hook: &'a RunHook,
        place: (usize, usize),
    },
    HookFinished {
        hook: &'a RunHook,
        place: (usize, usize),
        result: &'a StepResult,
    },
    StepStarted {
        step: &'a Step,
    },
    /// A line that a program printed which the step runs.
    StepSaid {
        step: &'a Step,
        line: &'a str,
    },
    /// The step failed and is tried again after the delay.
    StepRetried {
        step: &'a Step,
        attempt: u32,
        message: &'a str,
        delay_ms: u64,
    },
    /// A template or a program of the user says something.
    Said {
        message: &'a str,
    },
    StepFinished {
        step: &'a Step,
        result: &'a StepResult,
    },
    /// Ctrl-C was heard: nothing new starts.
    Stopping,
    Finished {
        summary: &'a Summary,
    },
}

/// Receives events in the order in which they happen, from one task at a time. Must not block long.
pub trait Reporter: Send + Sync {
    fn report(&self, event: &Event<'_>);
}

/// Says nothing.
pub struct Silent;

impl Reporter for Silent {
    fn report(&self, _: &Event<'_>) {}
}

/// How one step ended.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct StepResult {
    pub node: NodeId,
    pub name: String,
    pub resource_type: ResourceType,
    pub status: RunStatus,
    pub attempts: u32,
    pub started_ms: Option<i64>,
    pub finished_ms: i64,
    pub message: String,
    pub details: serde_json::Value,
    /// The query that ran, where there was one.
    #[serde(skip)]
    pub sql: Option<String>,
}

impl StepResult {
    pub fn seconds(&self) -> f64 {
        let started = self.started_ms.unwrap_or(self.finished_ms);
        (self.finished_ms - started) as f64 / 1e3
    }

    /// As dbt with DuckDB words it; our own words where there are none, and for what went wrong.
    pub fn dbt_message(&self) -> Option<String> {
        let rows = self.details["rows"].as_u64();
        match (self.resource_type, self.status, rows) {
            (_, RunStatus::Success, _) if self.in_batches() => Some("SUCCESS".into()),
            _ if self.message.is_empty() => None,
            (kind, RunStatus::Success, _) if kind.is_test() => None,
            (ResourceType::Seed, RunStatus::Success, Some(rows)) => {
                Some(format!("{} {rows}", self.code()))
            }
            (ResourceType::Model | ResourceType::Snapshot, RunStatus::Success, _) => {
                Some("OK".into())
            }
            _ => Some(self.message.clone()),
        }
    }

    /// What dbt's adapter for DuckDB answers.
    pub fn adapter_response(&self) -> serde_json::Value {
        let ok = json!({"_message": "OK"});
        let rows = self.details["rows"].as_u64();
        match (self.resource_type, self.status, rows) {
            _ if self.in_batches() => json!({}),
            (ResourceType::Seed, RunStatus::Success, Some(rows)) => json!({
                "_message": format!("{} {rows}", self.code()),
                "code": self.code(),
                "rows_affected": rows,
            }),
            (ResourceType::Model | ResourceType::Snapshot, RunStatus::Success, _) => ok,
            (ResourceType::Test, RunStatus::Success | RunStatus::Warn | RunStatus::Fail, _) => ok,
            _ => json!({}),
        }
    }

    /// What loading a seed did to its table.
    pub fn code(&self) -> &str {
        self.details["code"].as_str().unwrap_or("INSERT")
    }

    fn in_batches(&self) -> bool {
        self.details["batches"].is_object()
    }

    /// Of how many batches some are done, where others failed.
    pub fn partly(&self) -> Option<(usize, usize)> {
        let count = |how: &str| self.details["batches"][how].as_array().map(Vec::len);
        let (done, failed) = (count("successful")?, count("failed")?);
        (done > 0 && failed > 0).then_some((done, done + failed))
    }

    /// As dbt words it: a test passes, anything else succeeds; what was interrupted was skipped.
    pub fn dbt_status(&self) -> serde_json::Value {
        // Of a source it is how fresh it is.
        if let Some(status) = self.details["freshness"].as_str() {
            return status.into();
        }
        let test = matches!(
            self.resource_type,
            ResourceType::Test | ResourceType::UnitTest
        );
        match self.status {
            RunStatus::Error if self.partly().is_some() => "partial success".into(),
            RunStatus::Success if test => "pass".into(),
            RunStatus::Interrupted => "skipped".into(),
            // Only tests can fail or warn in dbt.
            RunStatus::Fail if !test => "error".into(),
            RunStatus::Warn if !test => "success".into(),
            status => json!(status),
        }
    }
}

/// How the run ended.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    pub invocation: String,
    pub status: RunStatus,
    pub results: Vec<StepResult>,
    pub elapsed_ms: i64,
}

impl Summary {
    pub fn count(&self, status: RunStatus) -> usize {
        self.results.iter().filter(|r| r.status == status).count()
    }

    /// dbt's exit codes: 0 all well, 1 a node or test failed.
    pub fn exit_code(&self) -> u8 {
        u8::from(!self.status.lets_children_run())
    }

    pub fn result(&self, id: &NodeId) -> Option<&StepResult> {
        self.results.iter().find(|result| result.node == *id)
    }
}
