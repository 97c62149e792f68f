//! The port between HTTP and the project: exactly what pages and protocols need, as plain data.

use std::sync::Arc;

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use forebay_core::ml::FeatureView;
use forebay_core::{Diagnostic, Graph, Relation};
use forebay_ml::online;
use forebay_ui::page;

pub use crate::inference::{Answered, Served};

/// None: there is no such thing, which is the caller's slip and not an error.
pub type Found<T> = Result<Option<T>, Diagnostic>;

/// A project, as the server sees it. Shared by all requests.
///
/// Methods may be called at the same time and may be dropped half-way when a client goes away; none
/// of them changes anything but [`Backend::infer`], which answers only what it has logged. Work that
/// blocks for more than some microseconds belongs on a blocking thread.
#[async_trait]
pub trait Backend: Send + Sync + 'static {
    async fn overview(&self) -> Result<page::Overview, Diagnostic>;

    /// With a focus, only what the node reads and what reads it.
    async fn graph(&self, focus: Option<&str>) -> Found<page::Graph>;

    /// With a column, also its lineage; an unknown column is as if none were named.
    async fn node(&self, id: &str, column: Option<&str>) -> Found<page::Node>;

    async fn runs(&self) -> Result<page::Runs, Diagnostic>;

    async fn run(&self, invocation: &str) -> Found<page::Run>;

    async fn tables(&self) -> Result<page::Tables, Diagnostic>;

    /// The newest version, or the one asked for.
    async fn table(&self, relation: &Relation, version: Option<i64>) -> Found<page::Table>;

    /// The project's nodes: what pages of tracked things link to.
    fn graph_values(&self) -> &Graph;

    /// Inference services that answer with this version of the model now.
    fn services_of(&self, model: &str, version: u64) -> Vec<String>;

    async fn services(&self) -> Result<page::Services, Diagnostic>;

    /// `tried`: the form on the page was sent and refused.
    async fn service(&self, name: &str, tried: Option<page::Try>) -> Found<page::Service>;

    async fn prediction(&self, id: &str) -> Found<page::Prediction>;

    /// Looked up for every inference request: must be cheap.
    fn lookup(&self, service: &str) -> Lookup;

    /// Names of all inference services, ready or not, in the order to list them.
    fn service_names(&self) -> Vec<String>;

    /// Answers every row of the batch, which has the schema of `served`. An error with
    /// [`forebay_core::Fault::User`] is the request's fault and answered with status 400.
    async fn infer(&self, served: &Served, rows: RecordBatch) -> Result<Answered, Diagnostic>;

    /// A feature view that is kept online, by its name.
    fn feature_view(&self, name: &str) -> Option<&FeatureView>;

    /// What the view has now for every row of the batch, which has its join keys.
    fn online_rows(
        &self,
        name: &str,
        view: &FeatureView,
        entities: &RecordBatch,
    ) -> Result<Vec<online::Found>, Diagnostic>;

    /// Since the server started.
    fn stats(&self, service: &str) -> Stats;
}

/// What stands behind the name of an inference service.
pub enum Lookup {
    Ready(Arc<Served>),
    /// Defined, but without a model version to answer with.
    NotReady,
    Unknown,
}

/// Counters of one inference service.
#[derive(Clone, Copy, Debug, Default)]
pub struct Stats {
    /// Rows scored.
    pub predictions: u64,
    /// Requests answered and refused.
    pub answered: u64,
    pub refused: u64,
    /// Sum of the answering times.
    pub seconds: f64,
}
