//! Spans: the parts of a trace.

use rusqlite::{Transaction, params};

use super::TraceState;
use crate::{Error, Store};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Span {
    pub trace_id: String,
    /// 16 hexadecimal digits.
    pub id: String,
    /// Empty for the root.
    pub parent_id: String,
    pub name: String,
    /// MLflow's: `TOOL`, `LLM`, `UNKNOWN`, ...
    pub kind: String,
    /// `OK`, `ERROR` or `UNSET`.
    pub status: String,
    pub started_ns: i64,
    pub finished_ns: Option<i64>,
    /// Short texts of what went in and came out.
    pub inputs: String,
    pub outputs: String,
    /// The whole span, in OpenTelemetry's protobuf JSON.
    pub content: String,
}

impl Span {
    /// What the root's status says of the whole.
    pub(super) fn trace_state(&self) -> TraceState {
        match (self.status.as_str(), self.finished_ns) {
            ("ERROR", _) => TraceState::Error,
            (_, None) => TraceState::InProgress,
            _ => TraceState::Ok,
        }
    }
}

impl Store {
    /// The contents of a trace's spans, the earliest first.
    pub fn spans(&self, trace_id: &str) -> Result<Vec<String>, Error> {
        self.ask(|c| {
            let mut select = c.prepare_cached(
                "select content from spans where trace_id = ?1 order by started_ns, rowid",
            )?;
            let found = select.query_map([trace_id], |row| row.get(0))?;
            Ok(found.collect::<rusqlite::Result<_>>()?)
        })
    }
}

/// A span that is sent again replaces itself: the second time it may have ended.
pub(super) fn put(t: &Transaction<'_>, span: &Span) -> Result<(), Error> {
    t.prepare_cached("insert or replace into spans values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)")?
        .execute(params![
            span.trace_id,
            span.id,
            span.parent_id,
            span.name,
            span.kind,
            span.status,
            span.started_ns,
            span.finished_ns,
            span.content
        ])?;
    Ok(())
}
