//! `serve --data` in the place of `mlflow server`: the real client, and what a kill leaves.

use std::io::{Read, Write};
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

#[test]
fn a_servers_history_comes_over_http_with_its_files() {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, ours) = (folder.path().join("theirs"), folder.path().join("ours"));
    let server = Server::tracking(&theirs, &[]);
    let api = "/api/2.0/mlflow";
    let post = |path: &str, body: Value| -> Value {
        let (status, said) = server.ask("POST", &format!("{api}/{path}"), &body.to_string());
        assert_eq!(status, 200, "{path}: {said}");
        serde_json::from_str(&said).unwrap()
    };
    let run = post(
        "runs/create",
        json!({"experiment_id": "0", "run_name": "first", "start_time": 5}),
    );
    let id = run["run"]["info"]["run_id"].as_str().unwrap();
    let loss = |step| json!({"key": "loss", "value": 0.5, "timestamp": 1, "step": step});
    let odd = json!({"key": "odd", "value": "NaN", "timestamp": 1});
    let edge = json!({"key": "edge", "value": "-Infinity", "timestamp": 1});
    post(
        "runs/log-batch",
        json!({
            "run_id": id, "metrics": [loss(0), loss(1), odd, edge], "params": [{"key": "depth", "value": "3"}],
        }),
    );
    post("registered-models/create", json!({"name": "late"}));
    post(
        "model-versions/create",
        json!({"name": "late", "source": format!("runs:/{id}/model"), "run_id": id}),
    );
    post(
        "registered-models/alias",
        json!({"name": "late", "alias": "champion", "version": "1"}),
    );
    let file = format!("/api/2.0/mlflow-artifacts/artifacts/0/{id}/artifacts/a%20b/x.txt");
    assert_eq!(server.ask("PUT", &file, "hello").0, 200);

    let url = format!("http://{}", server.address);
    let import = || {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_forebay"))
            .args(["import", "mlflow", &url, "--output", "json", "--data"])
            .arg(&ours)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let added = import();
    assert_eq!(
        (&added["runs"], &added["metrics"], &added["model_versions"]),
        (&json!(1), &json!(4), &json!(1))
    );
    assert_eq!(import()["runs"], 0, "again adds nothing");

    let copy = Server::tracking(&ours, &[]);
    for path in [
        format!("{api}/runs/get?run_id={id}"),
        format!("{api}/metrics/get-history?run_id={id}&metric_key=loss"),
        format!("{api}/registered-models/alias?name=late&alias=champion"),
        file,
    ] {
        assert_eq!(
            copy.ask("GET", &path, "").1,
            server.ask("GET", &path, "").1,
            "{path}"
        );
    }
    copy.stop();
    server.stop();
}

/// What the client's own file store kept, read back from the server that it was brought into.
#[test]
fn a_history_reads_here_as_it_did_where_it_came_from() {
    let folder = tempfile::tempdir().unwrap();
    let (theirs, ours) = (folder.path().join("mlruns"), folder.path().join("ours"));
    let at = theirs.to_str().unwrap();
    MLFLOW.run(&script("mlflow_history.py"), &["write", at]);
    let import = || {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_forebay"))
            .args(["import", "mlflow", at, "--data"])
            .arg(&ours)
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        (String::from_utf8(output.stdout).unwrap(), said)
    };
    let (added, progress) = import();
    assert!(
        added.contains("3 runs") && added.contains("3 traces"),
        "{added}"
    );
    assert!(
        progress.contains("runs") && progress.contains("so far"),
        "{progress}"
    );
    assert_eq!(import().0.trim(), "nothing new");
    let server = Server::tracking(&ours, &[]);
    let url = format!("http://{}", server.address);
    let said = MLFLOW.run(&script("mlflow_history.py"), &["compare", at, &url]);
    assert!(said.ends_with("all good\n"), "{said}");
    server.stop();
}

/// 300 MB through the server, up and down: it holds pieces of them, and never the whole.
#[test]
fn a_large_artifact_takes_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::tracking(folder.path(), &[]);
    let path = "/api/2.0/mlflow-artifacts/artifacts/0/r/artifacts/large.bin";
    let (pieces, piece) = (300, vec![7_u8; 1 << 20]);
    let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
    let head = |method: &str, length: usize| {
        format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n",
            server.address
        )
    };
    stream
        .write_all(head("PUT", pieces << 20).as_bytes())
        .unwrap();
    for _ in 0..pieces {
        stream.write_all(&piece).unwrap();
    }
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let mut stream = std::net::TcpStream::connect(&server.address).unwrap();
    stream.write_all(head("GET", 0).as_bytes()).unwrap();
    let received = std::io::copy(&mut stream, &mut std::io::sink()).unwrap();
    assert!(received > (pieces as u64) << 20);
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.child.id())).unwrap();
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 250 << 10, "{} MiB at the peak", peak >> 10);
    server.stop();
}

/// A server that was killed amid an upload leaves a piece of it, which the next one removes.
#[test]
fn what_killed_uploads_left_is_swept_away() {
    let folder = tempfile::tempdir().unwrap();
    let uploads = folder.path().join(".forebay/artifacts/.uploads");
    std::fs::create_dir_all(&uploads).unwrap();
    let two_hours_ago = std::time::SystemTime::now() - Duration::from_secs(7200);
    let left = std::fs::File::create(uploads.join("left")).unwrap();
    left.set_modified(two_hours_ago).unwrap();
    std::fs::write(uploads.join("going-on"), "of another server").unwrap();
    let server = Server::tracking(folder.path(), &[]);
    let names = std::fs::read_dir(&uploads).unwrap().flatten();
    let names: Vec<_> = names.map(|entry| entry.file_name()).collect();
    assert_eq!(names, ["going-on"]);
    server.stop();
}
