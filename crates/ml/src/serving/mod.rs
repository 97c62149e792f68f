//! An inference service in process: request rows in; features looked up online, request features
//! computed by the expressions that training used, scores and their reasons out.

mod answers;
mod assemble;
mod log;
mod logged;
mod request;

use std::sync::Arc;

use arrow::array::{ArrayRef, RecordBatch, StringArray};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use chrono::{DateTime, Utc};
use forebay_core::ml::Task;
use forebay_core::{Diagnostic, Relation};
use forebay_lake::Lake;
use forebay_lake::expr::CompiledExprs;

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
    /// Of a binary label: the score at or above which it is true.
    pub threshold: f64,
    pub online: Arc<dyn OnlineStore>,
}

/// Ready to answer. Nothing changes in it: a new model version is a new service.
pub struct Service {
    parts: ServiceParts,
    inputs: Vec<InputField>,
    input_schema: SchemaRef,
    output_schema: SchemaRef,
    request_features: CompiledExprs,
    layout: assemble::Layout,
    log_layout: logged::Layout,
    features: Vec<String>,
}

/// The answers to one request, and the rows to log of it.
pub struct Answer {
    /// Columns of [`Service::output_schema`].
    pub rows: RecordBatch,
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
        let mut outputs = answers::fields(&parts.model);
        let log_layout =
            logged::Layout::new(&parts.record, &input_schema, &layout.schema, &outputs);
        // An UUID, version 7, sorts by time. `view:feature` of every feature that was too old or not
        // there: the model saw it as missing.
        for name in ["prediction_id", "stale_features"] {
            outputs.push(Field::new(name, DataType::Utf8, false));
        }
        Ok(Self {
            log_layout,
            output_schema: Arc::new(Schema::new(outputs)),
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

    /// Of a binary label.
    pub fn threshold(&self) -> Option<f64> {
        (self.parts.model.task == Task::Binary).then_some(self.parts.threshold)
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

    /// Schema of an answer: `score`, for most tasks `label`, then what else the task has to say,
    /// `prediction_id` and `stale_features`.
    pub fn output_schema(&self) -> &SchemaRef {
        &self.output_schema
    }

    /// Answers every row of the request. Where the event timestamp is null the moment is `now`.
    pub fn predict(&self, request: &RecordBatch, now: DateTime<Utc>) -> Result<Answer, Diagnostic> {
        request::check(self, request)?;
        let request = request::with_moment(self, request, now)?;
        let computed = self.request_features.evaluate(&request)?;
        let looked_up = assemble::look_up(self, &request)?;
        let features = assemble::features(&self.layout, &computed, &looked_up)?;
        let said = self.said(&features)?;
        let ids = (0..request.num_rows()).map(|_| uuid::Uuid::now_v7().to_string());
        let ids: ArrayRef = Arc::new(StringArray::from_iter_values(ids));
        let stale = (0..request.num_rows()).map(|row| looked_up.stale(&self.layout, row).join(","));
        let stale: ArrayRef = Arc::new(StringArray::from_iter_values(stale));
        let log = logged::Rows {
            request: &request,
            features: &features,
            looked_up: &looked_up,
            ids: &ids,
            stale: &stale,
            said: &said,
        };
        let log = log.batch(self, now)?;
        let columns = said.into_iter().chain([ids, stale]).collect();
        let rows = RecordBatch::try_new(Arc::clone(&self.output_schema), columns)
            .map_err(|error| Diagnostic::internal(format!("cannot assemble answers: {error}")))?;
        Ok(Answer { rows, log })
    }

    fn said(&self, features: &RecordBatch) -> Result<Vec<ArrayRef>, Diagnostic> {
        let ServiceParts {
            model, threshold, ..
        } = &self.parts;
        let answers = model.answers(std::slice::from_ref(features))?;
        Ok(answers::said(model, answers, *threshold))
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
        let scores = self.said(batch)?.swap_remove(0);
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
        columns.push((Field::new("score", DataType::Float64, false), scores));
        let (fields, arrays): (Vec<Field>, Vec<ArrayRef>) = columns.into_iter().unzip();
        RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
            .map_err(|error| Diagnostic::internal(format!("cannot assemble scores: {error}")))
    }
}
