//! Data tests: a query whose rows are failures, held against thresholds.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{DataType, Int64Type};
use forebay_core::graph::{KeptAs, Test};
use forebay_core::{Diagnostic, Node, Relation};
use forebay_lake::{Input, Lake, Rows, WriteMode, WriteOptions};

pub use crate::threshold::Status;
use crate::threshold::{answer, judge, spaced};

/// Schema of the tables that keep failing rows.
pub const AUDIT_SCHEMA: &str = "dbt_test__audit";

/// How a data test ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    pub status: Status,
    /// What `fail_calc` gave over the failing rows: their number, by default.
    pub failures: i64,
    /// A sentence, unless the test passed.
    pub message: Option<String>,
    /// The query of the failing rows as it ran.
    pub sql: String,
}

/// Runs a test. `compiled` is the query of the failing rows.
///
/// # Errors
/// The query fails.
pub async fn run(
    lake: &Lake,
    node: &Node,
    spec: &Test,
    compiled: &str,
) -> Result<Outcome, Diagnostic> {
    let sql = limited(compiled, spec.limit);
    let measured = measure(lake, node, spec, &sql).await?;
    Ok(outcome(spec, &measured, sql))
}

/// The failing rows themselves, at most `limit` of them.
pub async fn failing_rows(
    lake: &Lake,
    spec: &Test,
    compiled: &str,
    limit: u64,
) -> Result<Rows, Diagnostic> {
    let limit = spec.limit.map_or(limit, |own| own.min(limit));
    lake.query(&limited(compiled, Some(limit))).await
}

/// The table that keeps the failing rows of a test with `store_failures`.
pub fn audit_relation(node: &Node) -> Relation {
    match &node.relation {
        Some(relation) => relation.clone(),
        None => Relation::new(AUDIT_SCHEMA, &node.name),
    }
}

fn limited(compiled: &str, limit: Option<u64>) -> String {
    let sql = compiled.trim().trim_end_matches(';').trim_end();
    match limit {
        None => sql.to_owned(),
        // The line break ends a comment on the last line.
        Some(limit) => format!("select * from (\n{sql}\n) as failing_rows limit {limit}"),
    }
}

struct Measured {
    failures: i64,
    should_warn: bool,
    should_error: bool,
}

/// The thresholds are SQL (`between 1 and 5` is one), so the engine evaluates them, as dbt does.
/// Nearly all of them are comparisons of the number of rows, though, and a query that only counts is
/// planned in half the time.
async fn measure(lake: &Lake, node: &Node, spec: &Test, sql: &str) -> Result<Measured, Diagnostic> {
    let kept = audit_relation(node);
    let failing = match spec.store_failures {
        Some(KeptAs::Table) => {
            let options = WriteOptions::new(WriteMode::Overwrite);
            lake.write(&kept, Input::Sql(sql.to_owned()), options)
                .await?;
            kept.sql()
        }
        Some(KeptAs::View) => {
            lake.create_view(&kept, sql).await?;
            kept.sql()
        }
        None => format!("(\n{sql}\n)"),
    };
    let counts = spec.fail_calc.trim().eq_ignore_ascii_case("count(*)");
    let answered = |threshold: &str| answer(threshold, 0).is_some();
    if counts && answered(&spec.warn_if) && answered(&spec.error_if) {
        let query = format!("select count(*) from {failing} as failing_rows");
        let batches = lake.collect(&query).await?;
        let row = batches.iter().find(|batch| batch.num_rows() == 1);
        let failures = row.and_then(|batch| batch.column(0).as_primitive_opt::<Int64Type>());
        let failures = failures.map(|counted| counted.value(0));
        let read = failures.and_then(|failures| {
            Some(Measured {
                failures,
                should_warn: answer(&spec.warn_if, failures)?,
                should_error: answer(&spec.error_if, failures)?,
            })
        });
        return read.ok_or_else(|| Diagnostic::internal("a count gave no number"));
    }
    let by_thresholds = |failures: &str, of: &str| {
        format!(
            "select cast(failures as bigint) as failures, \
             failures {} as should_warn, failures {} as should_error \
             from (select {failures} as failures {of}) as measured",
            spec.warn_if, spec.error_if
        )
    };
    let of_failing = format!("from {failing} as failing_rows");
    let mut batches = lake
        .collect(&by_thresholds(&spec.fail_calc, &of_failing))
        .await?;
    let is_null = |batch: &RecordBatch| batch.num_rows() == 1 && batch.column(0).is_null(0);
    if batches.iter().any(is_null) {
        // The sum over no rows is null: no failing rows, no failures.
        let any = format!("select 1 as failing {of_failing} limit 1");
        if lake
            .collect(&any)
            .await?
            .iter()
            .any(|batch| batch.num_rows() > 0)
        {
            return Err(Diagnostic::error(format!(
                "fail_calc '{}' of test '{}' gave null over its failing rows, and has to give a number",
                spec.fail_calc, node.name
            ))
            .hint("a sum over nulls is null: coalesce(sum(...), 0)"));
        }
        batches = lake.collect(&by_thresholds("0", "")).await?;
    }
    let row = batches.iter().find(|batch| batch.num_rows() == 1);
    row.and_then(read_measured).ok_or_else(|| {
        Diagnostic::error(format!(
            "the thresholds of test '{}' give no verdict: warn_if '{}', error_if '{}'",
            node.name, spec.warn_if, spec.error_if
        ))
    })
}

fn read_measured(batch: &RecordBatch) -> Option<Measured> {
    let failures = batch.column(0).as_primitive_opt::<Int64Type>()?;
    let verdict = |i: usize| {
        let column = batch.column(i);
        let boolean = *column.data_type() == DataType::Boolean && column.is_valid(0);
        boolean.then(|| column.as_boolean().value(0))
    };
    Some(Measured {
        failures: failures.is_valid(0).then(|| failures.value(0))?,
        should_warn: verdict(1)?,
        should_error: verdict(2)?,
    })
}

/// Of a test that did not pass, in dbt's words.
pub fn message(spec: &Test, status: Status, failures: i64) -> Option<String> {
    let results = if failures == 1 { "result" } else { "results" };
    let (verb, threshold) = match status {
        Status::Warn => ("warn", &spec.warn_if),
        Status::Fail => ("fail", &spec.error_if),
        Status::Pass => return None,
    };
    let threshold = spaced(threshold);
    Some(format!(
        "Got {failures} {results}, configured to {verb} if {threshold}"
    ))
}

fn outcome(spec: &Test, measured: &Measured, sql: String) -> Outcome {
    let status = judge(spec.severity, measured.should_warn, measured.should_error);
    let failures = measured.failures;
    let message = message(spec, status, failures);
    Outcome {
        status,
        failures,
        message,
        sql,
    }
}
