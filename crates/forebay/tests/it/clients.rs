//! Other people's programs on what ours wrote and serves.

use std::path::PathBuf;

use forebay_testkit::python;

use crate::project::Project;
use crate::tracking;

pub fn script(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/python")
        .join(name)
}

/// What stands in target/ is what dbt's schemas allow, for a project with more than dbt's nodes too.
#[test]
fn artifacts_are_read_by_tools_that_take_dbts_alone() {
    let project = Project::small_flights();
    project.ok(&["build"]);
    project.ok(&["docs", "generate"]);
    project.ok(&["source", "freshness"]);
    let target = project.root().join("target");
    python::environment(&["dbt-artifacts-parser==0.15.0"])
        .run(&script("dbt_artifacts.py"), &[target.to_str().unwrap()]);
    assert!(target.join("semantic_manifest.json").exists());
    let ours = std::fs::read_to_string(target.join("forebay.json")).unwrap();
    assert!(ours.contains("feature_view.flights."), "{ours}");
}

/// The `deltalake` package reads our tables, `tritonclient` asks our server, the OpenLineage client
/// takes our events, `mlflow` finds the training job's run and model.
#[test]
fn real_clients_read_ask_and_accept() {
    let project = Project::small_flights();
    project.ok(&["build"]);
    let root = project.root().to_str().unwrap();

    let delta = python::environment(&["deltalake==1.6.6", "pyarrow==26.0.1"]);
    let ours = project.rows("select count(*) as n from main.arrivals");
    let theirs = delta.run(
        &script("delta_rows.py"),
        &[&format!("{root}/.forebay/warehouse/main/arrivals")],
    );
    assert_eq!(ours, [format!(r#"{{"n":{}}}"#, theirs.trim())]);

    let lineage = python::environment(&["openlineage-python==1.54.0"]);
    let events = format!("{root}/.forebay/openlineage.ndjson");
    lineage.run(&script("openlineage_events.py"), &[&events]);

    let server = project.serve();
    let triton = python::environment(&["tritonclient[http]==2.73.0"]);
    let said = triton.run(&script("triton_infer.py"), &[&server.address]);
    assert!(said.contains("score"), "{said}");
    tracking::MLFLOW.run(
        &script("mlflow_project.py"),
        &[&format!("http://{}", server.address)],
    );
    server.stop();
}
