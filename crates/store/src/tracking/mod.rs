//! Experiments, runs and logged models, as in MLflow. A training job's run is one among them.

mod browse;
pub(crate) mod experiment;
mod input;
mod log;
pub(crate) mod logged_model;
mod metric;
mod run;
#[cfg(test)]
mod search_tests;
#[cfg(test)]
mod tests;

pub use browse::{RunCount, RunHead, RunVersion};
pub use experiment::Experiment;
pub use input::{Dataset, ModelOutput, RunInput};
pub use log::{Batch, PARENT};
pub use logged_model::{LoggedModel, MeasuredOn, ModelStatus};
pub use metric::{Metric, ModelMetric};
pub use run::{NewRun, Run, RunState};
