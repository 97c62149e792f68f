//! Invocations and their node runs: every change of state, as it happens.

use std::fmt;

use forebay_core::{Diagnostic, NodeId};
use rusqlite::{OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};

use crate::Store;

/// State of an invocation or of one node's execution in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RunStatus {
    Queued,
    Running,
    Success,
    /// There was nothing to run, as for what is outside of the project.
    #[serde(rename = "no-op")]
    NoOp,
    /// Done, with something to look at: a test that warns, rows that were held.
    Warn,
    /// A test failed or a gate refused.
    Fail,
    Error,
    /// Not run, because something upstream did not succeed.
    Skipped,
    /// Ended by Ctrl-C or by the death of the process.
    Interrupted,
}

impl RunStatus {
    const ALL: &[(RunStatus, &str)] = &[
        (RunStatus::Queued, "queued"),
        (RunStatus::Running, "running"),
        (RunStatus::Success, "success"),
        (RunStatus::NoOp, "no-op"),
        (RunStatus::Warn, "warn"),
        (RunStatus::Fail, "fail"),
        (RunStatus::Error, "error"),
        (RunStatus::Skipped, "skipped"),
        (RunStatus::Interrupted, "interrupted"),
    ];

    pub fn as_str(self) -> &'static str {
        let (_, text) = Self::ALL
            .iter()
            .find(|(status, _)| *status == self)
            .expect("ALL lists every status");
        text
    }

    fn parse(text: &str) -> Self {
        let known = Self::ALL.iter().find(|(_, name)| *name == text);
        known.map_or(RunStatus::Error, |(status, _)| *status)
    }

    /// Whether what depends on the node may run.
    pub fn lets_children_run(self) -> bool {
        matches!(self, RunStatus::Success | RunStatus::NoOp | RunStatus::Warn)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One call of the program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invocation {
    pub id: String,
    pub command: String,
    /// The command line after the program's name.
    pub arguments: Vec<String>,
    pub pid: u32,
    pub status: RunStatus,
    pub started_ms: i64,
    pub finished_ms: Option<i64>,
}

/// One node's execution in an invocation; a retry is a further attempt.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NodeRun {
    pub invocation_id: String,
    pub node_id: NodeId,
    /// Counts from one.
    pub attempt: u32,
    pub status: RunStatus,
    pub started_ms: Option<i64>,
    pub finished_ms: Option<i64>,
    /// What a person reads: the error, or what was found.
    pub message: String,
    /// What a program reads: rows, table version, failures.
    pub details: serde_json::Value,
}

impl Store {
    pub fn start_invocation(&self, invocation: &Invocation) -> Result<(), Diagnostic> {
        self.write(|t| {
            t.execute(
                "insert into invocations values (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                params![
                    invocation.id,
                    invocation.command,
                    serde_json::json!(invocation.arguments).to_string(),
                    invocation.pid,
                    invocation.status.as_str(),
                    invocation.started_ms,
                    invocation.finished_ms
                ],
            )
            .map(drop)
        })
    }

    pub fn finish_invocation(
        &self,
        id: &str,
        status: RunStatus,
        now_ms: i64,
    ) -> Result<(), Diagnostic> {
        self.write(|t| {
            t.execute(
                "update invocations set status = ?2, finished_ms = ?3 where id = ?1",
                params![id, status.as_str(), now_ms],
            )
            .map(drop)
        })
    }

    /// Marks what a dead process left behind. Call it while holding the project's lock: then
    /// nothing that is still recorded as running can be.
    pub fn mark_interrupted(&self, now_ms: i64) -> Result<usize, Diagnostic> {
        self.write(|t| {
            t.execute(
                // Only of what was going on: the history may be long.
                "update node_runs set status = 'interrupted', finished_ms = ?1 \
                 where invocation_id in (select id from invocations where status = 'running') \
                 and status in ('queued', 'running')",
                [now_ms],
            )?;
            t.execute(
                // Runs of clients go on whether or not we are there.
                "update runs set state = 'KILLED', finished_ms = ?1 \
                 where state = 'RUNNING' and invocation_id is not null",
                [now_ms],
            )?;
            t.execute(
                "update invocations set status = 'interrupted', finished_ms = ?1 \
                 where status = 'running'",
                [now_ms],
            )
        })
    }

    /// Records the present state of node runs, all at one moment; the last call wins.
    pub fn record_node_runs(&self, runs: &[NodeRun]) -> Result<(), Diagnostic> {
        self.write(|t| {
            let mut record = t.prepare_cached(
                "insert into node_runs values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) \
                 on conflict do update set status = excluded.status, \
                 started_ms = coalesce(excluded.started_ms, started_ms), \
                 finished_ms = excluded.finished_ms, message = excluded.message, \
                 details = excluded.details",
            )?;
            for run in runs {
                record.execute(params![
                    run.invocation_id,
                    run.node_id.as_str(),
                    run.attempt,
                    run.status.as_str(),
                    run.started_ms,
                    run.finished_ms,
                    run.message,
                    run.details.to_string()
                ])?;
            }
            Ok(())
        })
    }

    /// Newest first.
    pub fn invocations(&self, limit: usize) -> Result<Vec<Invocation>, Diagnostic> {
        self.read(|c| {
            c.prepare_cached(
                "select id, command, arguments, pid, status, started_ms, finished_ms \
                 from invocations order by started_ms desc, id desc limit ?1",
            )?
            .query_map([limit], invocation)?
            .collect()
        })
    }

    pub fn invocation(&self, id: &str) -> Result<Option<Invocation>, Diagnostic> {
        self.read(|c| {
            c.prepare_cached(
                "select id, command, arguments, pid, status, started_ms, finished_ms \
                 from invocations where id = ?1",
            )?
            .query_row([id], invocation)
            .optional()
        })
    }

    /// Node runs of an invocation in the order in which they started.
    pub fn node_runs(&self, invocation_id: &str) -> Result<Vec<NodeRun>, Diagnostic> {
        self.read(|c| {
            c.prepare_cached(
                "select * from node_runs where invocation_id = ?1 \
                 order by started_ms is null, started_ms, node_id, attempt",
            )?
            .query_map([invocation_id], node_run)?
            .collect()
        })
    }

    /// The newest finished run of every node that ever ran.
    pub fn latest_node_runs(&self) -> Result<Vec<NodeRun>, Diagnostic> {
        self.read(|c| {
            c.prepare_cached(
                "select invocation_id, node_id, attempt, status, started_ms, finished_ms, \
                 message, details from (select *, row_number() over (partition by node_id \
                 order by finished_ms desc, attempt desc) as n from node_runs \
                 where status not in ('queued', 'running', 'skipped')) where n = 1 \
                 order by node_id",
            )?
            .query_map([], node_run)?
            .collect()
        })
    }
}

fn invocation(row: &Row<'_>) -> rusqlite::Result<Invocation> {
    Ok(Invocation {
        id: row.get(0)?,
        command: row.get(1)?,
        arguments: serde_json::from_str(&row.get::<_, String>(2)?).unwrap_or_default(),
        pid: row.get(3)?,
        status: RunStatus::parse(&row.get::<_, String>(4)?),
        started_ms: row.get(5)?,
        finished_ms: row.get(6)?,
    })
}

fn node_run(row: &Row<'_>) -> rusqlite::Result<NodeRun> {
    Ok(NodeRun {
        invocation_id: row.get(0)?,
        node_id: NodeId::new(row.get::<_, String>(1)?),
        attempt: row.get(2)?,
        status: RunStatus::parse(&row.get::<_, String>(3)?),
        started_ms: row.get(4)?,
        finished_ms: row.get(5)?,
        message: row.get(6)?,
        details: serde_json::from_str(&row.get::<_, String>(7)?).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(id: &str, at: i64) -> Invocation {
        Invocation {
            id: id.into(),
            command: "build".into(),
            arguments: vec!["--select".into(), "arrivals+".into()],
            pid: 1,
            status: RunStatus::Running,
            started_ms: at,
            finished_ms: None,
        }
    }

    fn node(invocation: &str, status: RunStatus, finished: Option<i64>) -> NodeRun {
        NodeRun {
            invocation_id: invocation.into(),
            node_id: NodeId::new("model.p.a"),
            attempt: 1,
            status,
            started_ms: Some(10),
            finished_ms: finished,
            message: String::new(),
            details: serde_json::json!({"rows": 3}),
        }
    }

    #[test]
    fn a_node_run_keeps_its_last_state() {
        let store = Store::in_memory().unwrap();
        store.start_invocation(&started("i1", 1)).unwrap();
        let running = node("i1", RunStatus::Running, None);
        store.record_node_runs(&[running]).unwrap();
        let done = node("i1", RunStatus::Success, Some(20));
        store.record_node_runs(std::slice::from_ref(&done)).unwrap();
        assert_eq!(store.node_runs("i1").unwrap(), std::slice::from_ref(&done));
        assert_eq!(store.latest_node_runs().unwrap(), [done]);
        assert_eq!(store.invocations(5).unwrap(), [started("i1", 1)]);
    }

    #[test]
    fn what_a_dead_process_left_running_is_marked() {
        let store = Store::in_memory().unwrap();
        store.start_invocation(&started("i1", 1)).unwrap();
        let running = node("i1", RunStatus::Running, None);
        store.record_node_runs(&[running]).unwrap();
        assert_eq!(store.mark_interrupted(99).unwrap(), 1);
        let run = &store.node_runs("i1").unwrap()[0];
        assert_eq!(
            (run.status, run.finished_ms),
            (RunStatus::Interrupted, Some(99))
        );
        let invocation = store.invocation("i1").unwrap().unwrap();
        assert_eq!(invocation.status, RunStatus::Interrupted);
    }
}
