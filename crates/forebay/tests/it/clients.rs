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
