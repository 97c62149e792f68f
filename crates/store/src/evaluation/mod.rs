//! What models and agents are evaluated with: datasets of questions, scorers of answers.

mod dataset;
mod record;
mod scorer;
#[cfg(test)]
mod tests;

pub use dataset::EvaluationDataset;
pub(crate) use record::sorting;
pub use record::{EvaluationRecord, NewRecord, Upserted};
pub use scorer::Scorer;
