//! What a run leaves beside its model, so that the model can be served and explained without the
//! project that trained it: the job, the feature views and the table versions, as they were.

use std::path::Path;

use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use forebay_core::graph::Spec;
use forebay_core::ml::{FeatureView, TrainingJob};
use forebay_core::{Diagnostic, Graph, Node, Relation};
use serde::{Deserialize, Serialize};

use crate::training_set::TrainingSet;

const FORMAT: u32 = 2;
const FILE: &str = "training.json";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingRecord {
    pub format: u32,
    pub job_name: String,
    pub run_id: String,
    pub job: TrainingJob,
    pub training_set: Relation,
    pub training_set_version: i64,
    pub training_hash: String,
    pub inputs: Vec<RecordedInput>,
    pub views: Vec<RecordedView>,
    /// Columns that the model reads, in its order: the job's request features, then those looked up.
    /// Looked up, they have these types also where nothing was found.
    pub features: Vec<RecordedColumn>,
    /// Columns of the spine, in its order, with their types.
    pub spine: Vec<RecordedColumn>,
}

/// A table version that was read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedInput {
    pub relation: Relation,
    pub version: i64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordedView {
    pub name: String,
    /// The table of its values.
    pub relation: Relation,
    /// The table that its values were computed from.
    pub source: Relation,
    pub view: FeatureView,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedColumn {
    pub name: String,
    pub data_type: ColumnType,
}

/// The types that a request can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ColumnType {
    Boolean,
    Int64,
    Float64,
    String,
    /// An instant: microseconds, UTC.
    Timestamp,
    /// What a clock on the wall shows: microseconds, no zone.
    LocalTimestamp,
    Date,
}

impl ColumnType {
    pub(crate) fn of(data_type: &DataType) -> Option<Self> {
        Some(match data_type {
            DataType::Boolean => ColumnType::Boolean,
            t if t.is_integer() => ColumnType::Int64,
            t if t.is_floating() => ColumnType::Float64,
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => ColumnType::String,
            DataType::Timestamp(_, Some(_)) => ColumnType::Timestamp,
            DataType::Timestamp(_, None) => ColumnType::LocalTimestamp,
            DataType::Date32 => ColumnType::Date,
            _ => return None,
        })
    }

    pub fn arrow(self) -> DataType {
        match self {
            ColumnType::Boolean => DataType::Boolean,
            ColumnType::Int64 => DataType::Int64,
            ColumnType::Float64 => DataType::Float64,
            ColumnType::String => DataType::Utf8,
            ColumnType::Timestamp => DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())),
            ColumnType::LocalTimestamp => DataType::Timestamp(TimeUnit::Microsecond, None),
            ColumnType::Date => DataType::Date32,
        }
    }
}

impl TrainingRecord {
    /// `spine` is the schema of the spine's table, `columns` that of the training set's.
    pub fn new(
        graph: &Graph,
        node: &Node,
        job: &TrainingJob,
        set: &TrainingSet,
        (spine, columns): (&Schema, &Schema),
        run_id: &str,
    ) -> Result<Self, Diagnostic> {
        Ok(Self {
            format: FORMAT,
            job_name: node.name.clone(),
            run_id: run_id.to_owned(),
            job: job.clone(),
            training_set: set.relation.clone(),
            training_set_version: set.version,
            training_hash: set.hash.clone(),
            inputs: set
                .inputs
                .iter()
                .map(|(relation, version)| RecordedInput {
                    relation: relation.clone(),
                    version: *version,
                })
                .collect(),
            views: views(graph, node, job)?,
            features: features(node, job, columns)?,
            spine: spine.fields().iter().filter_map(|f| column(f)).collect(),
        })
    }

    /// Names of the columns that the model reads, in its order.
    pub fn feature_names(&self) -> Vec<String> {
        let features = self.features.iter();
        features.map(|feature| feature.name.clone()).collect()
    }

    pub fn write(&self, folder: &Path) -> Result<(), Diagnostic> {
        let path = folder.join(FILE);
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| Diagnostic::internal(format!("cannot encode {FILE}: {error}")))?;
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&path, text))
            .map_err(|error| {
                Diagnostic::environment(format!("cannot write {}: {error}", path.display()))
            })
    }

    pub fn read(folder: &Path) -> Result<Self, Diagnostic> {
        let path = folder.join(FILE);
        let text = std::fs::read(&path).map_err(|error| {
            Diagnostic::environment(format!("cannot read {}: {error}", path.display()))
                .hint("the run's artifacts are gone; train again")
        })?;
        let record: Self = serde_json::from_slice(&text).map_err(|error| {
            Diagnostic::environment(format!("{} is damaged: {error}", path.display()))
        })?;
        match record.format {
            FORMAT => Ok(record),
            newer => Err(Diagnostic::error(format!(
                "{} has format {newer}; this Forebay reads {FORMAT}",
                path.display()
            ))),
        }
    }
}

/// The views that the job names, in the order of their first mention.
fn views(graph: &Graph, node: &Node, job: &TrainingJob) -> Result<Vec<RecordedView>, Diagnostic> {
    let mut views: Vec<RecordedView> = Vec::new();
    for feature in &job.features {
        if views.iter().any(|known| known.name == feature.view) {
            continue;
        }
        let found = graph.find(forebay_core::ResourceType::FeatureView, &feature.view);
        let recorded = found.and_then(|found| match &found.spec {
            Spec::FeatureView(view) => Some(RecordedView {
                name: found.name.clone(),
                relation: found.relation.clone()?,
                source: graph.get(&view.source)?.relation.clone()?,
                view: view.clone(),
            }),
            _ => None,
        });
        views.push(recorded.ok_or_else(|| {
            Diagnostic::error(format!(
                "training job '{}' names feature view '{}', which is not there",
                node.name, feature.view
            ))
            .at(node.location.clone())
        })?);
    }
    Ok(views)
}

fn features(
    node: &Node,
    job: &TrainingJob,
    columns: &Schema,
) -> Result<Vec<RecordedColumn>, Diagnostic> {
    let request = job.request_features.iter().map(|f| f.name.clone());
    let names = request.chain(job.features.iter().map(|feature| feature.column()));
    let recorded = |name: String| {
        let found = columns.field_with_name(&name).ok();
        let data_type = found.and_then(|field| match ColumnType::of(field.data_type()) {
            // As the online store keeps a decimal, and as a model reads it.
            None if field.data_type().is_numeric() => Some(ColumnType::Float64),
            known => known,
        });
        match data_type {
            Some(data_type) => Ok(RecordedColumn { name, data_type }),
            None => Err(Diagnostic::error(format!(
                "training job '{}': no model reads feature '{name}', which is {}",
                node.name,
                found.map_or("not there".to_owned(), |f| f.data_type().to_string()),
            ))
            .at(node.location.clone())),
        }
    };
    names.map(recorded).collect()
}

/// None for a column of another type (a list, a struct): it cannot be asked for in a request.
fn column(field: &Field) -> Option<RecordedColumn> {
    Some(RecordedColumn {
        name: field.name().clone(),
        data_type: ColumnType::of(field.data_type())?,
    })
}
