//! `/compare?runs=<id>,<id>`

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{RawQuery, State};
use axum::response::Response;
use forebay_store::{Error, Metric, Run, Store};
use forebay_ui::page::{Compare, ComparedRun, CurvePoint, Drawing, ids};

use super::experiments::{named, status};
use super::{Shared, pairs, tracked};

/// Runs that can be told apart at all.
const MOST: usize = 60;
/// Values of a curve that are drawn: more than its pixels help no one.
const POINTS: usize = 240;
const CURVES: usize = 12;

pub async fn compare(State(app): Shared, RawQuery(query): RawQuery) -> Response {
    tracked(&app, page(&app.tracking.store, pairs(query.as_deref())))
}

fn page(store: &Store, asked: Vec<(String, String)>) -> Result<Compare, Error> {
    let of = |wanted: &'static str| {
        asked
            .iter()
            .filter(move |(name, _)| name == wanted)
            .map(|(_, value)| value)
    };
    let mut seen = BTreeSet::new();
    let mut wanted: Vec<String> = of("runs").flat_map(|text| ids(text)).collect();
    wanted.retain(|id| seen.insert(id.clone()));
    let cut = wanted.len() > MOST;
    wanted.truncate(MOST);
    let runs = named(store, &wanted)?;
    let missing = wanted
        .iter()
        .filter(|id| runs.iter().all(|run| run.id != **id));
    let drawing = Drawing::read(asked.clone());
    let drawn = drawn(store, &runs, &drawing)?;
    Ok(Compare {
        missing: missing.cloned().collect(),
        cut,
        x: of("x").next().cloned().unwrap_or_default(),
        y: of("y").next().cloned().unwrap_or_default(),
        runs: runs
            .into_iter()
            .map(|run| compared(store, run, &drawn))
            .collect::<Result<_, _>>()?,
        drawing,
    })
}

/// Metrics that have a curve in some run: those asked for, or the first.
fn drawn(store: &Store, runs: &[Run], drawing: &Drawing) -> Result<BTreeSet<String>, Error> {
    if !drawing.metrics.is_empty() {
        return Ok(drawing.metrics.iter().cloned().collect());
    }
    let mut keys = BTreeSet::new();
    for run in runs {
        let counts = store.metric_counts(&run.id)?;
        keys.extend(
            counts
                .into_iter()
                .filter(|(_, n)| *n > 1)
                .map(|(key, _)| key),
        );
    }
    Ok(keys.into_iter().take(CURVES).collect())
}

fn compared(store: &Store, run: Run, drawn: &BTreeSet<String>) -> Result<ComparedRun, Error> {
    let mut curves = BTreeMap::new();
    for key in drawn {
        let curve = store.metric_curve(&run.id, key, POINTS)?;
        if curve.len() > 1 {
            curves.insert(key.clone(), points(&curve));
        }
    }
    Ok(ComparedRun {
        status: status(run.state),
        started_ms: run.started_ms,
        finished_ms: run.finished_ms,
        metrics: run.metric_values(),
        id: run.id,
        name: run.name,
        experiment: run.experiment,
        params: run.params,
        curves,
    })
}

pub fn points(curve: &[Metric]) -> Vec<CurvePoint> {
    let point = |metric: &Metric| CurvePoint {
        step: metric.step,
        at_ms: metric.timestamp_ms,
        value: metric.value,
    };
    curve.iter().map(point).collect()
}
