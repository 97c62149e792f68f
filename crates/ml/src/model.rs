//! A trained model, and the folder that it is kept in: `model.json`, format version 1.
//!
//! Floats are written so that they read back to the same bits; a model scores the same after any
//! number of writes and reads.

use std::path::Path;

use arrow::array::RecordBatch;
use forebay_core::Diagnostic;
use serde::{Deserialize, Serialize};

use crate::artifact;
use crate::encode::Encoder;
use crate::gbdt::Booster;

/// The newest format that is written, and the only one so far.
pub const FORMAT: u32 = 1;
const FILE: &str = "model.json";

/// A scorer of rows.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Model {
    pub format: u32,
    /// Column that it learnt to predict.
    pub label: String,
    /// Hash of the training set and the job's definition.
    pub training_hash: String,
    pub features: Encoder,
    pub booster: Booster,
}

/// What is read first: whether the rest can be.
#[derive(Deserialize)]
struct Header {
    format: u32,
}

impl Model {
    /// The score of each row: the probability that the label is true. The batch may have more
    /// columns than the model's features, in any order.
    pub fn predict(&self, batch: &RecordBatch) -> Result<Vec<f64>, Diagnostic> {
        let matrix = self.features.matrix(std::slice::from_ref(batch))?;
        Ok(self.booster.predict_all(&matrix))
    }

    pub fn feature_names(&self) -> impl Iterator<Item = &str> {
        self.features
            .features
            .iter()
            .map(|feature| feature.name.as_str())
    }

    /// Writes the model as a folder, whole or not at all.
    pub fn write(&self, folder: &Path) -> Result<(), Diagnostic> {
        let text = serde_json::to_vec(self)
            .map_err(|error| Diagnostic::internal(format!("cannot encode the model: {error}")))?;
        artifact::write_folder(folder, &[(FILE, text)])
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
        if header.format != FORMAT {
            return Err(Diagnostic::error(format!(
                "{} has format {}; this Forebay reads format {FORMAT}",
                path.display(),
                header.format
            ))
            .hint("use the Forebay that wrote it or a newer one, or train again"));
        }
        let model: Self =
            serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        model.check().map_err(damaged)?;
        Ok(model)
    }

    fn check(&self) -> Result<(), String> {
        let (features, expected) = (self.features.features.len(), self.booster.features);
        if features != expected {
            return Err(format!(
                "it lists {features} features, its trees were grown on {expected}"
            ));
        }
        self.booster.check()
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
        let scores = model.predict(&rows()).unwrap();
        let mut row = [0.0; 3];
        for (index, [first, second]) in leaves.into_iter().enumerate() {
            matrix.read_row(index, &mut row);
            let raw: f64 = -1.25 + first + second + 0.0078125;
            assert_eq!(model.booster.raw(&row).to_bits(), raw.to_bits());
            assert!((scores[index] - 1.0 / (1.0 + (-raw).exp())).abs() < 1e-15);
        }
    }

    #[test]
    fn writing_and_reading_changes_no_bit() {
        let model = Model::read(folder(VERSION_1).path()).unwrap();
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run/model");
        model.write(&path).unwrap();
        // A second write replaces the first, and nothing else is left behind.
        model.write(&path).unwrap();
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
        let newer = text.replacen("\"format\": 1", "\"format\": 2", 1);
        assert_eq!(
            problem(&newer),
            "model/model.json has format 2; this Forebay reads format 1"
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
