//! Source freshness: how old the newest row of a source table is.

use arrow::array::{Array, AsArray};
use arrow::compute::{CastOptions, cast_with_options};
use arrow::datatypes::{DataType, TimeUnit, TimestampMicrosecondType};
use chrono::{DateTime, Utc};
use forebay_core::graph::{Freshness, Source, Spec};
use forebay_core::{Diagnostic, Node, Relation, Span};
use forebay_lake::Lake;
use serde::{Deserialize, Serialize};

/// The column that a load of ours puts on every row.
const LOADED_AT: &str = "_loaded_at";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FreshnessStatus {
    Pass,
    Warn,
    Error,
}

/// How old a source is, and what its limits say to that.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FreshnessOutcome {
    pub status: FreshnessStatus,
    /// None where the table has no rows.
    pub max_loaded_at: Option<DateTime<Utc>>,
    pub snapshotted_at: DateTime<Utc>,
    /// Between the two.
    pub age: Option<Span>,
    /// A sentence, unless it passed.
    pub message: Option<String>,
}

/// Measures a source against its limits at `now`. A source without limits passes. `query` gives the newest row's
/// moment; without one the table tells it.
pub async fn run(
    lake: &Lake,
    node: &Node,
    query: Option<&str>,
    now: DateTime<Utc>,
) -> Result<FreshnessOutcome, Diagnostic> {
    let (Spec::Source(source), Some(relation)) = (&node.spec, &node.relation) else {
        return Err(Diagnostic::internal(format!("{} is no source", node.id)));
    };
    let limits = source.freshness.clone().unwrap_or_default();
    let newest = match query {
        Some(sql) => moment(lake, relation, "loaded_at_query", sql).await,
        None => newest(lake, relation, source, limits.filter.as_deref()).await,
    };
    let newest = newest.map_err(|error| error.at(node.location.clone()))?;
    Ok(judge(relation, &limits, newest, now))
}

/// The newest row's moment; where no column tells it, the table's newest commit.
async fn newest(
    lake: &Lake,
    relation: &Relation,
    source: &Source,
    filter: Option<&str>,
) -> Result<Option<DateTime<Utc>>, Diagnostic> {
    let Some(info) = lake.info(relation).await? else {
        return Err(
            Diagnostic::error(format!("source table {relation} does not exist"))
                .hint("load it first: `forebay ingest`"),
        );
    };
    let field = match (&source.loaded_at_field, &source.ingest) {
        (Some(field), _) => field,
        (None, Some(_)) => LOADED_AT,
        (None, None) => return Ok(DateTime::from_timestamp_millis(info.modified_ms)),
    };
    let condition = filter.map_or(String::new(), |filter| format!(" where {filter}"));
    let sql = format!(
        "select max({field}) as newest from {}{condition}",
        relation.sql()
    );
    moment(lake, relation, &format!("loaded_at_field '{field}'"), &sql).await
}

/// The only value of a query; `what` asked for it.
async fn moment(
    lake: &Lake,
    relation: &Relation,
    what: &str,
    sql: &str,
) -> Result<Option<DateTime<Utc>>, Diagnostic> {
    let batches = lake.collect(sql).await?;
    let Some(batch) = batches.iter().find(|batch| batch.num_rows() > 0) else {
        return Ok(None);
    };
    let utc = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    // A text that is no time is an error, not a table without rows.
    let strict = CastOptions {
        safe: false,
        ..CastOptions::default()
    };
    let column = cast_with_options(batch.column(0), &utc, &strict).map_err(|_| {
        let kind = batch.column(0).data_type();
        Diagnostic::error(format!("{what} of {relation} is no time: it is {kind}"))
    })?;
    let column = column.as_primitive::<TimestampMicrosecondType>();
    Ok(column
        .is_valid(0)
        .then(|| DateTime::from_timestamp_micros(column.value(0)))
        .flatten())
}

fn judge(
    relation: &Relation,
    limits: &Freshness,
    newest: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> FreshnessOutcome {
    let age = newest
        .map(|newest| Span::from_micros((now - newest).num_microseconds().unwrap_or(i64::MAX)));
    // A table without rows is older than every limit.
    let broken = |limit: Option<Span>| limit.filter(|limit| age.is_none_or(|age| age > *limit));
    let (status, limit) = match (broken(limits.error_after), broken(limits.warn_after)) {
        (Some(limit), _) => (FreshnessStatus::Error, Some(limit)),
        (None, Some(limit)) => (FreshnessStatus::Warn, Some(limit)),
        (None, None) => (FreshnessStatus::Pass, None),
    };
    let message = limit.map(|limit| match newest {
        None => format!("{relation} has no rows"),
        Some(newest) => format!(
            "the newest row of {relation} is of {}, older than {limit}",
            newest.format("%Y-%m-%d %H:%M:%S UTC")
        ),
    });
    FreshnessOutcome {
        status,
        max_loaded_at: newest,
        snapshotted_at: now,
        age,
        message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().expect("a test's own time")
    }

    #[test]
    fn the_stricter_limit_that_is_broken_speaks() {
        let limits = Freshness {
            warn_after: "12h".parse().ok(),
            error_after: "1d".parse().ok(),
            filter: None,
        };
        let relation = Relation::new("raw", "flights");
        let now = at("2013-01-02T12:00:00Z");
        let status = |newest: Option<&str>| judge(&relation, &limits, newest.map(at), now);
        assert_eq!(
            status(Some("2013-01-02T00:00:00Z")).status,
            FreshnessStatus::Pass
        );
        assert_eq!(
            status(Some("2013-01-01T23:59:59Z")).status,
            FreshnessStatus::Warn
        );
        let old = status(Some("2013-01-01T00:00:00Z"));
        assert_eq!(old.status, FreshnessStatus::Error);
        assert_eq!(
            old.message.as_deref(),
            Some("the newest row of raw.flights is of 2013-01-01 00:00:00 UTC, older than 1d")
        );
        assert_eq!(status(None).status, FreshnessStatus::Error);
        let none = judge(&relation, &Freshness::default(), None, now);
        assert_eq!(none.status, FreshnessStatus::Pass);
    }
}
