//! An inference service in process: request rows in; features looked up online, request features
//! computed by the expressions that training used, scores and their reasons out.

mod assemble;
mod log;
mod logged;
mod request;

use std::sync::Arc;

use arrow::array::{ArrayRef, Float64Array, RecordBatch};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono::{DateTime, Utc};
use forebay_core::{Diagnostic, Relation};
use forebay_lake::Lake;
use forebay_lake::expr::CompiledExprs;
use serde::Serialize;

use crate::model::Model;
use crate::online::OnlineStore;
use crate::record::TrainingRecord;

pub use log::{PredictionLog, pending, table as log_table};
pub use request::{InputField, InputRole};

/// What a service is made of.
pub struct ServiceParts {
    pub name: String,
    pub model_name: String,
    pub model_version: u64,
    pub model: Model,
    pub record: TrainingRecord,
    /// Score at or above which the label is true.
    pub threshold: f64,
    pub online: Arc<dyn OnlineStore>,
}

/// Ready to answer. Nothing changes in it: a new model version is a new service.
pub struct Service {
    parts: ServiceParts,
    inputs: Vec<InputField>,
    input_schema: SchemaRef,
    request_features: CompiledExprs,
    layout: assemble::Layout,
    log_layout: logged::Layout,
    features: Vec<String>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// UUID, version 7: sorts by time.
    pub id: String,
    pub score: f64,
    pub label: bool,
    /// `view:feature` of every feature that was there but older than its view's ttl, or not there at
    /// all: the model saw it as missing.
    pub stale: Vec<String>,
}

/// The answers to one request, and the rows to log of it.
pub struct Answer {
    pub predictions: Vec<Prediction>,
    pub log: RecordBatch,
}

impl Service {
    pub fn new(lake: &Lake, parts: ServiceParts) -> Result<Self, Diagnostic> {
        let spine = request::spine_schema(&parts.record);
        let exprs: Vec<(String, String)> = parts
            .record
            .job
            .request_features
            .iter()
            .map(|feature| (feature.name.clone(), feature.expr.clone()))
            .collect();
        let used = lake.compile_exprs(&spine, &exprs)?.columns().to_vec();
        let inputs = request::inputs(&parts.record, &used)?;
        let fields: Vec<Field> = inputs
            .iter()
            .map(|input| Field::new(&input.name, input.data_type.arrow(), true))
            .collect();
        let input_schema: SchemaRef = Arc::new(Schema::new(fields));
        let request_features = lake.compile_exprs(&input_schema, &exprs)?;
        let layout = assemble::Layout::new(&parts.record, &request_features.schema())?;
        Ok(Self {
            log_layout: logged::Layout::new(&parts.record, &input_schema, &layout.schema),
            features: parts.record.feature_names(),
            layout,
            request_features,
            parts,
            inputs,
            input_schema,
        })
    }

    pub fn name(&self) -> &str {
        &self.parts.name
    }

    pub fn model_name(&self) -> &str {
        &self.parts.model_name
    }

    pub fn model_version(&self) -> u64 {
        self.parts.model_version
    }

    pub fn run_id(&self) -> &str {
        &self.parts.record.run_id
    }

    pub fn job_name(&self) -> &str {
        &self.parts.record.job_name
    }

    pub fn record(&self) -> &TrainingRecord {
        &self.parts.record
    }

    pub fn threshold(&self) -> f64 {
        self.parts.threshold
    }

    pub fn training_set(&self) -> &Relation {
        &self.parts.record.training_set
    }

    pub fn event_timestamp(&self) -> &str {
        &self.parts.record.job.event_timestamp
    }

    /// Columns that the model reads, in its order.
    pub fn features(&self) -> &[String] {
        &self.features
    }

    /// What a request carries.
    pub fn inputs(&self) -> &[InputField] {
        &self.inputs
    }

    /// Schema of a request batch: the inputs, in order.
    pub fn input_schema(&self) -> &SchemaRef {
        &self.input_schema
    }

    /// Answers every row of the request. Where the event timestamp is null the moment is `now`.
    pub fn predict(&self, request: &RecordBatch, now: DateTime<Utc>) -> Result<Answer, Diagnostic> {
        request::check(self, request)?;
        let request = request::with_moment(self, request, now)?;
        let computed = self.request_features.evaluate(&request)?;
        let looked_up = assemble::look_up(self, &request)?;
        let features = assemble::features(&self.layout, &computed, &looked_up)?;
        let scores = self.parts.model.predict(&features)?;
        let predictions = self.predictions(&scores, &looked_up);
        let log = logged::rows(self, &request, &features, &looked_up, &predictions, now)?;
        Ok(Answer { predictions, log })
    }

    fn predictions(&self, scores: &[f64], looked_up: &assemble::LookedUp) -> Vec<Prediction> {
        let one = |(row, score): (usize, &f64)| Prediction {
            id: uuid::Uuid::now_v7().to_string(),
            score: *score,
            label: *score >= self.parts.threshold,
            stale: looked_up.stale(&self.layout, row),
        };
        scores.iter().enumerate().map(one).collect()
    }

    /// Scores rows that carry the model's columns already (a training set, a prediction log):
    /// those columns and `score`.
    pub fn score_batches(&self, batches: &[RecordBatch]) -> Result<Vec<RecordBatch>, Diagnostic> {
        batches
            .iter()
            .map(|batch| self.score_batch(batch))
            .collect()
    }

    fn score_batch(&self, batch: &RecordBatch) -> Result<RecordBatch, Diagnostic> {
        let scores = self.parts.model.predict(batch)?;
        let column = |name: &String| -> Result<(Field, ArrayRef), Diagnostic> {
            let index = batch.schema().index_of(name).map_err(|_| {
                Diagnostic::error(format!("the rows to score lack the column '{name}'"))
            })?;
            Ok((
                batch.schema().field(index).clone(),
                batch.column(index).clone(),
            ))
        };
        let mut columns = self
            .features()
            .iter()
            .map(column)
            .collect::<Result<Vec<_>, _>>()?;
        let scores: ArrayRef = Arc::new(Float64Array::from(scores));
        columns.push((Field::new("score", DataType::Float64, false), scores));
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .map_err(|error| Diagnostic::internal(format!("cannot assemble scores: {error}")))
    }
}
