//! A trace: one request to a program, with the state and the time that it took.

use std::collections::HashMap;

use rusqlite::{Connection, OptionalExtension, Transaction, params};

use super::{Assessment, Span, assessment, span};
use crate::pairs::{self, Pairs};
use crate::tracking::experiment;
use crate::{Error, Store, limits};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TraceState {
    #[default]
    Unspecified,
    Ok,
    Error,
    InProgress,
}

impl TraceState {
    const ALL: &[(TraceState, &str)] = &[
        (TraceState::Unspecified, "STATE_UNSPECIFIED"),
        (TraceState::Ok, "OK"),
        (TraceState::Error, "ERROR"),
        (TraceState::InProgress, "IN_PROGRESS"),
    ];

    pub fn as_str(self) -> &'static str {
        let known = Self::ALL.iter().find(|(state, _)| *state == self);
        known.expect("ALL lists every state").1
    }

    pub fn parse(text: &str) -> Option<Self> {
        let known = Self::ALL.iter().find(|(_, name)| *name == text);
        known.map(|(state, _)| *state)
    }
}

#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// `tr-` and 32 hexadecimal digits.
    pub id: String,
    pub experiment_id: i64,
    /// Empty where the client gave none, as are the previews.
    pub client_request_id: String,
    pub state: TraceState,
    pub started_ms: i64,
    /// None while it goes on.
    pub duration_ms: Option<i64>,
    pub request_preview: String,
    pub response_preview: String,
    pub metadata: Pairs,
    pub tags: Pairs,
    /// By the time at which they were made.
    pub assessments: Vec<Assessment>,
}

/// The tag under which clients read a trace's name.
pub(super) const NAME: &str = "mlflow.traceName";
/// Metadata that name the run in which the trace began.
const RUN: &str = "mlflow.sourceRun";
/// The tag that lists the prompts which were used: `[{"name": ..., "version": ...}]`.
const PROMPTS: &str = "mlflow.linkedPrompts";
const ARTIFACTS: &str = "mlflow.artifactLocation";
/// Says to clients that the spans are here, and no file among the artifacts.
const SPANS: (&str, &str) = ("mlflow.trace.spansLocation", "TRACKING_STORE");

impl Store {
    /// Keeps what a client says of a trace; its spans may have come before. `artifacts` makes the
    /// URI of a path below the artifact root.
    pub fn start_trace(
        &self,
        trace: &Trace,
        artifacts: impl Fn(&str) -> String,
    ) -> Result<(), Error> {
        limits::trace_id(&trace.id)?;
        limits::trace_pairs(&trace.tags)?;
        limits::trace_pairs(&trace.metadata)?;
        self.change(|t| {
            open(
                t,
                &trace.id,
                trace.experiment_id,
                trace.started_ms,
                artifacts,
            )?;
            tell(t, trace)
        })
    }

    /// Keeps spans, which may come before and after their trace's own words. A trace that is not
    /// known yet begins with them, in this experiment.
    pub fn log_spans(
        &self,
        experiment_id: i64,
        spans: &[Span],
        artifacts: impl Fn(&str) -> String,
    ) -> Result<(), Error> {
        self.change(|t| {
            for span in spans {
                limits::trace_id(&span.trace_id)?;
                let started_ms = span.started_ns / 1_000_000;
                open(t, &span.trace_id, experiment_id, started_ms, &artifacts)?;
                span::put(t, span)?;
                put_tags(
                    t,
                    &span.trace_id,
                    &[(SPANS.0.to_owned(), SPANS.1.to_owned())].into(),
                )?;
                learn(t, span)?;
            }
            Ok(())
        })
    }

    pub fn trace(&self, id: &str) -> Result<Trace, Error> {
        self.ask(|c| {
            let row = known(c, id)?;
            load(c, &[row])?.pop().ok_or_else(|| unknown(id))
        })
    }

    /// Those that are there, in the order asked for.
    pub fn traces(&self, ids: &[String]) -> Result<Vec<Trace>, Error> {
        self.ask(|c| {
            let mut select = c.prepare_cached("select rowid from traces where id = ?1")?;
            let mut rows = Vec::new();
            for id in ids {
                rows.extend(
                    select
                        .query_row([id], |row| row.get::<_, i64>(0))
                        .optional()?,
                );
            }
            load(c, &rows)
        })
    }

    pub fn set_trace_tags(&self, id: &str, tags: &Pairs) -> Result<(), Error> {
        limits::trace_tags(tags)?;
        self.change(|t| {
            known(t, id)?;
            put_tags(t, id, tags)
        })
    }

    pub fn delete_trace_tag(&self, id: &str, key: &str) -> Result<(), Error> {
        self.change(|t| {
            known(t, id)?;
            let sql = "delete from trace_tags where trace_id = ?1 and key = ?2";
            match t.execute(sql, [id, key])? {
                0 => Err(Error::not_found(format!("trace {id} has no tag '{key}'"))),
                _ => Ok(()),
            }
        })
    }

    /// The oldest first, of those named (all where empty) that began no later than `until_ms`.
    /// Returns how many went.
    pub fn delete_traces(
        &self,
        experiment_id: i64,
        ids: &[String],
        until_ms: Option<i64>,
        limit: Option<u64>,
    ) -> Result<usize, Error> {
        self.change(|t| {
            Ok(t.execute(
                "delete from traces where id in (select id from traces where experiment_id = ?1 \
                 and (?2 = '[]' or id in (select value from json_each(?2))) \
                 and (?3 is null or started_ms <= ?3) order by started_ms, id limit ?4)",
                params![
                    experiment_id,
                    serde_json::json!(ids).to_string(),
                    until_ms,
                    limit.map_or(-1, |n| i64::try_from(n).unwrap_or(i64::MAX))
                ],
            )?)
        })
    }
}

/// Takes over a trace from elsewhere, of an experiment of ours. False: it is here already, and stays
/// as it is.
pub(crate) fn take_over(t: &Transaction<'_>, trace: &Trace, spans: &[Span]) -> Result<bool, Error> {
    limits::trace_id(&trace.id)?;
    let new = t
        .prepare_cached(
            "insert or ignore into traces values (?1, ?2, '', 'IN_PROGRESS', ?3, null, '', '', 0)",
        )?
        .execute(params![trace.id, trace.experiment_id, trace.started_ms])?;
    if new > 0 {
        tell(t, trace)?;
        spans.iter().try_for_each(|span| span::put(t, span))?;
    }
    Ok(new > 0)
}

/// Keeps what is said of a trace that is there.
fn tell(t: &Transaction<'_>, trace: &Trace) -> Result<(), Error> {
    t.execute(
        "update traces set client_request_id = ?2, state = ?3, started_ms = ?4, duration_ms = ?5, \
                 request_preview = ?6, response_preview = ?7, is_final = 1 where id = ?1",
        params![
            trace.id,
            trace.client_request_id,
            trace.state.as_str(),
            trace.started_ms,
            trace.duration_ms,
            trace.request_preview,
            trace.response_preview
        ],
    )?;
    put_tags(t, &trace.id, &trace.tags)?;
    pairs::put(
        t,
        "insert or replace into trace_metadata values (?1, ?2, ?3)",
        &trace.id,
        &trace.metadata,
    )?;
    for prompt in linked_prompts(&trace.tags) {
        t.execute(
            "insert or ignore into trace_prompts values (?1, ?2)",
            [&trace.id, &prompt],
        )?;
    }
    if let Some(run_id) = trace.metadata.get(RUN) {
        t.execute(
            "insert or ignore into trace_runs values (?1, ?2)",
            [&trace.id, run_id],
        )?;
    }
    trace
        .assessments
        .iter()
        .try_for_each(|found| assessment::put(t, found))
}

/// `name/version` each.
fn linked_prompts(tags: &Pairs) -> Vec<String> {
    let listed = tags
        .get(PROMPTS)
        .and_then(|text| serde_json::from_str(text).ok());
    let listed: Vec<serde_json::Value> = listed.unwrap_or_default();
    let written = |prompt: &serde_json::Value| {
        Some(format!(
            "{}/{}",
            prompt["name"].as_str()?,
            prompt["version"].as_str()?
        ))
    };
    listed.iter().filter_map(written).collect()
}

/// Makes the trace where it is new.
fn open(
    t: &Transaction<'_>,
    id: &str,
    experiment_id: i64,
    started_ms: i64,
    artifacts: impl Fn(&str) -> String,
) -> Result<(), Error> {
    let sql = "select 1 from traces where id = ?1";
    if t.prepare_cached(sql)?.exists([id])? {
        return Ok(());
    }
    let experiment = experiment::active(t, experiment_id)?;
    t.execute(
        "insert into traces values (?1, ?2, '', 'IN_PROGRESS', ?3, null, '', '', 0)",
        params![id, experiment_id, started_ms],
    )?;
    let place = artifacts(&format!(
        "{}/traces/{id}/artifacts",
        experiment.artifact_path
    ));
    put_tags(t, id, &[(ARTIFACTS.to_owned(), place)].into())
}

/// What a span tells of its trace, until the trace's client says it itself.
fn learn(t: &Transaction<'_>, span: &Span) -> Result<(), Error> {
    t.prepare_cached(
        "update traces set started_ms = min(started_ms, ?2), \
         duration_ms = max(started_ms + coalesce(duration_ms, 0), coalesce(?3, 0)) - min(started_ms, ?2) \
         where id = ?1 and not is_final",
    )?
    .execute(params![
        span.trace_id,
        span.started_ns / 1_000_000,
        span.finished_ns.map(|ns| ns / 1_000_000)
    ])?;
    if !span.parent_id.is_empty() {
        return Ok(());
    }
    t.execute(
        "update traces set state = ?2, request_preview = ?3, response_preview = ?4 where id = ?1 and not is_final",
        params![
            span.trace_id,
            span.trace_state().as_str(),
            span.inputs,
            span.outputs
        ],
    )?;
    t.execute(
        "insert or ignore into trace_tags values (?1, ?2, ?3)",
        [&span.trace_id, NAME, &span.name],
    )?;
    Ok(())
}

fn put_tags(t: &Transaction<'_>, id: &str, tags: &Pairs) -> Result<(), Error> {
    pairs::put(
        t,
        "insert or replace into trace_tags values (?1, ?2, ?3)",
        id,
        tags,
    )
}

/// Its row.
pub(super) fn known(c: &Connection, id: &str) -> Result<i64, Error> {
    let row = c
        .prepare_cached("select rowid from traces where id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    row.ok_or_else(|| unknown(id))
}

fn unknown(id: &str) -> Error {
    Error::not_found(format!("there is no trace with id '{id}'"))
}

/// The traces of these rows, in their order.
pub(super) fn load(c: &Connection, rows: &[i64]) -> Result<Vec<Trace>, Error> {
    let ids = crate::search::ids(rows);
    let mut traces = heads(c, &ids)?;
    let mut metadata = pairs::of_entities(c, "traces", "trace_metadata", "trace_id", &ids)?;
    let mut tags = pairs::of_entities(c, "traces", "trace_tags", "trace_id", &ids)?;
    let mut assessments = assessment::of_traces(c, &ids)?;
    for (row, trace) in &mut traces {
        trace.metadata = metadata.remove(row).unwrap_or_default();
        trace.tags = tags.remove(row).unwrap_or_default();
        trace.assessments = assessments.remove(row).unwrap_or_default();
    }
    Ok(rows.iter().filter_map(|row| traces.remove(row)).collect())
}

fn heads(c: &Connection, ids: &str) -> Result<HashMap<i64, Trace>, Error> {
    let mut select = c.prepare_cached(
        "select t.rowid, t.id, experiment_id, client_request_id, state, started_ms, duration_ms, \
         request_preview, response_preview from json_each(?1) j join traces t on t.rowid = j.value",
    )?;
    let found = select.query_map([ids], |row| {
        let trace = Trace {
            id: row.get(1)?,
            experiment_id: row.get(2)?,
            client_request_id: row.get(3)?,
            state: TraceState::parse(&row.get::<_, String>(4)?).unwrap_or_default(),
            started_ms: row.get(5)?,
            duration_ms: row.get(6)?,
            request_preview: row.get(7)?,
            response_preview: row.get(8)?,
            ..Trace::default()
        };
        Ok((row.get(0)?, trace))
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}
