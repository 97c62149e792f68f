//! Training by a built-in trainer, on a thread of its own.

use std::collections::BTreeMap;
use std::path::PathBuf;

use forebay_core::Diagnostic;
use forebay_ml::judge::Evaluation;
use forebay_ml::train::{self, Target, TrainingInput};

pub async fn train(input: TrainingInput, folder: PathBuf) -> Result<Evaluation, Diagnostic> {
    let trained = computed(move || {
        let trained = train::train(&input)?;
        train::write_artifacts(&folder, &trained, &input)?;
        Ok(trained)
    });
    Ok(trained.await?.evaluation)
}

pub async fn try_out(
    input: TrainingInput,
    target: Target,
    threads: usize,
) -> Result<BTreeMap<String, f64>, Diagnostic> {
    computed(move || train::try_out(&input, &target, threads)).await
}

async fn computed<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Diagnostic> + Send + 'static,
) -> Result<T, Diagnostic> {
    let done = tokio::task::spawn_blocking(work).await;
    done.map_err(|error| Diagnostic::internal(format!("training stopped: {error}")))?
}
