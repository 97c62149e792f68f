//! A trained model, and the folder that it is kept in: `model.json`, format version 2.
//!
//! Floats are written so that they read back to the same bits; a model scores the same after any
//! number of writes and reads. Beside it lies the same model for other programs (see [`crate::onnx`]).

use std::path::Path;

use arrow::array::RecordBatch;
use forebay_core::Diagnostic;
use forebay_core::ml::Task;
use serde::{Deserialize, Serialize};

use crate::artifact;
use crate::encode::Encoder;
use crate::gbdt::{Booster, Matrix};
use crate::linear::{Clusters, Linear};
use crate::onnx;

/// The newest format, which is written. Format 1 (a binary booster) is read.
pub const FORMAT: u32 = 2;
const FILE: &str = "model.json";

/// A scorer of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    pub format: u32,
    pub task: Task,
    /// Column that it learnt to predict; empty for clusters.
    pub label: String,
    /// Of a multiclass label, in the order of their probabilities.
    pub classes: Vec<String>,
    /// Hash of the training set and the job's definition.
    pub training_hash: String,
    pub features: Encoder,
    pub predictor: Predictor,
}

/// What makes the answer out of the encoded features.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Predictor {
    Trees(Booster),
    /// One booster a class, each against the rest; their probabilities are divided by their sum.
    ClassTrees {
        boosters: Vec<Booster>,
    },
    Linear(Linear),
    Clusters(Clusters),
}

/// The answers to rows, in their order.
#[derive(Clone, Debug, PartialEq)]
pub enum Answers {
    /// Probabilities that the label is true, or predicted values.
    Numbers(Vec<f64>),
    /// By class, the probability of each row.
    Classes(Vec<Vec<f64>>),
    /// The cluster and the squared distance to its centre.
    Clusters(Vec<(u32, f64)>),
}

impl Predictor {
    pub fn answers(&self, matrix: &Matrix) -> Answers {
        match self {
            Predictor::Trees(booster) => Answers::Numbers(booster.predict_all(matrix)),
            Predictor::Linear(linear) => Answers::Numbers(linear.predict_all(matrix)),
            Predictor::Clusters(clusters) => Answers::Clusters(clusters.nearest_all(matrix)),
            Predictor::ClassTrees { boosters } => Answers::Classes(shares(
                boosters
                    .iter()
                    .map(|booster| booster.predict_all(matrix))
                    .collect(),
            )),
        }
    }

    /// By feature, how much the answer owes to it: gain of trees, size of coefficients.
    pub fn weights(&self) -> Vec<f64> {
        match self {
            Predictor::Trees(booster) => booster.gains(),
            Predictor::Linear(linear) => linear.sizes(),
            Predictor::Clusters(_) => Vec::new(),
            Predictor::ClassTrees { boosters } => {
                let mut sums = vec![0.0; boosters.first().map_or(0, |booster| booster.features)];
                for booster in boosters {
                    for (sum, gain) in sums.iter_mut().zip(booster.gains()) {
                        *sum += gain;
                    }
                }
                sums
            }
        }
    }

    fn check(&self, features: usize) -> Result<(), String> {
        match self {
            Predictor::Trees(booster) => check(booster, features),
            Predictor::ClassTrees { boosters } => boosters
                .iter()
                .try_for_each(|booster| check(booster, features)),
            Predictor::Linear(linear) => linear.check(features),
            Predictor::Clusters(clusters) => clusters.check(features),
        }
    }
}

fn check(booster: &Booster, features: usize) -> Result<(), String> {
    if features != booster.features {
        return Err(format!(
            "it lists {features} features, its trees were grown on {}",
            booster.features
        ));
    }
    booster.check()
}

fn shares(mut classes: Vec<Vec<f64>>) -> Vec<Vec<f64>> {
    for row in 0..classes.first().map_or(0, Vec::len) {
        let sum: f64 = classes.iter().map(|class| class[row]).sum();
        classes
            .iter_mut()
            .for_each(|class| class[row] /= sum.max(f64::MIN_POSITIVE));
    }
    classes
}

/// Puts a lone ONNX model, made elsewhere, into an MLflow model folder.
pub fn write_onnx(folder: &Path, model: Vec<u8>) -> Result<(), Diagnostic> {
    artifact::write_folder(folder, &onnx::bare_folder(model))
}

/// What is read first: how the rest is read.
#[derive(Deserialize)]
struct Header {
    format: u32,
}

/// Format 1.
#[derive(Deserialize)]
struct Model1 {
    label: String,
    training_hash: String,
    features: Encoder,
    booster: Booster,
}

impl From<Model1> for Model {
    fn from(old: Model1) -> Self {
        Self {
            format: FORMAT,
            task: Task::Binary,
            label: old.label,
            classes: Vec::new(),
            training_hash: old.training_hash,
            features: old.features,
            predictor: Predictor::Trees(old.booster),
        }
    }
}

impl Model {
    pub fn answers(&self, batches: &[RecordBatch]) -> Result<Answers, Diagnostic> {
        Ok(self.predictor.answers(&self.features.matrix(batches)?))
    }

    /// The score of each row: the probability that the label is true, or the predicted value. The
    /// batch may have more columns than the model's features, in any order.
    pub fn predict(&self, batch: &RecordBatch) -> Result<Vec<f64>, Diagnostic> {
        match self.answers(std::slice::from_ref(batch))? {
            Answers::Numbers(scores) => Ok(scores),
            Answers::Classes(_) | Answers::Clusters(_) => Err(Diagnostic::error(format!(
                "the model's answer is no single number: it tells {} apart",
                match self.task {
                    Task::Clusters => "clusters",
                    _ => "classes",
                }
            ))),
        }
    }

    pub fn feature_names(&self) -> impl Iterator<Item = &str> {
        self.features
            .features
            .iter()
            .map(|feature| feature.name.as_str())
    }

    /// Writes the model as a folder, whole or not at all: an MLflow model with ONNX inside, and
    /// `model.json`. `example` are a few rows with the model's features.
    pub fn write(&self, folder: &Path, example: &RecordBatch) -> Result<(), Diagnostic> {
        let text = serde_json::to_vec(self)
            .map_err(|error| Diagnostic::internal(format!("cannot encode the model: {error}")))?;
        let mut files = vec![(FILE, text)];
        files.extend(onnx::folder(self, example)?);
        artifact::write_folder(folder, &files)
    }

    pub fn read(folder: &Path) -> Result<Self, Diagnostic> {
        let path = folder.join(FILE);
        let text = std::fs::read(&path).map_err(|error| {
            Diagnostic::environment(format!("cannot read {}: {error}", path.display()))
                .hint("the model's files are gone; train again")
        })?;
        let damaged = |what: String| {
            Diagnostic::environment(format!("{} is damaged: {what}", path.display()))
                .hint("restore the file, or train again")
        };
        let header: Header =
            serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        let model: Self = match header.format {
            1 => serde_json::from_slice::<Model1>(&text).map(Model::from),
            FORMAT => serde_json::from_slice(&text),
            newer => {
                return Err(Diagnostic::error(format!(
                    "{} has format {newer}; this Forebay reads formats up to {FORMAT}",
                    path.display(),
                ))
                .hint("use the Forebay that wrote it or a newer one, or train again"));
            }
        }
        .map_err(|error| damaged(error.to_string()))?;
        model
            .predictor
            .check(model.features.features.len())
            .map_err(damaged)?;
        Ok(model)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow::array::{BooleanArray, Float64Array, StringArray};

    use super::*;

    const VERSION_1: &[u8] = include_bytes!("../tests/fixtures/model-v1/model.json");

    /// A model folder with this text in it.
    fn folder(text: &[u8]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), text).unwrap();
        folder
    }

    fn problem(text: &str) -> String {
        let folder = folder(text.as_bytes());
        let error = Model::read(folder.path()).unwrap_err().message;
        error.replace(&folder.path().display().to_string(), "model")
    }

    fn rows() -> RecordBatch {
        RecordBatch::try_from_iter_with_nullable([
            (
                "origin",
                Arc::new(StringArray::from(vec![Some("EWR"), Some("LGA"), None])) as _,
                true,
            ),
            (
                "id",
                Arc::new(StringArray::from(vec!["a", "b", "c"])) as _,
                true,
            ),
            (
                "rain",
                Arc::new(BooleanArray::from(vec![Some(true), None, Some(false)])) as _,
                true,
            ),
            (
                "wind_speed",
                Arc::new(Float64Array::from(vec![
                    Some(20.714000000000002),
                    None,
                    Some(21.0),
                ])) as _,
                true,
            ),
        ])
        .unwrap()
    }

    /// Models of format 1 were written by releases; they keep scoring as they did.
    #[test]
    fn format_1_opens_and_scores_to_the_bit() {
        let model = Model::read(folder(VERSION_1).path()).unwrap();
        let leaves = [
            [0.30000000000000004, 0.012345678901234567],
            [-0.1, -2.2250738585072014e-308],
            [0.7, -2.2250738585072014e-308],
        ];
        let matrix = model.features.matrix(&[rows()]).unwrap();
        let Predictor::Trees(booster) = &model.predictor else {
            panic!("format 1 has trees");
        };
        let scores = model.predict(&rows()).unwrap();
        let mut row = [0.0; 3];
        for (index, [first, second]) in leaves.into_iter().enumerate() {
            matrix.read_row(index, &mut row);
            let raw: f64 = -1.25 + first + second + 0.0078125;
            assert_eq!(booster.raw(&row).to_bits(), raw.to_bits());
            assert!((scores[index] - 1.0 / (1.0 + (-raw).exp())).abs() < 1e-15);
        }
    }

    #[test]
    fn writing_and_reading_changes_no_bit() {
        let model = Model::read(folder(VERSION_1).path()).unwrap();
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run/model");
        model.write(&path, &rows()).unwrap();
        // A second write replaces the first, and nothing else is left behind.
        model.write(&path, &rows()).unwrap();
        assert_eq!(
            std::fs::read_dir(place.path().join("run")).unwrap().count(),
            1
        );
        let again = Model::read(&path).unwrap();
        assert_eq!(again, model);
        let bits = |model: &Model| {
            let scores = model.predict(&rows()).unwrap();
            scores.into_iter().map(f64::to_bits).collect::<Vec<_>>()
        };
        assert_eq!(bits(&again), bits(&model));
    }

    #[test]
    fn what_cannot_be_read_is_explained() {
        let text = std::str::from_utf8(VERSION_1).unwrap();
        let newer = text.replacen("\"format\": 1", "\"format\": 3", 1);
        assert_eq!(
            problem(&newer),
            "model/model.json has format 3; this Forebay reads formats up to 2"
        );
        assert!(problem(&text[..200]).starts_with("model/model.json is damaged: EOF"));
        assert!(problem("{}").contains("missing field `format`"));
        let cut = text.replacen("\"left\": 1,", "\"left\": 0,", 1);
        assert_eq!(
            problem(&cut),
            "model/model.json is damaged: tree 0: node 0 leads to 0"
        );
        let fewer = text.replacen("{\"name\": \"rain\", \"kind\": \"boolean\"},", "", 1);
        assert!(problem(&fewer).contains("it lists 2 features, its trees were grown on 3"));
        let missing = Model::read(Path::new("/nowhere/model")).unwrap_err();
        assert_eq!(missing.hints, ["the model's files are gone; train again"]);
    }
}
