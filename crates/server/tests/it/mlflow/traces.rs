//! Traces by MLflow's protocol and OpenTelemetry's.

use axum::body::Body;
use axum::http::Request;
use prost::Message;
use serde_json::{Value, json};

use super::{Server, server};
use crate::fake::{HOST, send, text};

const V3: &str = "/api/3.0/mlflow";

/// As much of OpenTelemetry's messages as a span needs.
#[derive(Clone, PartialEq, Message)]
struct Export {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<Resource>,
}

#[derive(Clone, PartialEq, Message)]
struct Resource {
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<Scope>,
}

#[derive(Clone, PartialEq, Message)]
struct Scope {
    #[prost(message, repeated, tag = "2")]
    spans: Vec<Span>,
}

#[derive(Clone, PartialEq, Message)]
struct Span {
    #[prost(bytes = "vec", tag = "1")]
    trace_id: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    span_id: Vec<u8>,
    #[prost(string, tag = "5")]
    name: String,
    #[prost(fixed64, tag = "7")]
    start: u64,
    #[prost(fixed64, tag = "8")]
    end: u64,
}

fn export(trace_id: Vec<u8>, start: u64) -> Vec<u8> {
    let span = Span {
        trace_id,
        span_id: vec![7; 8],
        name: "ask".to_owned(),
        start,
        end: 2_500_000_000,
    };
    let scopes = vec![Scope { spans: vec![span] }];
    let resources = vec![Resource { scopes }];
    Export { resources }.encode_to_vec()
}

impl Server {
    async fn export(&self, headers: &[(&str, &str)], body: Vec<u8>) -> (u16, String) {
        let mut request = Request::post("/v1/traces").header("host", HOST);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let (status, response) = send(&self.app, request.body(Body::from(body)).unwrap()).await;
        (status.as_u16(), text(response).await)
    }
}

const PROTOBUF: (&str, &str) = ("content-type", "application/x-protobuf");
const HERE: (&str, &str) = ("x-mlflow-experiment-id", "0");

#[tokio::test]
async fn spans_of_any_exporter_become_a_trace() {
    let server = server();
    let (status, said) = server
        .export(&[PROTOBUF, HERE], export(vec![0xab; 16], 1_000_000_000))
        .await;
    assert_eq!((status, said.as_str()), (200, ""));
    let id = format!("tr-{}", "ab".repeat(16));
    let trace = server.get(&format!("{V3}/traces/get?trace_id={id}")).await["trace"].clone();
    assert_eq!(trace["trace_info"]["request_time"], "1970-01-01T00:00:01Z");
    assert_eq!(trace["trace_info"]["execution_duration"], "1.500s");
    assert_eq!(trace["trace_info"]["tags"]["mlflow.traceName"], "ask");
    assert_eq!(
        trace["spans"],
        json!([{
            "trace_id": "q6urq6urq6urq6urq6urqw==", "span_id": "BwcHBwcHBwc=", "name": "ask",
            "start_time_unix_nano": 1_000_000_000, "end_time_unix_nano": 2_500_000_000_u64,
        }])
    );
}

#[tokio::test]
async fn spans_in_json_become_the_same_trace() {
    let server = server();
    let span = json!({
        "traceId": "ab".repeat(16), "spanId": "07".repeat(8), "name": "ask",
        "startTimeUnixNano": "1000000000", "endTimeUnixNano": "2500000000",
        "attributes": [{"key": "mlflow.spanType", "value": {"stringValue": "\"LLM\""}}],
    });
    let sent = json!({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]});
    let json_kind = ("content-type", "application/json; charset=utf-8");
    let body = sent.to_string().into_bytes();
    let answered = server.export(&[json_kind, HERE], body).await;
    assert_eq!(answered, (200, "{}".to_owned()));
    let id = format!("tr-{}", "ab".repeat(16));
    let trace = server.get(&format!("{V3}/traces/get?trace_id={id}")).await["trace"].clone();
    assert_eq!(trace["trace_info"]["execution_duration"], "1.500s");
    assert_eq!(trace["spans"][0]["trace_id"], "q6urq6urq6urq6urq6urqw==");
    assert_eq!(trace["spans"][0]["attributes"][0]["key"], "mlflow.spanType");
    let value = format!(
        "{}{}",
        r#"{"arrayValue":{"values":["#.repeat(200),
        "]}}".repeat(200)
    );
    let attribute = format!(r#"{{"key":"deep","value":{value}}}"#);
    let deep = format!(
        r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{"attributes":[{attribute}]}}]}}]}}]}}"#
    );
    let refused = server.export(&[json_kind, HERE], deep.into_bytes()).await;
    assert_eq!(refused.0, 400);
}

#[tokio::test]
async fn an_export_that_cannot_be_kept_is_refused_whole() {
    let server = server();
    let good = export(vec![1; 16], 1);
    for (headers, body, expected) in [
        (vec![PROTOBUF], good.clone(), 400),
        (vec![HERE], good.clone(), 415),
        (
            vec![HERE, ("content-type", "text/plain")],
            b"{}".to_vec(),
            415,
        ),
        (
            vec![PROTOBUF, ("x-mlflow-experiment-id", "77")],
            good.clone(),
            404,
        ),
        (
            vec![PROTOBUF, ("x-mlflow-experiment-id", "x")],
            good.clone(),
            400,
        ),
        (
            vec![PROTOBUF, HERE, ("origin", "http://evil.example")],
            good.clone(),
            403,
        ),
        (vec![PROTOBUF, HERE], b"\xff\xff\xff".to_vec(), 400),
        (vec![PROTOBUF, HERE], export(vec![1; 3], 1), 400),
        (vec![PROTOBUF, HERE], export(vec![1; 16], u64::MAX), 400),
        (vec![PROTOBUF, HERE], vec![0; 200_000], 413),
    ] {
        let (status, said) = server.export(&headers, body).await;
        assert_eq!(status, expected, "{headers:?}: {said}");
        assert!(said.contains("error_code"), "{said}");
    }
    let all = json!({"locations": [{"mlflow_experiment": {"experiment_id": "0"}}]});
    assert_eq!(
        server.post(&format!("{V3}/traces/search"), all).await,
        json!({})
    );
}

#[tokio::test]
async fn a_trace_is_what_its_client_says_with_what_others_say_of_it() {
    let server = server();
    let info = json!({
        "trace_id": "tr-1", "trace_location": {"type": "MLFLOW_EXPERIMENT", "mlflow_experiment": {"experiment_id": "0"}},
        "request_time": "2013-01-01T00:00:00.250Z", "execution_duration": "0.587s", "state": "OK",
        "trace_metadata": {"a": "b"}, "tags": {"mlflow.traceName": "ask"}, "request_preview": "x",
    });
    let made = server
        .post(
            &format!("{V3}/traces"),
            json!({"trace": {"trace_info": info}}),
        )
        .await;
    let mut expected = info.clone();
    expected["tags"] = json!({
        "mlflow.artifactLocation": "mlflow-artifacts:/0/traces/tr-1/artifacts",
        "mlflow.traceName": "ask",
    });
    assert_eq!(made["trace"]["trace_info"], expected);

    let assessments = format!("{V3}/traces/tr-1/assessments");
    let said = json!({"assessment": {"assessment_name": "good", "feedback": {"value": true}, "source": {"source_type": "HUMAN", "source_id": "ada"}}});
    let made = server.post(&assessments, said).await["assessment"].clone();
    let id = made["assessment_id"].as_str().unwrap();
    assert_eq!(
        (&made["valid"], &made["trace_id"]),
        (&json!(true), &json!("tr-1"))
    );
    let change = json!({"assessment": {"feedback": {"value": false}, "rationale": "because"}, "update_mask": "feedback"});
    let (status, changed) = server
        .call("PATCH", &format!("{assessments}/{id}"), change)
        .await;
    assert_eq!(
        (status, &changed["assessment"]["feedback"]["value"]),
        (200, &json!(false))
    );
    assert_eq!(
        changed["assessment"].get("rationale"),
        None,
        "the mask does not name it"
    );
    let read = server.get(&format!("{V3}/traces/tr-1?trace_id=tr-1")).await;
    assert_eq!(
        read["trace"]["trace_info"]["assessments"][0],
        changed["assessment"]
    );

    for (method, path, body, expected) in [
        ("POST", "traces", json!({}), 400),
        (
            "POST",
            "traces",
            json!({"trace": {"trace_info": {"trace_id": "../x"}}}),
            400,
        ),
        (
            "POST",
            "traces/tr-1/assessments",
            json!({"assessment": {"assessment_name": "x"}}),
            400,
        ),
        (
            "POST",
            "traces/tr-1/assessments",
            json!({"assessment": {"feedback": {"value": 1}}}),
            400,
        ),
        (
            "POST",
            "traces/tr-2/assessments",
            json!({"assessment": {"assessment_name": "x", "feedback": {"value": 1}}}),
            404,
        ),
        (
            "PATCH",
            &format!("traces/tr-1/assessments/{id}"),
            json!({"assessment": {"expectation": {"value": 1}}}),
            400,
        ),
        (
            "PATCH",
            &format!("traces/tr-1/assessments/{id}"),
            json!({"assessment": {}, "update_mask": "source"}),
            400,
        ),
        ("GET", "traces/tr-1/assessments/a-0", Value::Null, 404),
        ("GET", "traces/tr-2", Value::Null, 404),
        ("GET", "traces/get?trace_id=tr-2", Value::Null, 404),
        ("POST", "traces/search", json!({}), 400),
        (
            "POST",
            "traces/search",
            json!({"locations": [{"mlflow_experiment": {"experiment_id": "0"}}], "max_results": 501}),
            400,
        ),
        ("DELETE", "traces/tr-1/tags", json!({"key": "none"}), 404),
        (
            "POST",
            "traces/delete-traces",
            json!({"experiment_id": "0"}),
            400,
        ),
    ] {
        let (status, _) = server.refused(method, &format!("{V3}/{path}"), body).await;
        assert_eq!(status, expected, "{method} {path}");
    }
    let gone = json!({"experiment_id": "0", "request_ids": ["tr-1"]});
    let gone = server
        .post("/api/2.0/mlflow/traces/delete-traces", gone)
        .await;
    assert_eq!(gone, json!({"traces_deleted": 1}));
}

#[tokio::test]
async fn a_dataset_keeps_its_records_as_texts_of_json() {
    let server = server();
    let made = json!({"name": "qa", "experiment_ids": ["0"], "tags": "{\"v\": \"1\"}"});
    let made = server.post(&format!("{V3}/datasets/create"), made).await["dataset"].clone();
    assert_eq!(
        (&made["experiment_ids"], &made["tags"]),
        (&json!(["0"]), &json!("{\"v\":\"1\"}"))
    );
    let path = format!("{V3}/datasets/{}", made["dataset_id"].as_str().unwrap());
    let records = json!([{"inputs": {"q": "a?"}, "outputs": null}, {"inputs": {"q": "c?"}, "source": {"source_type": "HUMAN", "source_data": {}}}]);
    let counted = server
        .post(
            &format!("{path}/records"),
            json!({"records": records.to_string()}),
        )
        .await;
    assert_eq!(counted, json!({"inserted_count": 2, "updated_count": 0}));
    let read = server
        .get(&format!("{path}/records?max_results=1000"))
        .await;
    let read: Value = serde_json::from_str(read["records"].as_str().unwrap()).unwrap();
    assert_eq!(
        (read[0].get("outputs"), &read[1]["outputs"]),
        (None, &json!({}))
    );
    assert_eq!(read[1]["source_type"], "HUMAN");
    assert_eq!(
        server.get(&path).await["dataset"]["profile"],
        "{\"num_records\":2}"
    );
    for (method, path, body, expected) in [
        (
            "POST",
            format!("{V3}/datasets/create"),
            json!({"name": ""}),
            400,
        ),
        (
            "POST",
            format!("{V3}/datasets/create"),
            json!({"name": "x", "experiment_ids": ["9"]}),
            404,
        ),
        (
            "POST",
            format!("{V3}/datasets/create"),
            json!({"name": "x", "tags": "[]"}),
            400,
        ),
        (
            "POST",
            format!("{path}/records"),
            json!({"records": "[1]"}),
            400,
        ),
        (
            "POST",
            format!("{path}/records"),
            json!({"records": "[".repeat(9000)}),
            400,
        ),
        ("GET", format!("{V3}/datasets/d-0"), Value::Null, 404),
        (
            "POST",
            format!("{V3}/scorers/register"),
            json!({"experiment_id": "0", "name": "x"}),
            400,
        ),
        (
            "GET",
            format!("{V3}/scorers/get?experiment_id=0&name=none"),
            Value::Null,
            404,
        ),
    ] {
        let (status, _) = server.refused(method, &path, body).await;
        assert_eq!(status, expected, "{method} {path}");
    }
}
