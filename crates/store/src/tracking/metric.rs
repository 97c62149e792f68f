//! Metrics: every value that was logged, and the newest of each key.

use std::collections::BTreeMap;

use rusqlite::types::Value;
use rusqlite::{Row, Transaction, params};
use serde::{Deserialize, Serialize};

use crate::float::{self, Float};
use crate::search::Page;
use crate::{Error, Store};

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Metric {
    pub key: String,
    pub step: i64,
    pub timestamp_ms: i64,
    pub value: f64,
}

/// A metric of a logged model, measured by a run, maybe on a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct ModelMetric {
    pub metric: Metric,
    pub model_id: String,
    pub run_id: String,
    /// Empty where none is named, as is the digest.
    pub dataset_name: String,
    pub dataset_digest: String,
}

impl Store {
    /// All values of a metric, by step, then time.
    pub fn metric_history(&self, run_id: &str, key: &str) -> Result<Vec<Metric>, Error> {
        Ok(self.metric_page(run_id, key, usize::MAX, "")?.items)
    }

    pub fn metric_page(
        &self,
        run_id: &str,
        key: &str,
        limit: usize,
        page_token: &str,
    ) -> Result<Page<Metric>, Error> {
        let after = match page_token {
            "" => vec![
                Value::Integer(i64::MIN),
                Value::Integer(i64::MIN),
                Value::Null,
            ],
            token => crate::search::read_token(token, 3)?,
        };
        let limit = limit.min(i64::MAX as usize - 1);
        let mut items: Vec<Metric> = self.ask(|c| {
            let mut select = c.prepare_cached(
                "select key, step, timestamp_ms, value from metrics where run_id = ?1 and key = ?2 \
                 and (step, timestamp_ms) >= (?3, ?4) \
                 and not (step = ?3 and timestamp_ms = ?4 and ?5 is not null and value <= ?5) \
                 order by step, timestamp_ms, value limit ?6",
            )?;
            let values = params![run_id, key, after[0], after[1], after[2], limit as i64 + 1];
            Ok(select
                .query_map(values, metric)?
                .collect::<rusqlite::Result<_>>()?)
        })?;
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| has_more).map(|last| {
            let value = match last.value.is_nan() {
                true => Value::Text("NaN".into()),
                false => Value::Real(last.value),
            };
            crate::search::write_token(&[last.step.into(), last.timestamp_ms.into(), value])
        });
        Ok(Page { items, next })
    }
}

pub(super) fn metric(row: &Row<'_>) -> rusqlite::Result<Metric> {
    Ok(Metric {
        key: row.get(0)?,
        step: row.get(1)?,
        timestamp_ms: row.get(2)?,
        value: row.get::<_, Float>(3)?.0,
    })
}

/// The same value at the same step and time is the same measurement: a client that asks again
/// after a lost answer adds nothing.
pub(super) fn put(t: &Transaction<'_>, run_id: &str, metrics: &[Metric]) -> Result<(), Error> {
    let mut insert =
        t.prepare_cached("insert or ignore into metrics values (?1, ?2, ?3, ?4, ?5)")?;
    for metric in metrics {
        let value = Float(metric.value);
        insert.execute(params![
            run_id,
            metric.key,
            metric.step,
            metric.timestamp_ms,
            value
        ])?;
    }
    put_latest(t, run_id, metrics)
}

fn put_latest(t: &Transaction<'_>, run_id: &str, metrics: &[Metric]) -> Result<(), Error> {
    let mut latest = t.prepare_cached(
        "insert into latest_metrics \
         select id, experiment_id, ?2, ?3, ?4, ?5 from runs where id = ?1 on conflict do update set \
         step = excluded.step, timestamp_ms = excluded.timestamp_ms, value = excluded.value \
         where (excluded.step, excluded.timestamp_ms, excluded.value) > (step, timestamp_ms, value)",
    )?;
    for metric in newest(metrics).into_values() {
        let value = Float(metric.value);
        latest.execute(params![
            run_id,
            metric.key,
            metric.step,
            metric.timestamp_ms,
            value
        ])?;
    }
    Ok(())
}

/// Of each key, by step, then time, then value; NaN is greater than every number.
fn newest(metrics: &[Metric]) -> BTreeMap<&str, &Metric> {
    let mut newest: BTreeMap<&str, &Metric> = BTreeMap::new();
    for metric in metrics {
        let known = newest.entry(&metric.key).or_insert(metric);
        let place = |m: &Metric| (m.step, m.timestamp_ms);
        let by_value = || float::compare(known.value, metric.value);
        if place(known).cmp(&place(metric)).then_with(by_value).is_lt() {
            *known = metric;
        }
    }
    newest
}

pub(super) fn put_of_models(t: &Transaction<'_>, metrics: &[ModelMetric]) -> Result<(), Error> {
    let mut insert = t.prepare_cached(
        "insert or ignore into logged_model_metrics values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
    )?;
    for found in metrics {
        let metric = &found.metric;
        super::logged_model::active(t, &found.model_id)?;
        insert.execute(params![
            found.model_id,
            metric.key,
            metric.step,
            metric.timestamp_ms,
            found.run_id,
            found.dataset_name,
            found.dataset_digest,
            Float(metric.value)
        ])?;
    }
    Ok(())
}
