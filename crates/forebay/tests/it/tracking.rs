//! `serve --data` in the place of `mlflow server`: the real client, and what a kill leaves.

use std::sync::LazyLock;
use std::time::Duration;

use forebay_testkit::python::{self, Python};
use serde_json::{Value, json};

use crate::clients::script;
use crate::project::Server;

/// The client with what its autologging needs. `mlflow-skinny` is `mlflow` without its server.
pub static MLFLOW: LazyLock<Python> = LazyLock::new(|| {
    python::environment(&[
        "mlflow-skinny==3.17.2",
        "numpy==2.4.6",
        "pandas==3.1.1",
        "scikit-learn==1.9.1",
        "skops==0.16.0",
        "matplotlib==3.11.2",
        "lightgbm==4.7.0",
        "xgboost-cpu==3.2.0",
    ])
});

#[test]
fn the_real_client_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::tracking(folder.path(), &[]);
    let url = format!("http://{}", server.address);
    let said = MLFLOW.run(&script("mlflow_tour.py"), &[&url]);
    assert!(said.ends_with("all good\n"), "{said}");
    server.stop();
}

#[test]
fn traces_datasets_and_prompts_come_back_as_they_were_logged() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::tracking(folder.path(), &[]);
    let url = format!("http://{}", server.address);
    let said = MLFLOW.run(&script("mlflow_genai.py"), &[&url]);
    assert!(said.ends_with("all good\n"), "{said}");
    server.stop();
}

/// With `file:///...` the client reads and writes the files itself, and the server shows them.
#[test]
fn clients_reach_a_root_that_they_are_told_of() {
    let folder = tempfile::tempdir().unwrap();
    let root = format!("file://{}", folder.path().join("artifacts").display());
    let server = Server::tracking(&folder.path().join("data"), &["--artifacts", &root]);
    let url = format!("http://{}", server.address);
    MLFLOW.run(&script("mlflow_direct.py"), &[&url, &root]);
    server.stop();
}

#[test]
fn a_metric_that_was_acknowledged_outlives_a_kill() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = Server::tracking(folder.path(), &[]);
    let api = "/api/2.0/mlflow";
    let (status, run) = server.ask(
        "POST",
        &format!("{api}/runs/create"),
        r#"{"experiment_id": "0"}"#,
    );
    assert_eq!(status, 200, "{run}");
    let run: Value = serde_json::from_str(&run).unwrap();
    let id = run["run"]["info"]["run_id"].as_str().unwrap().to_owned();
    let pid = server.child.id().to_string();
    let killer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(700));
        std::process::Command::new("kill")
            .args(["-KILL", &pid])
            .status()
            .unwrap();
    });
    let mut acknowledged = 0;
    while let Some(200) = try_log(&server, api, &id, acknowledged) {
        acknowledged += 1;
    }
    killer.join().unwrap();
    server.child.wait().unwrap();
    assert!(acknowledged > 10, "only {acknowledged} before the kill");

    let again = Server::tracking(folder.path(), &[]);
    let path = format!("{api}/metrics/get-history?run_id={id}&metric_key=m");
    let history: Value = serde_json::from_str(&again.ask("GET", &path, "").1).unwrap();
    let kept = history["metrics"].as_array().unwrap().len();
    // The last one may have been written without its answer having come.
    assert!(
        kept == acknowledged || kept == acknowledged + 1,
        "{kept} of {acknowledged}"
    );
    again.stop();
}

/// None: the server is gone.
fn try_log(server: &Server, api: &str, run_id: &str, step: usize) -> Option<u16> {
    let metric = json!({"run_id": run_id, "key": "m", "value": 0.5, "timestamp": 1, "step": step});
    server
        .try_ask(
            "POST",
            &format!("{api}/runs/log-metric"),
            &metric.to_string(),
        )
        .map(|(status, _)| status)
}
