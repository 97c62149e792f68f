//! The metadata store: what was run, trained and registered. One module an aggregate.
//!
//! SQLite with a write-ahead log. Every method is one transaction: what it wrote is there after
//! the process is killed, or none of it is. Methods block, most for well under a millisecond; a
//! search may take longer. Times come in as arguments, in milliseconds since the epoch.

mod connection;
mod error;
pub mod evaluation;
mod float;
mod import;
pub mod invocation;
mod limits;
pub mod migration;
mod pairs;
pub mod registry;
pub mod search;
pub mod trace;
pub mod tracking;

pub use connection::Store;
pub use error::Error;
pub use evaluation::{EvaluationDataset, EvaluationRecord, NewRecord, Scorer, Upserted};
pub use import::{History, Imported, span_content};
pub use invocation::{Invocation, NodeRun, RunStatus};
pub use registry::{ModelVersion, RegisteredModel};
pub use search::{Page, Search, Stage};
pub use trace::{Assessment, AssessmentKind, Span, Trace, TraceState};
pub use tracking::{
    Batch, Dataset, Experiment, LoggedModel, MeasuredOn, Metric, ModelMetric, ModelOutput,
    ModelStatus, NewRun, Run, RunCount, RunHead, RunInput, RunState, RunVersion,
};
