//! `/training/<run id>`: one tracked run.

use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use forebay_core::{Diagnostic, ResourceType};
use forebay_store::tracking::PARENT;
use forebay_store::{Error, LoggedModel, Run, RunInput, RunVersion, Search, Stage, Store};
use forebay_ui::link;
use forebay_ui::page::{
    Asked, DatasetRow, Drawing, InputTable, LoggedMetric, LoggedModelRow, NodeLink, Output,
    RunLink, Training,
};
use serde_json::Value;

use super::compare::points;
use super::experiments::{self, columns, logged_model, own_tags, rows, status};
use super::{Shared, artifacts, evaluated, found, pairs};
use crate::router::App;

/// Nested runs on the page of the run around them.
const CHILDREN: usize = 50;
/// Metrics whose curve is read: each is a query of its own.
const CURVES: usize = 250;
/// Values of a small curve, and of one that is drawn large.
const SMALL: usize = 60;
const LARGE: usize = 300;
/// Bytes of a program's output that the page shows.
const OUTPUT: u64 = 16 << 10;
/// Where a program's output lies below its run's artifacts: a training script's, and as clients log it.
const OUTPUTS: [&str; 5] = [
    "training.log",
    "output.log",
    "output.txt",
    "logs/output.log",
    "stdout.log",
];

pub async fn training(
    State(app): Shared,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let asked = pairs(query.as_deref());
    let refresh = asked.iter().find(|(name, _)| name == "refresh");
    let refresh = refresh
        .and_then(|(_, seconds)| seconds.parse().ok())
        .map(|s: u32| s.clamp(1, 600));
    let drawing = Drawing::read(asked);
    let read = {
        let (app, id) = (Arc::clone(&app), id.clone());
        move || page(&app, &id, drawing, refresh)
    };
    let page = tokio::task::spawn_blocking(read).await;
    let page = page.unwrap_or_else(|_| Err(Diagnostic::internal("the run could not be read")));
    found(&app, page, &format!("run '{id}'"))
}

fn page(
    app: &App,
    id: &str,
    drawing: Drawing,
    refresh: Option<u32>,
) -> Result<Option<Training>, Diagnostic> {
    let store = &app.tracking.store;
    let Some(run) = store.run(id)? else {
        return Ok(None);
    };
    let folder = app.tracking.artifacts.existing(&run.artifact_path).ok();
    let mut evaluation = match &folder {
        Some(folder) => evaluated::evaluation(store, &run, folder)?,
        None => None,
    };
    let versions = store.versions_of_runs(std::slice::from_ref(&run.id))?;
    let versions: Vec<RunVersion> = versions.into_values().flatten().collect();
    if let (Some(found), Some(version)) = (&mut evaluation, versions.first()) {
        found.served = evaluated::served(app.backend.graph_values(), &version.model);
    }
    let (children, more_children) = children(store, &run)?;
    let child_columns = columns(&Asked::default(), children.iter());
    let output = folder.as_deref().and_then(output);
    Ok(Some(Training {
        note: run
            .tags
            .get("mlflow.note.content")
            .cloned()
            .unwrap_or_default(),
        user: run.user_id.clone(),
        source: source(&run),
        status: status(run.state),
        deleted: run.deleted_ms.is_some(),
        started_ms: run.started_ms,
        finished_ms: run.finished_ms,
        job: run.invocation_id.as_ref().and_then(|_| {
            let graph = app.backend.graph_values();
            graph
                .find(ResourceType::TrainingJob, &run.experiment)
                .map(NodeLink::of)
        }),
        invocation: run.invocation_id.clone(),
        versions: versions
            .into_iter()
            .map(experiments::version_link)
            .collect(),
        parent: parent(store, &run)?,
        children: rows(store, &child_columns, children.iter())?,
        child_columns,
        more_children,
        metrics: metrics(store, &run, &drawing)?,
        drawing,
        params: run.params.clone().into_iter().collect(),
        tags: own_tags(&run.tags),
        inputs: run.inputs.iter().filter_map(input).collect(),
        datasets: run
            .inputs
            .iter()
            .filter(|input| input.as_table().is_none())
            .map(dataset)
            .collect(),
        models_read: models(store, &run.model_inputs)?,
        models_made: models(
            store,
            run.model_outputs.iter().map(|output| &output.model_id),
        )?,
        artifacts: artifacts::listing(
            &app.tracking.artifacts,
            &run.artifact_path,
            &link::training(&run.id),
            "",
        ),
        output,
        training_hash: run.tags.get("training_hash").cloned(),
        evaluation,
        refresh,
        run_id: run.id,
        name: run.name,
        experiment: run.experiment,
    }))
}

/// What ran, as MLflow's clients say it in tags.
pub fn source(run: &Run) -> Vec<(String, String)> {
    let known = [
        ("source", "mlflow.source.name"),
        ("commit", "mlflow.source.git.commit"),
        ("branch", "mlflow.source.git.branch"),
        ("other than committed", "mlflow.git.dirty"),
    ];
    let tag = |(name, tag): (&str, &str)| Some((name.to_owned(), run.tags.get(tag)?.clone()));
    known.into_iter().filter_map(tag).collect()
}

fn parent(store: &Store, run: &Run) -> Result<Option<RunLink>, Error> {
    let parent = run.tags.get(PARENT);
    parent.map_or(Ok(None), |id| run_link(store, id))
}

/// Runs of the same experiment that name this one as theirs, and whether there are more.
fn children(store: &Store, run: &Run) -> Result<(Vec<Run>, bool), Error> {
    let filter = format!("tags.`{PARENT}` = '{}'", run.id.replace('\'', "''"));
    let found = store.search_runs(
        &[run.experiment_id],
        &Search {
            filter: &filter,
            stage: Stage::Active,
            limit: CHILDREN,
            ..Search::default()
        },
    )?;
    Ok((found.items, found.next.is_some()))
}

fn metrics(store: &Store, run: &Run, drawing: &Drawing) -> Result<Vec<LoggedMetric>, Error> {
    let counts = store.metric_counts(&run.id)?;
    let mut curves = 0;
    let mut found = Vec::new();
    for metric in &run.metrics {
        let count = counts.get(&metric.key).copied().unwrap_or(1);
        let chosen = drawing.metrics.contains(&metric.key);
        let draws = count > 1 && (chosen || curves < CURVES);
        curves += usize::from(draws);
        // The first are drawn large too; a long tail of metrics has small curves only.
        let most = if chosen || curves <= 24 { LARGE } else { SMALL };
        let curve = match draws {
            true => store.metric_curve(&run.id, &metric.key, most)?,
            false => Vec::new(),
        };
        found.push(LoggedMetric {
            key: metric.key.clone(),
            value: metric.value,
            step: metric.step,
            count,
            points: points(&curve),
        });
    }
    Ok(found)
}

pub fn input(input: &RunInput) -> Option<InputTable> {
    let (relation, version) = input.as_table()?;
    Some(InputTable {
        relation,
        version,
        role: input.role().replace('_', " "),
    })
}

fn dataset(input: &RunInput) -> DatasetRow {
    DatasetRow {
        name: input.dataset.name.clone(),
        digest: input.dataset.digest.clone(),
        role: input.role().to_owned(),
        source_kind: input.dataset.source_type.clone(),
        source: place(&input.dataset.source),
    }
}

/// Clients write a source as JSON: its one text where it has one, the script of data made in code.
fn place(source: &str) -> String {
    let Ok(Value::Object(said)) = serde_json::from_str(source) else {
        return source.to_owned();
    };
    let script = said
        .get("tags")
        .and_then(|tags| tags.get("mlflow.source.name"));
    let only = said.values().next().filter(|_| said.len() == 1);
    let place = script.or(only).and_then(Value::as_str);
    place.map_or_else(|| source.to_owned(), str::to_owned)
}

/// Those that are there: a deleted model is not.
fn models<'i>(
    store: &Store,
    ids: impl IntoIterator<Item = &'i String>,
) -> Result<Vec<LoggedModelRow>, Error> {
    let mut found = Vec::new();
    for id in ids {
        match store.logged_model(id) {
            Ok(model) => found.push(logged_model(&model)),
            Err(Error::NotFound(_)) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(found)
}

/// The end of what the run's program wrote.
fn output(folder: &std::path::Path) -> Option<Output> {
    use std::io::{Read, Seek, SeekFrom};
    let found = |path| Some((path, evaluated::within(folder, path)?));
    let (path, place) = OUTPUTS.into_iter().find_map(found)?;
    let mut file = std::fs::File::open(place).ok()?;
    let size = file.metadata().ok()?.len();
    let cut = size > OUTPUT;
    if cut {
        file.seek(SeekFrom::Start(size - OUTPUT)).ok()?;
    }
    let mut end = Vec::new();
    file.take(OUTPUT).read_to_end(&mut end).ok()?;
    let text = String::from_utf8_lossy(&end);
    // The first line of a cut text is half a line.
    let text = if cut {
        text.split_once('\n').map_or("", |(_, rest)| rest)
    } else {
        &text
    };
    Some(Output {
        path: path.to_owned(),
        text: text.to_owned(),
        cut,
    })
}

/// The run's own page of a logged model.
pub fn run_link(store: &Store, id: &str) -> Result<Option<RunLink>, Error> {
    Ok(store
        .run_heads(&[id.to_owned()])?
        .get(id)
        .map(experiments::run_link))
}

/// Links to runs by their id; an unknown one is shown by its id.
pub fn run_links(store: &Store, models: &LoggedModel) -> Result<Vec<RunLink>, Error> {
    let ids: Vec<String> = models
        .metrics
        .iter()
        .map(|metric| metric.run_id.clone())
        .collect();
    let heads = store.run_heads(&ids)?;
    let link = |id: &String| {
        let known = heads.get(id).map(experiments::run_link);
        known.unwrap_or_else(|| RunLink {
            id: id.clone(),
            name: id.clone(),
        })
    };
    Ok(ids.iter().map(link).collect())
}
