//! Histories that MLflow and Weights & Biases wrote, brought in whole and once.

use std::path::{Path, PathBuf};

use forebay_core::Diagnostic;
use forebay_import::Target;
use forebay_store::{Imported, Run, RunState, Search, Stage, Store, TraceState};

struct Here {
    store: Store,
    artifacts: tempfile::TempDir,
}

fn here() -> Here {
    Here {
        store: Store::in_memory().unwrap(),
        artifacts: tempfile::tempdir().unwrap(),
    }
}

impl Here {
    fn bring(
        &self,
        read: impl Fn(&Path, &Target<'_>) -> Result<Imported, Diagnostic>,
        from: &Path,
    ) -> Result<Imported, Diagnostic> {
        let target = Target {
            store: &self.store,
            artifacts: self.artifacts.path(),
            progress: &|_| {},
        };
        read(from, &target)
    }

    fn run(&self, name: &str) -> Run {
        let search = Search {
            stage: Stage::All,
            ..Search::default()
        };
        let all = self.store.search_runs(&[1, 2], &search).unwrap().items;
        let run = all.into_iter().find(|run| run.name == name);
        run.unwrap_or_else(|| panic!("no run '{name}'"))
    }

    fn artifact(&self, run: &Run, name: &str) -> String {
        let path = self.artifacts.path().join(&run.artifact_path).join(name);
        std::fs::read_to_string(path).unwrap()
    }
}

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

#[test]
fn a_folder_of_mlflow_comes_in_whole_and_once() {
    let here = here();
    let added = here
        .bring(forebay_import::mlflow_folder, &fixture("mlruns"))
        .unwrap();
    let expected = Imported {
        experiments: 2,
        runs: 3,
        metrics: 6,
        logged_models: 1,
        registered_models: 1,
        versions: 1,
        traces: 1,
        ..Imported::default()
    };
    assert_eq!(added, expected);
    let run = here.run("first");
    assert_eq!(
        (run.experiment.as_str(), run.state, run.finished_ms),
        ("flights", RunState::Finished, Some(99))
    );
    assert_eq!(run.params["a/b"], "x y\nz");
    assert_eq!(run.tags["note"], "ü");
    assert_eq!(run.metric("edge"), Some(f64::NEG_INFINITY));
    assert!(run.metric("odd").unwrap().is_nan());
    let losses = here.store.metric_history(&run.id, "val/loss").unwrap();
    assert_eq!(
        losses.iter().map(|m| (m.step, m.value)).collect::<Vec<_>>(),
        [(0, 1.0), (1, 0.5), (2, 1.0 / 3.0)]
    );
    assert_eq!(
        (run.inputs[0].dataset.digest.as_str(), run.inputs[0].role()),
        ("abc", "train")
    );
    assert_eq!(here.artifact(&run, "data/x.txt"), "hello");
    let model = here
        .store
        .logged_model(&run.model_outputs[0].model_id)
        .unwrap();
    assert_eq!(
        (model.params["d"].as_str(), model.metrics[0].metric.value),
        ("3", 0.9)
    );
    let champion = here
        .store
        .version_by_alias("late", "champion")
        .unwrap()
        .unwrap();
    assert_eq!(
        (champion.model_id, champion.tags["ok"].as_str()),
        (model.id, "yes")
    );
    assert_eq!(champion.artifact_path, model.artifact_path);
    assert!(here.run("gone").deleted_ms.is_some());
    assert!(
        here.store
            .experiment_by_name("old")
            .unwrap()
            .deleted_ms
            .is_some()
    );

    let again = here
        .bring(forebay_import::mlflow_folder, &fixture("mlruns"))
        .unwrap();
    assert_eq!(again, Imported::default());
}

#[test]
fn a_trace_in_a_folder_keeps_its_spans_and_what_was_said_of_it() {
    const TRACE: &str = "tr-b75908a8e597aec27888c56deb011a14";
    let here = here();
    here.bring(forebay_import::mlflow_folder, &fixture("mlruns"))
        .unwrap();
    let trace = here.store.trace(TRACE).unwrap();
    assert_eq!(
        (trace.started_ms, trace.duration_ms, trace.state),
        (1_700_000_000_854, Some(57), TraceState::Ok)
    );
    assert_eq!(
        (
            trace.client_request_id.as_str(),
            trace.tags["team"].as_str()
        ),
        ("c-1", "a")
    );
    assert_eq!(trace.metadata["mlflow.trace.session"], "s1");
    assert_eq!(trace.tags["mlflow.trace.spansLocation"], "TRACKING_STORE");
    let place = trace.tags["mlflow.artifactLocation"].strip_prefix("mlflow-artifacts:/");
    let file = here
        .artifacts
        .path()
        .join(place.unwrap())
        .join("traces.json");
    assert!(file.exists());
    assert_eq!(
        (
            trace.assessments[0].name.as_str(),
            trace.assessments[0].value.as_str()
        ),
        ("good", "false")
    );
    let spans = here.store.spans(TRACE).unwrap();
    let span: serde_json::Value = serde_json::from_str(&spans[0]).unwrap();
    assert_eq!(span["name"], "ask");
    assert_eq!(span["links"][0]["trace_id"], "E3zizyZsqngS43+4tGC+lg==");
}

#[test]
fn runs_of_wandb_come_in_whole_and_once() {
    let here = here();
    let added = here
        .bring(forebay_import::wandb, &fixture("wandb"))
        .unwrap();
    assert_eq!((added.experiments, added.runs), (1, 2));
    let run = here.run("first");
    assert_eq!(
        (run.experiment.as_str(), run.state),
        ("flights", RunState::Finished)
    );
    let params: Vec<_> = run
        .params
        .iter()
        .map(|(k, v)| (k.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        params,
        [
            ("depth", "3"),
            ("flag", "true"),
            ("model.kind", "tree"),
            ("model.list", "[1,2]")
        ]
    );
    for (name, value) in [
        ("wandb.tags", "a,b"),
        ("mlflow.note.content", "all of it"),
        ("wandb.group", "g"),
    ] {
        assert_eq!(run.tags[name], value, "{name}");
    }
    let losses = here.store.metric_history(&run.id, "loss").unwrap();
    assert_eq!(
        losses.iter().map(|m| (m.step, m.value)).collect::<Vec<_>>(),
        [(0, 1.0), (1, 0.5), (2, 1.0 / 3.0)]
    );
    assert!(losses[0].timestamp_ms > 1_600_000_000_000);
    assert_eq!(
        (run.metric("nested.x"), run.metric("best")),
        (Some(2.0), Some(0.5))
    );
    assert!(run.metric("odd").unwrap().is_nan() && run.metric("edge") == Some(f64::INFINITY));
    assert_eq!(
        here.artifact(&run, "history.jsonl"),
        "{\"word\":\"text\",\"_step\":3}\n"
    );
    assert_eq!(here.artifact(&run, "requirements.txt"), "lightgbm\n");
    assert_eq!(here.run("broken").state, RunState::Failed);

    let again = here
        .bring(forebay_import::wandb, &fixture("wandb"))
        .unwrap();
    assert_eq!(again, Imported::default());
}

#[test]
fn what_is_no_history_is_refused_in_words() {
    let here = here();
    let empty = tempfile::tempdir().unwrap();
    let error = here
        .bring(forebay_import::mlflow_folder, empty.path())
        .unwrap_err();
    assert!(error.message.contains("no runs of MLflow"), "{error}");
    let error = here.bring(forebay_import::wandb, empty.path()).unwrap_err();
    assert!(error.message.contains("no .wandb files"), "{error}");
    std::fs::write(empty.path().join("x.wandb"), "text that is long enough").unwrap();
    let error = here.bring(forebay_import::wandb, empty.path()).unwrap_err();
    assert!(error.message.contains("does not begin"), "{error}");
}
