//! `tune` of a training job: a search over its trainer's parameters.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::Trainer;

/// Values of a trainer's parameters by name.
pub type Parameters = Map<String, Value>;

/// A search over the trainer's parameters before the training proper.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tuning {
    pub search: Search,
    /// Trials of a random or halving search; a grid has as many as it has points.
    pub trials: usize,
    /// Metric that decides, on rows held out of the training rows. Empty: the task's main one.
    pub metric: String,
    /// Trials at the same time, where memory allows.
    pub parallel: usize,
    /// Bytes that the trials of one moment may hold together; None: the project's limit.
    #[serde(default)]
    pub memory: Option<u64>,
    /// Folds of the training rows that judge a trial, by the mean of its metrics; 0: rows held out once.
    #[serde(default, skip_serializing_if = "is_none")]
    pub folds: usize,
    pub parameters: IndexMap<String, Range>,
}

/// What is not asked for is not in a job's hash.
fn is_none(folds: &usize) -> bool {
    *folds == 0
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Search {
    Grid,
    Random,
    /// Many trials on few rows, the better half on twice as many, until all are used.
    Halving,
}

/// Values that a parameter may take.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Range {
    Choices(Vec<Value>),
    Between {
        from: f64,
        to: f64,
        log: bool,
        whole: bool,
    },
}

impl Range {
    /// Values that stand for all: the choices, or both ends.
    pub fn samples(&self) -> Vec<Value> {
        match self {
            Range::Choices(choices) => choices.clone(),
            Range::Between {
                from, to, whole, ..
            } => vec![number(*from, *whole), number(*to, *whole)],
        }
    }
}

/// A value of a range as JSON has it.
pub fn number(value: f64, whole: bool) -> Value {
    match whole {
        true => json!(value.round() as u64),
        false => json!(value),
    }
}

impl Trainer {
    /// The same with other values of some parameters.
    ///
    /// # Errors
    /// A built-in trainer without such a parameter, or with one of another type.
    pub fn with(&self, parameters: &Parameters) -> Result<Self, String> {
        if let Trainer::Script(script) = self {
            let mut script = script.clone();
            script.params.extend(parameters.clone());
            return Ok(Trainer::Script(script));
        }
        let mut known = json!(self);
        if let Value::Object(known) = &mut known {
            known.extend(parameters.clone());
        }
        serde_json::from_value(known).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ml::{ClassWeights, GradientBoosting};

    #[test]
    fn a_trainer_takes_values_of_its_own_parameters() {
        let trainer = Trainer::GradientBoosting(GradientBoosting::default());
        let with = |parameters: Value| {
            let parameters: Parameters = serde_json::from_value(parameters).unwrap();
            match trainer.with(&parameters) {
                Ok(Trainer::GradientBoosting(parameters)) => Ok(parameters),
                Ok(other) => panic!("{other:?}"),
                Err(problem) => Err(problem),
            }
        };
        let tuned = with(json!({"max_leaves": 7, "l2": 1, "class_weight": 3})).unwrap();
        assert_eq!(
            (tuned.max_leaves, tuned.l2, tuned.class_weights),
            (7, 1.0, ClassWeights::True(3.0))
        );
        assert_eq!(tuned.rounds, GradientBoosting::default().rounds);
        assert!(with(json!({"max_leaves": "many"})).is_err());
        assert!(with(json!({"leaves": 7})).is_err());
        assert!(with(json!({"class_weight": "none"})).is_err());
    }

    #[test]
    fn weights_of_older_records_are_read() {
        let read = |text: &str| serde_json::from_str::<ClassWeights>(text).unwrap();
        assert_eq!(read(r#"{"true": 4.0}"#), ClassWeights::True(4.0));
        assert_eq!(read(r#""balanced""#), ClassWeights::Balanced);
    }
}
