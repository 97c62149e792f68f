//! The whole path on a small part of the example: raw files to a prediction that says why.

use std::io::{Read, Write};
use std::net::TcpStream;

use serde_json::{Value, json};

use crate::project::{Project, Server};

#[test]
fn from_raw_files_to_a_prediction_that_says_why() {
    let project = Project::small_flights();
    let plan = project.json(&["plan"]);
    let planned: Vec<&str> = plan["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["node"].as_str().unwrap())
        .collect();
    let summary = project.json(&["build"]);
    let mut ran: Vec<&str> = summary["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["node"].as_str().unwrap())
        .collect();
    let mut expected = planned.clone();
    expected.sort_unstable();
    ran.sort_unstable();
    assert_eq!(ran, expected, "the plan is what ran");

    held_row_reaches_no_feature(&project);
    nothing_is_loaded_twice(&project);
    let server = project.serve();
    let answer = infer(&server, &request());
    let id = output(&answer, "prediction_id");
    let why = project.json(&["why", id.as_str().unwrap()]);
    assert_eq!(why["score"], output(&answer, "score"));
    assert_eq!(why["rescored"]["same_bits"], true);
    assert_eq!(why["model"], "late_arrival");
    assert!(why["features"].as_array().unwrap().len() > 20);
    assert!(!why["training_inputs"].as_array().unwrap().is_empty());
    bad_requests_are_told_what_is_wrong(&server);
    server.stop();
    // The answers moved to the lake when the server stopped, each once.
    let logged = project.rows("select prediction_id from predictions.late_arrival");
    assert_eq!(logged.len(), 1);
    assert!(logged[0].contains(id.as_str().unwrap()));
}

fn held_row_reaches_no_feature(project: &Project) {
    let held = project.rows("select wind_speed, _held_reason from raw.weather__held");
    assert_eq!(held.len(), 1, "{held:?}");
    let most = project.json(&[
        "query",
        "select max(wind_speed) as most from features.weather_at_origin",
    ]);
    assert!(most[0]["most"].as_f64().unwrap() < 250.0, "{most}");
}

fn nothing_is_loaded_twice(project: &Project) {
    let before = project.rows("select count(*) as n from raw.flights");
    let again = project.json(&["ingest"]);
    for result in again["results"].as_array().unwrap() {
        assert_eq!(result["message"], "nothing new", "{result}");
    }
    assert_eq!(
        project.rows("select count(*) as n from raw.flights"),
        before
    );
}

fn bad_requests_are_told_what_is_wrong(server: &Server) {
    let without = |name: &str| {
        let mut request = request();
        let inputs = request["inputs"].as_array_mut().unwrap();
        inputs.retain(|input| input["name"] != name);
        request
    };
    let error = infer_status(server, &without("carrier"), 400);
    assert!(error.contains("carrier"), "{error}");
    let mut unknown = request();
    unknown["inputs"].as_array_mut().unwrap().push(json!(
        {"name": "colour", "shape": [1], "datatype": "BYTES", "data": ["red"]}
    ));
    assert!(infer_status(server, &unknown, 400).contains("colour"));
    let mut null = request();
    null["inputs"][0]["data"] = json!([null]);
    infer_status(server, &null, 400);
}

pub fn request() -> Value {
    serde_json::from_str(include_str!("../../src/command/demo_request.json")).unwrap()
}

pub fn output(answer: &Value, name: &str) -> Value {
    let outputs = answer["outputs"]
        .as_array()
        .unwrap_or_else(|| panic!("{answer}"));
    let found = outputs.iter().find(|output| output["name"] == name);
    found.unwrap_or_else(|| panic!("no {name} in {answer}"))["data"][0].clone()
}

fn infer(server: &Server, request: &Value) -> Value {
    serde_json::from_str(&infer_status(server, request, 200)).unwrap()
}

fn infer_status(server: &Server, request: &Value, expected: u16) -> String {
    let body = request.to_string();
    let mut stream = TcpStream::connect(&server.address).unwrap();
    write!(
        stream,
        "POST /v2/models/late_arrival/infer HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        server.address,
        body.len()
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    assert!(
        head.starts_with(&format!("HTTP/1.1 {expected}")),
        "{answer}"
    );
    body.to_owned()
}
