//! The chain behind a prediction: service, model version, run, training set, table versions,
//! feature values with the source rows behind them, models, source files.

use std::collections::{BTreeMap, BTreeSet};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::{Float64Type, Int64Type, TimestampMicrosecondType};
use forebay_core::ml::{Feature, FeatureRef};
use forebay_core::{Diagnostic, Node, NodeId, Relation, ResourceType, Span, quote};
use forebay_ml::record::{RecordedInput, RecordedView, TrainingRecord};
use forebay_ml::serving::{self, Service};
use serde::Serialize;
use serde_json::Value;

use crate::cells::Cells;
use crate::workspace::Workspace;

/// Source rows that are shown of each feature; the rest is counted.
const SHOWN_ROWS: usize = 3;

#[derive(Clone, Debug, Serialize)]
pub struct Why {
    pub prediction_id: String,
    pub service: String,
    pub answered_at: String,
    pub score: f64,
    /// Yes or no, the class, the number of the cluster; null where the score says all.
    pub label: Value,
    /// Of a yes or no.
    pub threshold: Option<f64>,
    pub inputs: Vec<(String, Option<String>)>,
    pub model: String,
    pub model_version: u64,
    pub run_id: String,
    pub run_metrics: BTreeMap<String, f64>,
    pub training_set: Relation,
    pub training_set_version: i64,
    pub training_hash: String,
    /// Table versions that the training set was made from.
    pub training_inputs: Vec<RecordedInput>,
    pub features: Vec<FeatureReason>,
    /// Sources, seeds and models upstream of the service, parents first.
    pub upstream: Vec<NodeId>,
    pub source_files: Vec<String>,
    pub rescored: Rescored,
}

/// One input of the model and where its value comes from.
#[derive(Clone, Debug, Serialize)]
pub struct FeatureReason {
    pub name: String,
    pub value: Option<String>,
    pub stale: bool,
    pub expr: String,
    pub origin: Origin,
}

#[derive(Clone, Debug, Serialize)]
#[serde(tag = "from", rename_all = "snake_case")]
pub enum Origin {
    Request,
    View {
        view: String,
        source: Relation,
        source_version: Option<i64>,
        /// When the value became known; None where the entity was never seen.
        event_time: Option<String>,
        /// How many rows of the source the value was computed from.
        source_rows: u64,
        shown: Cells,
    },
}

/// The logged feature values, scored once more.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Rescored {
    pub score: f64,
    pub same_bits: bool,
}

/// Explains a logged prediction.
pub async fn explain(workspace: &Workspace, id: &str) -> Result<Why, Diagnostic> {
    let (service_node, row) = find(workspace, id).await?;
    let service = service_of(workspace, service_node, &row)?;
    let score = float(&row, "score")?;
    let again = service.score_batches(std::slice::from_ref(&row))?;
    let rescored = float(&again[0], "score")?;
    let run = workspace.store.run(service.run_id())?;
    let features = features(workspace, &service, &row).await?;
    let cells = Cells::from_batches(std::slice::from_ref(&row), 1)?;
    let record = service.record();
    Ok(Why {
        prediction_id: id.to_owned(),
        service: service_node.name.clone(),
        answered_at: cells.get(0, "answered_at").unwrap_or_default().to_owned(),
        score,
        label: match service.threshold() {
            Some(threshold) => Value::from(score >= threshold),
            None => cells.get(0, "label").map_or(Value::Null, Value::from),
        },
        threshold: service.threshold(),
        inputs: service
            .inputs()
            .iter()
            .map(|input| {
                (
                    input.name.clone(),
                    cells.get(0, &input.name).map(str::to_owned),
                )
            })
            .collect(),
        model: service.model_name().to_owned(),
        model_version: service.model_version(),
        run_id: service.run_id().to_owned(),
        run_metrics: run.map(|run| run.metric_values()).unwrap_or_default(),
        training_set: record.training_set.clone(),
        training_set_version: record.training_set_version,
        training_hash: record.training_hash.clone(),
        training_inputs: record.inputs.clone(),
        source_files: source_files(workspace, record, &features),
        features,
        upstream: upstream(workspace, &service_node.id),
        rescored: Rescored {
            score: rescored,
            same_bits: rescored.to_bits() == score.to_bits(),
        },
    })
}

/// The row of the prediction log, from the lake or from answers that are not there yet.
async fn find<'a>(
    workspace: &'a Workspace,
    id: &str,
) -> Result<(&'a Node, RecordBatch), Diagnostic> {
    let services = workspace
        .graph()
        .nodes
        .values()
        .filter(|node| node.resource_type() == ResourceType::InferenceService);
    for node in services {
        let table = forebay_ml::serving::log_table(&node.name);
        if workspace.lake.info(&table).await?.is_some() {
            let literal = id.replace('\'', "''");
            let sql = format!(
                "select * from {} where prediction_id = '{literal}'",
                table.sql()
            );
            let found = workspace.lake.collect(&sql).await?;
            if let Some(batch) = found.into_iter().find(|batch| batch.num_rows() > 0) {
                return Ok((node, batch.slice(0, 1)));
            }
        }
        let waiting = serving::pending(&workspace.settings().prediction_log(), &node.name)?;
        if let Some(row) = waiting.iter().find_map(|batch| row_of(batch, id)) {
            return Ok((node, row));
        }
    }
    Err(Diagnostic::error(format!("there is no prediction '{id}' in the log"))
        .hint("answers carry their id as `prediction_id`; recent ones are listed on the service's page"))
}

fn row_of(batch: &RecordBatch, id: &str) -> Option<RecordBatch> {
    let ids = batch
        .column_by_name("prediction_id")?
        .as_string_opt::<i32>()?;
    let row = ids.iter().position(|known| known == Some(id))?;
    Some(batch.slice(row, 1))
}

/// The service as it was then: the model version that answered, whatever is champion now.
fn service_of(
    workspace: &Workspace,
    node: &Node,
    row: &RecordBatch,
) -> Result<Service, Diagnostic> {
    let cells = Cells::from_batches(std::slice::from_ref(row), 1)?;
    let model = cells.get(0, "model").unwrap_or_default().to_owned();
    let version = integer(row, "model_version")?;
    let found = workspace.store.model_version(&model, version)?;
    let found = found.ok_or_else(|| {
        Diagnostic::environment(format!(
            "the metadata store lacks version {version} of model '{model}', which answered"
        ))
    })?;
    crate::serving::load_version(workspace, node, &found)
}

async fn features(
    workspace: &Workspace,
    service: &Service,
    row: &RecordBatch,
) -> Result<Vec<FeatureReason>, Diagnostic> {
    let cells = Cells::from_batches(std::slice::from_ref(row), 1)?;
    let stale = cells.get(0, "stale_features").unwrap_or_default();
    let stale: BTreeSet<&str> = stale.split(',').collect();
    let record = service.record();
    let value = |name: &str| cells.get(0, name).map(str::to_owned);
    let mut reasons: Vec<FeatureReason> = record
        .job
        .request_features
        .iter()
        .map(|feature| FeatureReason {
            name: feature.name.clone(),
            value: value(&feature.name),
            stale: false,
            expr: feature.expr.clone(),
            origin: Origin::Request,
        })
        .collect();
    // Features of one view with one window come from the same rows: they are looked up once.
    let mut known: BTreeMap<(String, Option<Span>), Origin> = BTreeMap::new();
    for feature in &record.job.features {
        let (recorded, definition) = definition(record, feature)?;
        let rows = (feature.view.clone(), definition.window);
        let origin = match known.get(&rows) {
            Some(origin) => origin.clone(),
            None => {
                let found = origin(workspace, recorded, definition, row, &cells).await?;
                known.insert(rows, found.clone());
                found
            }
        };
        let expr = match definition.window {
            Some(window) => format!("{} over {window}", definition.expr),
            None => definition.expr.clone(),
        };
        reasons.push(FeatureReason {
            name: format!("{}:{}", feature.view, feature.feature),
            value: value(&feature.column()),
            stale: stale.contains(format!("{}:{}", feature.view, feature.feature).as_str()),
            expr,
            origin,
        });
    }
    Ok(reasons)
}

fn definition<'a>(
    record: &'a TrainingRecord,
    feature: &FeatureRef,
) -> Result<(&'a RecordedView, &'a Feature), Diagnostic> {
    let view = record.views.iter().find(|view| view.name == feature.view);
    let found = view.and_then(|view| {
        let named = |known: &&Feature| known.name == feature.feature;
        Some((view, view.view.features.iter().find(named)?))
    });
    found.ok_or_else(|| {
        Diagnostic::internal(format!(
            "the run's record lacks feature {}",
            feature.column()
        ))
    })
}

async fn origin(
    workspace: &Workspace,
    recorded: &RecordedView,
    definition: &Feature,
    row: &RecordBatch,
    cells: &Cells,
) -> Result<Origin, Diagnostic> {
    let time_column = format!("{}__event_timestamp", recorded.name);
    let event_time = micros(row, &time_column);
    let source_version = source_version(workspace, recorded, row).await?;
    let (source_rows, shown) = match event_time {
        Some(at) => {
            let rows = Behind {
                workspace,
                recorded,
                definition,
                at,
                version: source_version,
            };
            rows.find(cells).await?
        }
        None => (0, Cells::default()),
    };
    Ok(Origin::View {
        view: recorded.name.clone(),
        source: recorded.source.clone(),
        source_version,
        event_time: cells.get(0, &time_column).map(str::to_owned),
        source_rows,
        shown,
    })
}

/// The version of the view's source that its values came from when the answer was given: the
/// newest commit of the feature table by then names it.
async fn source_version(
    workspace: &Workspace,
    recorded: &RecordedView,
    row: &RecordBatch,
) -> Result<Option<i64>, Diagnostic> {
    let answered_ms = micros(row, "answered_at").unwrap_or(i64::MAX) / 1000;
    let history = workspace.lake.history(&recorded.relation, 1_000).await?;
    let commit = history
        .iter()
        .filter(|commit| commit.timestamp_ms <= answered_ms)
        .max_by_key(|commit| commit.version);
    let version = commit.and_then(|commit| commit.metadata.get("source_version"));
    Ok(version.and_then(|text| text.parse().ok()))
}

/// The source rows behind one value.
struct Behind<'a> {
    workspace: &'a Workspace,
    recorded: &'a RecordedView,
    definition: &'a Feature,
    at: i64,
    version: Option<i64>,
}

impl Behind<'_> {
    async fn find(&self, cells: &Cells) -> Result<(u64, Cells), Diagnostic> {
        let condition = self.condition(cells);
        let source = self.recorded.source.sql();
        let count = format!("select count(*) as n from {source} where {condition}");
        let counted = self.query(&count).await?;
        let rows = match counted.first().filter(|batch| batch.num_rows() > 0) {
            Some(batch) => integer(batch, "n")?,
            None => 0,
        };
        let time = quote(&self.recorded.view.timestamp);
        let newest = format!(
            "select * from {source} where {condition} order by {time} desc limit {SHOWN_ROWS}"
        );
        let shown = Cells::from_batches(&self.query(&newest).await?, SHOWN_ROWS)?;
        Ok((rows, shown))
    }

    /// The same rows that the feature's window covers at its event time.
    fn condition(&self, cells: &Cells) -> String {
        let view = &self.recorded.view;
        let time = quote(&view.timestamp);
        let at = format!("to_timestamp_micros({})", self.at);
        let mut parts: Vec<String> = view
            .join_keys()
            .iter()
            .map(|key| {
                let value = cells.get(0, key).unwrap_or_default().replace('\'', "''");
                format!("cast({} as varchar) = '{value}'", quote(key))
            })
            .collect();
        parts.push(match self.definition.window {
            Some(window) => format!(
                "{time} <= {at} and {time} >= to_timestamp_micros({})",
                self.at - window.micros()
            ),
            None => format!("{time} = {at}"),
        });
        parts.join(" and ")
    }

    async fn query(&self, sql: &str) -> Result<Vec<RecordBatch>, Diagnostic> {
        use futures::TryStreamExt;
        let versions = self
            .version
            .map(|version| (self.recorded.source.clone(), version));
        let rows = self
            .workspace
            .lake
            .query_at(sql, &versions.into_iter().collect())
            .await?;
        rows.stream.try_collect().await
    }
}

fn upstream(workspace: &Workspace, service: &NodeId) -> Vec<NodeId> {
    let ancestors = workspace.graph().ancestors(service, None);
    let order = workspace.graph().topological().unwrap_or_default();
    let data = [
        ResourceType::Source,
        ResourceType::Seed,
        ResourceType::Model,
        ResourceType::Snapshot,
    ];
    order
        .into_iter()
        .filter(|node| ancestors.contains(&node.id) && data.contains(&node.resource_type()))
        .map(|node| node.id.clone())
        .collect()
}

/// Files named by the rows shown; where the rows do not say, the files of the sources upstream.
fn source_files(
    workspace: &Workspace,
    record: &TrainingRecord,
    features: &[FeatureReason],
) -> Vec<String> {
    let mut files = BTreeSet::new();
    for reason in features {
        if let Origin::View { shown, .. } = &reason.origin {
            let named = (0..shown.rows.len()).filter_map(|row| shown.get(row, "_file"));
            files.extend(named.map(str::to_owned));
        }
    }
    if files.is_empty() {
        files.extend(
            record
                .views
                .iter()
                .flat_map(|view| globs(workspace, &view.source)),
        );
    }
    files.into_iter().collect()
}

fn globs(workspace: &Workspace, relation: &Relation) -> Vec<String> {
    use forebay_core::graph::Spec;
    use forebay_core::ingest::Connector;
    let graph = workspace.graph();
    let Some(node) = graph.by_relation(relation) else {
        return Vec::new();
    };
    let ancestors = graph.ancestors(&node.id, None);
    let sources = ancestors.iter().filter_map(|id| graph.get(id));
    sources
        .filter_map(|node| match &node.spec {
            Spec::Source(source) => source
                .ingest
                .as_ref()
                .map(|ingest| match &ingest.connector {
                    Connector::Csv(csv) => csv.path.clone(),
                }),
            _ => None,
        })
        .collect()
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a dyn Array, Diagnostic> {
    let column = batch.column_by_name(name).map(AsRef::as_ref);
    column.ok_or_else(|| Diagnostic::internal(format!("the log lacks the column '{name}'")))
}

fn float(batch: &RecordBatch, name: &str) -> Result<f64, Diagnostic> {
    let values = column(batch, name)?.as_primitive_opt::<Float64Type>();
    values
        .map(|values| values.value(0))
        .ok_or_else(|| Diagnostic::internal(format!("'{name}' is no float")))
}

fn integer(batch: &RecordBatch, name: &str) -> Result<u64, Diagnostic> {
    let values = column(batch, name)?.as_primitive_opt::<Int64Type>();
    values
        .map(|values| values.value(0) as u64)
        .ok_or_else(|| Diagnostic::internal(format!("'{name}' is no integer")))
}

fn micros(batch: &RecordBatch, name: &str) -> Option<i64> {
    let values = batch
        .column_by_name(name)?
        .as_primitive_opt::<TimestampMicrosecondType>()?;
    values.is_valid(0).then(|| values.value(0))
}
