//! Training by a built-in trainer.

use std::path::PathBuf;

use forebay_core::Diagnostic;
use forebay_ml::judge::Evaluation;
use forebay_ml::train::{self, TrainingInput};

pub async fn train(input: TrainingInput, folder: PathBuf) -> Result<Evaluation, Diagnostic> {
    let trained = tokio::task::spawn_blocking(move || {
        let trained = train::train(&input)?;
        train::write_artifacts(&folder, &trained, &input)?;
        Ok::<_, Diagnostic>(trained)
    });
    let trained = trained
        .await
        .map_err(|error| Diagnostic::internal(format!("training stopped: {error}")))??;
    Ok(trained.evaluation)
}
