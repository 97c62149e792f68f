//! `/experiments` and `/experiments/<name>`: tracked runs, searched as MLflow's clients search them.

use std::collections::{BTreeMap, BTreeSet};

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Redirect, Response};
use forebay_store::tracking::PARENT;
use forebay_store::{Error, Experiment as Stored, Run, RunState, Search, Stage, Store};
use forebay_ui::link;
use forebay_ui::page::{
    Asked, Column, ColumnKind, Experiment, ExperimentRow, Experiments, Lifecycle, LoggedModelRow,
    Misread, RunLink, RunRow, RunValue, Status, VersionLink, nest,
};

use super::{Shared, pairs, tracked};

/// Runs and experiments a page.
const SHOWN: usize = 50;
/// Columns that are shown where none are chosen.
const USUAL: usize = 5;
/// Names that may be chosen from: beyond them a person has to name one in the address.
const KNOWN: usize = 300;
const NOTE: &str = "mlflow.note.content";

pub async fn experiments(State(app): Shared, RawQuery(query): RawQuery) -> Response {
    let asked = pairs(query.as_deref());
    let by_id = asked.iter().find(|(name, _)| name == "id");
    if let Some(Ok(id)) = by_id.map(|(_, id)| id.parse()) {
        return match app.tracking.store.experiment(id) {
            Ok(found) => Redirect::to(&link::experiment(&found.name)).into_response(),
            Err(error) => super::failed_to_find(&app, error),
        };
    }
    let page = list(&app.tracking.store, Asked::read(asked), app.address());
    tracked(&app, page)
}

pub async fn experiment(
    State(app): Shared,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = Asked::read(pairs(query.as_deref()));
    let page = one(&app.tracking.store, &name, asked, app.address());
    tracked(&app, page)
}

pub fn stage(state: Lifecycle) -> Stage {
    match state {
        Lifecycle::Active => Stage::Active,
        Lifecycle::Deleted => Stage::Deleted,
        Lifecycle::All => Stage::All,
    }
}

/// What was found, or nothing with what could not be read.
pub fn or_misread<T>(
    found: Result<forebay_store::Page<T>, Error>,
) -> Result<(forebay_store::Page<T>, Option<Misread>), Error> {
    let nothing = forebay_store::Page {
        items: Vec::new(),
        next: None,
    };
    match found {
        Ok(page) => Ok((page, None)),
        Err(Error::Misread { message, at }) => {
            // The place is the filter's; an order comes from a link.
            let at = (!message.starts_with("invalid order_by")).then_some(at);
            Ok((nothing, Some(Misread { message, at })))
        }
        Err(Error::Invalid(message)) => Ok((nothing, Some(Misread { message, at: None }))),
        Err(other) => Err(other),
    }
}

fn list(store: &Store, asked: Asked, address: String) -> Result<Experiments, Error> {
    let (found, misread) = or_misread(store.search_experiments(&Search {
        filter: &asked.filter,
        stage: stage(asked.state),
        limit: SHOWN,
        page_token: &asked.page,
        ..Search::default()
    }))?;
    let ids: Vec<i64> = found.items.iter().map(|experiment| experiment.id).collect();
    let counts = store.count_runs(&ids)?;
    let row = |experiment: Stored| {
        let count = counts.get(&experiment.id).copied().unwrap_or_default();
        ExperimentRow {
            id: experiment.id,
            deleted: experiment.deleted_ms.is_some(),
            runs: count.runs,
            running: count.running,
            last_started_ms: count.last_started_ms,
            note: experiment.tags.get(NOTE).cloned().unwrap_or_default(),
            name: experiment.name,
        }
    };
    Ok(Experiments {
        experiments: found.items.into_iter().map(row).collect(),
        asked,
        misread,
        next: found.next,
        address,
    })
}

fn one(store: &Store, name: &str, asked: Asked, address: String) -> Result<Experiment, Error> {
    let experiment = store.experiment_by_name(name)?;
    let order: Vec<String> = [asked.order.clone()]
        .into_iter()
        .filter(|o| !o.is_empty())
        .collect();
    let (found, misread) = or_misread(store.search_runs(
        &[experiment.id],
        &Search {
            filter: &asked.filter,
            order_by: &order,
            stage: stage(asked.state),
            limit: SHOWN,
            page_token: &asked.page,
        },
    ))?;
    let pinned = named(store, &asked.pinned)?;
    let all = || pinned.iter().chain(&found.items);
    let columns = columns(&asked, all());
    let rows = rows(store, &columns, found.items.iter())?;
    let models = store.search_logged_models(
        &[experiment.id],
        &[],
        &Search {
            limit: 10,
            ..Search::default()
        },
    )?;
    let one_item = Search {
        limit: 1,
        ..Search::default()
    };
    Ok(Experiment {
        id: experiment.id,
        deleted: experiment.deleted_ms.is_some(),
        note: experiment.tags.get(NOTE).cloned().unwrap_or_default(),
        tags: own_tags(&experiment.tags),
        known: known(&columns, all()),
        pinned: self::rows(store, &columns, pinned.iter())?,
        // In an order of the asker's own, a run stays where that puts it.
        runs: if order.is_empty() { nest(rows) } else { rows },
        columns,
        total: store.count_runs_in(experiment.id, stage(asked.state))?,
        traced: !store
            .search_traces(&[experiment.id], &one_item)?
            .items
            .is_empty(),
        logged_models: models.items.iter().map(logged_model).collect(),
        name: experiment.name,
        asked,
        misread,
        next: found.next,
        address,
    })
}

/// The runs with these ids, in their order; what is not there is left out.
pub fn named(store: &Store, ids: &[String]) -> Result<Vec<Run>, Error> {
    let mut runs = Vec::new();
    for id in ids {
        runs.extend(store.run(id)?);
    }
    Ok(runs)
}

pub fn logged_model(model: &forebay_store::LoggedModel) -> LoggedModelRow {
    LoggedModelRow {
        id: model.id.clone(),
        name: model.name.clone(),
        kind: model.model_type.clone(),
        status: model.status.as_str().to_owned(),
        created_ms: model.created_ms,
    }
}

/// Tags that people set: MLflow's own begin with its name.
pub fn own_tags(tags: &BTreeMap<String, String>) -> Vec<(String, String)> {
    let own = tags.iter().filter(|(key, _)| !key.starts_with("mlflow."));
    own.map(|(key, value)| (key.clone(), value.clone()))
        .collect()
}

/// Those asked for, or metrics and then the parameters that differ, as many as are usual.
pub fn columns<'r>(asked: &Asked, runs: impl Iterator<Item = &'r Run> + Clone) -> Vec<Column> {
    if !asked.columns.is_empty() {
        return asked
            .columns
            .iter()
            .filter_map(|text| Column::parse(text))
            .collect();
    }
    let metrics = runs
        .clone()
        .flat_map(|run| run.metrics.iter().map(|metric| metric.key.as_str()));
    let metrics = most_common(metrics.filter(|key| !key.starts_with("system/")));
    let params = most_common(
        runs.clone()
            .flat_map(|run| run.params.keys().map(String::as_str)),
    );
    let differs = |key: &&str| {
        let values: BTreeSet<Option<&String>> =
            runs.clone().map(|run| run.params.get(*key)).collect();
        values.len() > 1
    };
    let column = |kind, key: &str| Column {
        kind,
        key: key.to_owned(),
    };
    let params = params.into_iter().filter(differs).take(USUAL);
    let metrics = metrics.into_iter().take(USUAL);
    metrics
        .map(|key| column(ColumnKind::Metric, key))
        .chain(params.map(|key| column(ColumnKind::Param, key)))
        .collect()
}

/// What most runs have comes first; by name where as many have it.
fn most_common<'k>(keys: impl Iterator<Item = &'k str>) -> Vec<&'k str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for key in keys {
        *counts.entry(key).or_default() += 1;
    }
    let mut keys: Vec<(&str, usize)> = counts.into_iter().collect();
    keys.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    keys.into_iter().map(|(key, _)| key).collect()
}

fn known<'r>(shown: &[Column], runs: impl Iterator<Item = &'r Run>) -> Vec<Column> {
    let mut known: BTreeSet<Column> = shown.iter().cloned().collect();
    for run in runs {
        let mut put = |kind, key: &str| {
            if known.len() < KNOWN {
                let key = key.to_owned();
                known.insert(Column { kind, key });
            }
        };
        run.metrics
            .iter()
            .for_each(|metric| put(ColumnKind::Metric, &metric.key));
        run.params
            .keys()
            .for_each(|key| put(ColumnKind::Param, key));
        let own = run.tags.keys().filter(|key| !key.starts_with("mlflow."));
        own.for_each(|key| put(ColumnKind::Tag, key));
    }
    known.into_iter().collect()
}

/// The runs as rows, with what they became and what they belong to.
pub fn rows<'r>(
    store: &Store,
    columns: &[Column],
    runs: impl Iterator<Item = &'r Run> + Clone,
) -> Result<Vec<RunRow>, Error> {
    let ids: Vec<String> = runs.clone().map(|run| run.id.clone()).collect();
    let parents: Vec<String> = runs
        .clone()
        .filter_map(|run| run.tags.get(PARENT))
        .cloned()
        .collect();
    let mut versions = store.versions_of_runs(&ids)?;
    let parents = store.run_heads(&parents)?;
    let row = |run: &Run| RunRow {
        id: run.id.clone(),
        name: run.name.clone(),
        status: status(run.state),
        deleted: run.deleted_ms.is_some(),
        started_ms: run.started_ms,
        finished_ms: run.finished_ms,
        user: run.user_id.clone(),
        parent: run
            .tags
            .get(PARENT)
            .and_then(|id| parents.get(id))
            .map(run_link),
        nested: false,
        values: columns.iter().map(|column| value(run, column)).collect(),
        versions: versions
            .remove(&run.id)
            .unwrap_or_default()
            .into_iter()
            .map(version_link)
            .collect(),
    };
    Ok(runs.map(row).collect())
}

pub fn run_link(head: &forebay_store::RunHead) -> RunLink {
    RunLink {
        id: head.id.clone(),
        name: head.name.clone(),
    }
}

pub fn version_link(version: forebay_store::RunVersion) -> VersionLink {
    VersionLink {
        model: version.model,
        version: version.version,
        aliases: version.aliases,
    }
}

fn value(run: &Run, column: &Column) -> RunValue {
    let text =
        |text: Option<&String>| text.map_or(RunValue::None, |text| RunValue::Text(text.clone()));
    match column.kind {
        ColumnKind::Metric => run
            .metric(&column.key)
            .map_or(RunValue::None, RunValue::Number),
        ColumnKind::Param => text(run.params.get(&column.key)),
        ColumnKind::Tag => text(run.tags.get(&column.key)),
    }
}

pub fn status(state: RunState) -> Status {
    match state {
        RunState::Running => Status::Running,
        RunState::Scheduled => Status::Queued,
        RunState::Finished => Status::Success,
        RunState::Failed => Status::Error,
        RunState::Killed => Status::Interrupted,
    }
}
