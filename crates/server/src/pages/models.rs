//! `/models`, `/models/<name>`, `/models/<name>/<version>` and `/logged-models/<id>`.

use std::path::Path as FilePath;
use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use forebay_core::{Diagnostic, Graph, ResourceType, Spec};
use forebay_store::{Error, ModelVersion as Stored, RegisteredModel, Run, Search, Store};
use forebay_ui::link;
use forebay_ui::page::{
    Asked, Card, CardFeature, LoggedModel, Model, ModelMetricRow, ModelRow, ModelVersion, Models,
    NodeLink, RunLink, VersionLink,
};
use serde_json::Value;

use super::experiments::{logged_model as logged_row, or_misread, own_tags};
use super::{Shared, artifacts, evaluated, found, pairs, tracked, training};
use crate::router::App;

const SHOWN: usize = 50;
/// Prompts are kept as registered models with this tag; they are no models.
const NO_PROMPTS: &str = "tags.`mlflow.prompt.is_prompt` != 'true'";

pub async fn models(State(app): Shared, RawQuery(query): RawQuery) -> Response {
    let asked = Asked::read(pairs(query.as_deref()));
    tracked(
        &app,
        list(&app.tracking.store, app.backend.graph_values(), asked),
    )
}

fn list(store: &Store, graph: &Graph, asked: Asked) -> Result<Models, Error> {
    // Behind the asker's, so that the places of what is wrong are his.
    let filter = match asked.filter.is_empty() {
        true => NO_PROMPTS.to_owned(),
        false => format!("{} AND {NO_PROMPTS}", asked.filter),
    };
    let (found, misread) = or_misread(store.search_registered_models(&Search {
        filter: &filter,
        limit: SHOWN,
        page_token: &asked.page,
        ..Search::default()
    }))?;
    let row = |model: RegisteredModel| ModelRow {
        versions: model.versions.len() as u64,
        aliases: model.aliases.clone().into_iter().collect(),
        last_created_ms: model.versions.first().map(|version| version.created_ms),
        services: services(graph, &model.name),
        name: model.name,
    };
    Ok(Models {
        models: found.items.into_iter().map(row).collect(),
        asked,
        misread,
        next: found.next,
    })
}

pub async fn model(State(app): Shared, Path(name): Path<String>) -> Response {
    tracked(
        &app,
        one(&app.tracking.store, app.backend.graph_values(), &name),
    )
}

fn one(store: &Store, graph: &Graph, name: &str) -> Result<Model, Error> {
    let model = store.registered_model(name)?;
    let node = graph.find(ResourceType::RegisteredModel, name);
    let versions = model
        .versions
        .iter()
        .map(|version| compared(store, version));
    Ok(Model {
        description: description(graph, &model),
        tags: own_tags(&model.tags),
        node: node.map(NodeLink::of),
        versions: versions.collect::<Result<_, _>>()?,
        services: services(graph, name),
        name: model.name,
    })
}

/// The registry's own words, or the project's.
fn description(graph: &Graph, model: &RegisteredModel) -> String {
    if !model.description.is_empty() {
        return model.description.clone();
    }
    let node = graph.find(ResourceType::RegisteredModel, &model.name);
    node.map(|node| node.description.clone())
        .unwrap_or_default()
}

fn compared(store: &Store, version: &Stored) -> Result<ModelVersion, Error> {
    let run = store.run(&version.run_id)?;
    Ok(ModelVersion {
        version: version.version,
        aliases: version.aliases.clone(),
        stage: version.stage.clone(),
        created_ms: version.created_ms,
        training_hash: version.training_hash.clone(),
        params: run
            .as_ref()
            .map(|run| run.params.clone())
            .unwrap_or_default()
            .into_iter()
            .collect(),
        metrics: run.as_ref().map(metrics).unwrap_or_default(),
        run: run.map(|run| RunLink {
            id: run.id,
            name: run.name,
        }),
    })
}

/// Newest values; curves by round are the run's own matter.
fn metrics(run: &Run) -> Vec<(String, f64)> {
    let own = run
        .metrics
        .iter()
        .filter(|metric| !metric.key.ends_with("_by_round"));
    own.map(|metric| (metric.key.clone(), metric.value))
        .collect()
}

fn services(graph: &Graph, model: &str) -> Vec<String> {
    let serves = |node: &&forebay_core::Node| matches!(&node.spec, Spec::InferenceService(service) if service.model == model);
    graph
        .nodes
        .values()
        .filter(serves)
        .map(|node| node.name.clone())
        .collect()
}

pub async fn card(State(app): Shared, Path((name, version)): Path<(String, String)>) -> Response {
    let what = format!("version {version} of model '{name}'");
    let read = {
        let app = Arc::clone(&app);
        move || card_of(&app, &name, &version)
    };
    let page = tokio::task::spawn_blocking(read).await;
    let page = page.unwrap_or_else(|_| Err(Diagnostic::internal("the card could not be written")));
    found(&app, page, &what)
}

/// None where there is no such version; an alias names one too.
fn card_of(app: &App, name: &str, version: &str) -> Result<Option<Card>, Diagnostic> {
    let store = &app.tracking.store;
    let model = match store.registered_model(name) {
        Ok(model) => model,
        Err(Error::NotFound(_)) => return Ok(None),
        Err(other) => return Err(other.into()),
    };
    let number = version
        .parse()
        .ok()
        .or_else(|| model.aliases.get(version).copied());
    let Some(version) = model
        .versions
        .iter()
        .find(|known| Some(known.version) == number)
    else {
        return Ok(None);
    };
    let run = store.run(&version.run_id)?;
    let artifacts = &app.tracking.artifacts;
    let folder = run
        .as_ref()
        .and_then(|run| artifacts.existing(&run.artifact_path).ok());
    let graph = app.backend.graph_values();
    let record = folder.as_deref().and_then(record).unwrap_or_default();
    let mut evaluation = match (&run, &folder) {
        (Some(run), Some(folder)) => evaluated::evaluation(store, run, folder)?,
        _ => None,
    };
    if let Some(found) = &mut evaluation {
        found.served = evaluated::served(graph, name);
    }
    let logged = match version.model_id.as_str() {
        "" => None,
        id => store.logged_model(id).ok(),
    };
    let described = match version.description.is_empty() {
        true => description(graph, &model),
        false => version.description.clone(),
    };
    Ok(Some(Card {
        model: name.to_owned(),
        version: version.version,
        aliases: version.aliases.clone(),
        stage: version.stage.clone(),
        description: described,
        created_ms: version.created_ms,
        user: version.user_id.clone(),
        logged_model: logged.as_ref().map(logged_row),
        services: app.backend.services_of(name, version.version),
        training_hash: version.training_hash.clone(),
        definition: definition(&record),
        features: features(&record, graph),
        inputs: run
            .iter()
            .flat_map(|run| &run.inputs)
            .filter_map(training::input)
            .collect(),
        code: run
            .as_ref()
            .map(|run| code(run, &record))
            .unwrap_or_default(),
        params: run
            .as_ref()
            .map(|run| run.params.clone())
            .unwrap_or_default()
            .into_iter()
            .collect(),
        metrics: run.as_ref().map(metrics).unwrap_or_default(),
        tags: own_tags(&version.tags),
        evaluation,
        artifacts: artifacts::listing(
            artifacts,
            &version.artifact_path,
            &link::model_version(name, version.version),
            "",
        ),
        run: run.map(|run| RunLink {
            id: run.id,
            name: run.name,
        }),
    }))
}

/// `training.json`: what the project said when the model was trained.
fn record(folder: &FilePath) -> Option<Value> {
    evaluated::read(folder, "training.json")
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| Some(format!("{name} {}", text(value)?));
            let fields: Vec<String> = fields.iter().filter_map(field).collect();
            (!fields.is_empty()).then(|| fields.join(", "))
        }
        Value::Array(values) => {
            let values: Vec<String> = values.iter().filter_map(text).collect();
            (!values.is_empty()).then(|| values.join(", "))
        }
        other => Some(other.to_string()),
    }
}

fn definition(record: &Value) -> Vec<(String, String)> {
    let job = &record["job"];
    let known = [
        ("label", &job["label"]),
        ("for each row of", &job["spine"]),
        ("at the moment", &job["event_timestamp"]),
        ("where", &job["filter"]),
        ("split", &job["split"]),
        ("costs", &job["judging"]["costs"]),
        ("gates", &job["gates"]),
        ("seed", &job["seed"]),
    ];
    let fact = |(name, value): (&str, &Value)| Some((name.to_owned(), text(value)?));
    known.into_iter().filter_map(fact).collect()
}

/// What ran: the trainer, or the program and its commit.
fn code(run: &Run, record: &Value) -> Vec<(String, String)> {
    let trainer = &record["job"]["trainer"];
    let named = text(&trainer["algorithm"]).or_else(|| text(&trainer["script"]));
    let mut code: Vec<(String, String)> = named
        .map(|name| ("trainer".to_owned(), name))
        .into_iter()
        .collect();
    code.extend(training::source(run));
    let versions = [
        "forebay.version",
        "forebay.code",
        "mlflow.source.git.repoURL",
    ];
    let tag = |tag: &str| Some((tag.to_owned(), run.tags.get(tag)?.clone()));
    code.extend(versions.into_iter().filter_map(tag));
    code
}

fn features(record: &Value, graph: &Graph) -> Vec<CardFeature> {
    let Some(columns) = record["features"].as_array() else {
        return Vec::new();
    };
    let feature = |column: &Value| {
        let name = column["name"].as_str().unwrap_or_default().to_owned();
        let (view, column_name) = match name.split_once("__") {
            Some((view, feature)) if of_view(record, view) => (view, feature),
            _ => ("", name.as_str()),
        };
        let node = graph.find(ResourceType::FeatureView, view);
        CardFeature {
            kind: text(&column["data_type"]).unwrap_or_default(),
            view: node.map(NodeLink::of),
            from: if view.is_empty() {
                "the request".to_owned()
            } else {
                view.to_owned()
            },
            column: column_name.to_owned(),
            description: described(record, view, column_name),
            name,
        }
    };
    columns.iter().map(feature).collect()
}

fn of_view(record: &Value, view: &str) -> bool {
    let views = record["views"].as_array();
    views.is_some_and(|views| views.iter().any(|known| known["name"] == view))
}

/// The feature's own words, or what it is computed by.
fn described(record: &Value, view: &str, feature: &str) -> String {
    let named = |list: &Value, name: &str| {
        list.as_array()
            .and_then(|all| all.iter().find(|one| one["name"] == name))
            .cloned()
            .unwrap_or_default()
    };
    let found = match view {
        "" => named(&record["job"]["request_features"], feature),
        view => named(&named(&record["views"], view)["view"]["features"], feature),
    };
    let said = found["description"].as_str().unwrap_or_default();
    let computed = found["expr"]
        .as_str()
        .filter(|expr| *expr != feature)
        .unwrap_or_default();
    let window = found["window"]
        .as_str()
        .map(|window| format!(" over {window}"))
        .unwrap_or_default();
    match said.is_empty() {
        true if computed.is_empty() => String::new(),
        true => format!("{computed}{window}"),
        false => said.to_owned(),
    }
}

pub async fn logged_model(State(app): Shared, Path(id): Path<String>) -> Response {
    tracked(&app, logged(&app, &id))
}

fn logged(app: &App, id: &str) -> Result<LoggedModel, Error> {
    let store = &app.tracking.store;
    let model = store.logged_model(id)?;
    let experiment = store.experiment(model.experiment_id)?;
    let runs = training::run_links(store, &model)?;
    let metric = |(found, run): (&forebay_store::ModelMetric, RunLink)| ModelMetricRow {
        key: found.metric.key.clone(),
        value: found.metric.value,
        step: found.metric.step,
        dataset: found.dataset_name.clone(),
        run,
    };
    let filter = format!("model_id = '{}'", model.id.replace('\'', "''"));
    let versions = store.search_versions(&Search {
        filter: &filter,
        limit: 20,
        ..Search::default()
    })?;
    let version = |version: Stored| VersionLink {
        model: version.model,
        version: version.version,
        aliases: version.aliases,
    };
    Ok(LoggedModel {
        experiment: experiment.name,
        status: model.status.as_str().to_owned(),
        created_ms: model.created_ms,
        run: training::run_link(store, &model.source_run_id)?,
        versions: versions.items.into_iter().map(version).collect(),
        metrics: model.metrics.iter().zip(runs).map(metric).collect(),
        params: model.params.clone().into_iter().collect(),
        tags: own_tags(&model.tags),
        artifacts: artifacts::listing(
            &app.tracking.artifacts,
            &model.artifact_path,
            &link::logged_model(&model.id),
            "",
        ),
        kind: model.model_type,
        name: model.name,
        id: model.id,
    })
}
