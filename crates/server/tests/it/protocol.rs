//! Open Inference Protocol: what is answered, and how each wrong request is refused.

use std::io::Write;

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};

use crate::fake::{self, Fake, app, bytes, get, post, send};

const INFER: &str = "/v2/models/late_arrival/infer";

/// A good request of two rows.
fn good() -> Value {
    json!({
        "id": "r-1",
        "inputs": [
            {"name": "carrier", "shape": [2], "datatype": "BYTES", "data": ["UA", "B\"6"]},
            {"name": "distance", "shape": [2, 1], "datatype": "FP64", "data": [[700.0], [200]]},
            {"name": "month", "shape": [2], "datatype": "INT32", "data": [12, 1]},
            {"name": "holiday", "shape": [2], "datatype": "BOOL", "data": [true, false]},
            {"name": "asked_at", "shape": [2], "datatype": "BYTES",
             "data": ["2013-12-30T20:15:00Z", "2013-12-30T15:15:00-05:00"]},
        ]
    })
}

async fn infer(request: &Value) -> (u16, Value) {
    fake::json(post(INFER, request.to_string())).await
}

/// The error of a request that must be refused with 400.
async fn refused(request: &Value) -> String {
    let (status, answer) = infer(request).await;
    assert_eq!(status, 400, "{answer}");
    answer["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_request_is_answered_row_by_row() {
    let (status, answer) = infer(&good()).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer,
        json!({
            "model_name": "late_arrival", "model_version": "5", "id": "r-1",
            "parameters": {"registered_model": "late_arrival", "registered_model_version": "5"},
            "outputs": [
                {"name": "score", "datatype": "FP64", "shape": [2], "data": [0.7, 0.2]},
                {"name": "label", "datatype": "BOOL", "shape": [2], "data": [true, false]},
                {"name": "prediction_id", "datatype": "BYTES", "shape": [2], "data": ["UA-0", "B\"6-1"]},
                {"name": "stale_features", "datatype": "BYTES", "shape": [2], "data": ["", ""]},
            ]
        })
    );
}

#[tokio::test]
async fn an_optional_input_may_be_left_out_or_null() {
    let mut request = good();
    request["inputs"][4]["data"] = json!([null, "2013-12-30T20:15:00Z"]);
    let (_, answer) = infer(&request).await;
    assert_eq!(answer["outputs"][3]["data"], json!(["a:x,b:y", ""]));
    request["inputs"].as_array_mut().unwrap().pop();
    let (status, _) = infer(&request).await;
    assert_eq!(status, 200);
}

#[tokio::test]
async fn named_outputs_come_alone_and_in_their_order() {
    let mut request = good();
    request["outputs"] = json!([{"name": "label"}, {"name": "score"}]);
    let (_, answer) = infer(&request).await;
    let names: Vec<_> = answer["outputs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|o| &o["name"])
        .collect();
    assert_eq!(names, ["label", "score"]);
}

/// What spoils a request, and what the refusal must say.
type Case = (fn(&mut Value), &'static [&'static str]);

#[tokio::test]
async fn a_wrong_input_is_named_with_what_is_expected() {
    // (what is changed of the good request, what the error must say)
    let cases: [Case; 17] = [
        (
            |r| drop(r["inputs"].as_array_mut().unwrap().remove(1)),
            &["'distance'", "FP64"],
        ),
        (
            |r| r["inputs"] = json!([]),
            &["'carrier' (BYTES)", "'month' (INT64)"],
        ),
        (
            |r| drop(r.as_object_mut().unwrap().remove("inputs")),
            &["'carrier'"],
        ),
        (
            |r| r["inputs"][0]["data"][1] = json!(null),
            &["'carrier'", "null in row 1", "BYTES"],
        ),
        (
            |r| r["inputs"][0]["name"] = json!("carier"),
            &["'carier' is unknown", "did you mean 'carrier'"],
        ),
        (
            |r| r["inputs"][1]["datatype"] = json!("BYTES"),
            &["'distance' is BYTES", "FP64"],
        ),
        (
            |r| r["inputs"][1]["data"] = json!(["far", 1.0]),
            &["'distance'", "\"far\" in row 0", "FP64"],
        ),
        (
            |r| r["inputs"][2]["data"] = json!([1.5, 1]),
            &["'month' is 1.5 in row 0", "INT64"],
        ),
        (
            |r| r["inputs"][2]["datatype"] = json!("FP64"),
            &["'month' is FP64", "INT64"],
        ),
        (
            |r| r["inputs"][2]["data"][0] = json!(3_000_000_000_u64),
            &["'month' is 3000000000"],
        ),
        (
            |r| r["inputs"][3]["data"] = json!([1, 0]),
            &["'holiday' is 1 in row 0", "BOOL"],
        ),
        (
            |r| r["inputs"][4]["data"][0] = json!("yesterday"),
            &["'asked_at'", "RFC 3339"],
        ),
        (
            |r| r["inputs"][4]["data"][0] = json!("2013-12-30T20:15:00"),
            &["'asked_at'", "RFC 3339"],
        ),
        (
            |r| r["inputs"][0]["datatype"] = json!("STRING"),
            &["'carrier'", "'STRING'", "BYTES"],
        ),
        (
            |r| r["inputs"][0]["data"] = json!(["UA"]),
            &["'carrier' has 1 values", "says 2"],
        ),
        (|r| r["inputs"][1]["name"] = json!("month"), &["'month'"]),
        (
            |r| drop(r["inputs"][0].as_object_mut().unwrap().remove("data")),
            &["'carrier' has no data"],
        ),
    ];
    for (change, wanted) in cases {
        let mut request = good();
        change(&mut request);
        let error = refused(&request).await;
        for part in wanted {
            assert!(error.contains(part), "{error} lacks {part}");
        }
    }
}

#[tokio::test]
async fn shapes_that_lie_are_refused_without_an_allocation() {
    for shape in [
        json!([]),
        json!([0]),
        json!([-1]),
        json!([1, 2]),
        json!([1_u64 << 40]),
        json!([2, 1, 1]),
    ] {
        let mut request = good();
        request["inputs"][0]["shape"] = shape.clone();
        assert!(refused(&request).await.contains("'carrier'"), "{shape}");
    }
    let mut request = good();
    request["inputs"][1]["shape"] = json!([3]);
    assert!(refused(&request).await.contains("'distance'"));
}

#[tokio::test]
async fn a_body_that_is_no_request_is_a_clear_400() {
    let deep = format!("{{\"inputs\": {}", "[".repeat(50_000));
    for body in [
        "",
        "{",
        "[]",
        "3",
        "\"x\"",
        "null",
        "{\"inputs\": 3}",
        "{\"inputs\": [{}]}",
        &deep,
    ] {
        let (status, answer) = fake::json(post(INFER, body.to_owned())).await;
        assert_eq!(status, 400, "{body:.40}");
        assert!(answer["error"].is_string());
    }
    let (status, _) = fake::json(post(INFER, vec![0xff, 0xfe])).await;
    assert_eq!(status, 400);
}

#[tokio::test]
async fn an_unknown_output_and_what_the_model_refuses_are_400_too() {
    let mut request = good();
    request["outputs"] = json!([{"name": "probability"}]);
    assert!(refused(&request).await.contains("known are: score, label"));
    let mut request = good();
    request["inputs"][0]["data"][0] = json!("XX");
    assert_eq!(refused(&request).await, "carrier 'XX' flies nowhere");
}

#[tokio::test]
async fn unknown_models_and_versions_are_404_and_say_what_is_served() {
    let (status, answer) = fake::json(post("/v2/models/late/infer", good().to_string())).await;
    assert_eq!(status, 404);
    assert!(
        answer["error"]
            .as_str()
            .unwrap()
            .contains("known are: late_arrival")
    );
    let path = "/v2/models/late_arrival/versions/4/infer";
    let (status, answer) = fake::json(post(path, good().to_string())).await;
    assert_eq!(status, 404);
    assert!(answer["error"].as_str().unwrap().contains("version '5' is"));
    let path = "/v2/models/late_arrival/versions/5/infer";
    assert_eq!(fake::json(post(path, good().to_string())).await.0, 200);
    for path in ["/v2/nowhere", "/v2/models/..%2f..%2fetc/infer"] {
        assert!(fake::json(get(path)).await.1["error"].is_string(), "{path}");
    }
}

/// The inputs of [`good`] with their values after the JSON part.
fn binary() -> (Value, Vec<u8>) {
    let texts = |texts: &[&str]| {
        let part = |t: &&str| [&(t.len() as u32).to_le_bytes()[..], t.as_bytes()].concat();
        texts.iter().flat_map(part).collect::<Vec<u8>>()
    };
    let parts = [
        ("carrier", "BYTES", texts(&["UA", "AA"])),
        (
            "distance",
            "FP32",
            [700f32, 200.0].map(f32::to_le_bytes).concat(),
        ),
        ("month", "INT8", vec![12, 1]),
        ("holiday", "BOOL", vec![1, 0]),
    ];
    let input = |(name, datatype, bytes): &(&str, &str, Vec<u8>)| {
        json!({"name": name, "shape": [2, 1], "datatype": datatype,
               "parameters": {"binary_data_size": bytes.len()}})
    };
    let head = json!({
        "inputs": parts.iter().map(input).collect::<Vec<_>>(),
        "parameters": {"binary_data_output": true},
    });
    (
        head,
        parts.into_iter().flat_map(|(_, _, bytes)| bytes).collect(),
    )
}

fn binary_request(head: &Value, tail: &[u8], length: Option<&str>) -> Request<Body> {
    let head = head.to_string();
    let length = length.map_or_else(|| head.len().to_string(), str::to_owned);
    let mut request = post(INFER, [head.as_bytes(), tail].concat());
    request
        .headers_mut()
        .insert("inference-header-content-length", length.parse().unwrap());
    request
}

#[tokio::test]
async fn binary_tensors_go_in_and_come_out() {
    let (head, tail) = binary();
    let (status, response) = send(&app(), binary_request(&head, &tail, None)).await;
    assert_eq!(status, 200);
    assert_eq!(
        response.headers()["content-type"],
        "application/octet-stream"
    );
    let length = response.headers()["inference-header-content-length"]
        .to_str()
        .unwrap();
    let length: usize = length.parse().unwrap();
    let body = bytes(response).await;
    let answer: Value = serde_json::from_slice(&body[..length]).unwrap();
    assert_eq!(answer["outputs"][0]["parameters"]["binary_data_size"], 16);
    assert!(answer["outputs"][0].get("data").is_none());
    let wanted = [
        &0.7f64.to_le_bytes()[..],
        &0.2f64.to_le_bytes(),
        &[1, 0],
        b"\x04\0\0\0UA-0\x04\0\0\0AA-1",
        b"\x07\0\0\0a:x,b:y\x07\0\0\0a:x,b:y",
    ];
    assert_eq!(body[length..], wanted.concat());
}

#[tokio::test]
async fn binary_sizes_that_do_not_fit_the_body_are_refused() {
    let (head, tail) = binary();
    let lying = |size: u64| {
        let mut head = head.clone();
        head["inputs"][1]["parameters"]["binary_data_size"] = json!(size);
        head
    };
    let both = {
        let mut head = head.clone();
        head["inputs"][1]["data"] = json!([1.0, 2.0]);
        head
    };
    let extra = [&tail[..], b"extra"].concat();
    let cases = [
        binary_request(&head, &tail[..5], None),
        binary_request(&head, &extra, None),
        binary_request(&head, &tail, Some("999999")),
        binary_request(&head, &tail, Some("-1")),
        binary_request(&head, &tail, Some("0")),
        binary_request(&lying(u64::MAX), &tail, None),
        binary_request(&lying(4), &tail, None),
        binary_request(&both, &tail, None),
    ];
    for (i, request) in cases.into_iter().enumerate() {
        let (status, answer) = fake::json(request).await;
        assert_eq!(status, 400, "case {i}");
        assert!(answer["error"].is_string());
    }
}

#[tokio::test]
async fn compressed_requests_are_unpacked() {
    let body = good().to_string();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(body.as_bytes()).unwrap();
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    zlib.write_all(body.as_bytes()).unwrap();
    for (encoding, packed) in [
        ("gzip", gzip.finish().unwrap()),
        ("deflate", zlib.finish().unwrap()),
    ] {
        let mut request = post(INFER, packed);
        request
            .headers_mut()
            .insert("content-encoding", encoding.parse().unwrap());
        assert_eq!(fake::json(request).await.0, 200, "{encoding}");
    }
}

#[tokio::test]
async fn server_and_model_describe_themselves() {
    let (_, server) = fake::json(get("/v2")).await;
    assert_eq!(server["name"], "forebay");
    assert_eq!(
        fake::json(get("/v2/health/live")).await,
        (200, json!({"live": true}))
    );
    assert_eq!(
        fake::json(get("/v2/health/ready")).await,
        (200, json!({"ready": true}))
    );
    for path in [
        "/v2/models/late_arrival",
        "/v2/models/late_arrival/versions/5",
    ] {
        let (status, model) = fake::json(get(path)).await;
        assert_eq!(status, 200);
        assert_eq!(model["versions"], json!(["5"]));
        assert_eq!(
            model["inputs"][1],
            json!({"name": "distance", "datatype": "FP64", "shape": [-1]})
        );
        assert_eq!(model["inputs"][4]["datatype"], "BYTES");
        assert_eq!(model["outputs"][0]["name"], "score");
        let ready = fake::json(get(&format!("{path}/ready"))).await;
        assert_eq!(ready, (200, json!({"name": "late_arrival", "ready": true})));
    }
    let (_, config) = fake::json(get("/v2/models/late_arrival/config")).await;
    assert_eq!(config["input"][0]["data_type"], "TYPE_STRING");
    for path in ["/v2/models/late_arrival/stats", "/v2/models/stats"] {
        let (_, stats) = fake::json(get(path)).await;
        assert_eq!(stats["model_stats"][0]["inference_count"], 7);
    }
    let (_, index) = fake::json(post("/v2/repository/index", "")).await;
    assert_eq!(
        index,
        json!([{"name": "late_arrival", "version": "5", "state": "READY", "reason": ""}])
    );
}

#[tokio::test]
async fn a_service_without_a_version_is_not_ready_and_says_so() {
    let app = forebay_server::router(
        std::sync::Arc::new(Fake { untrained: true }),
        fake::tracking(),
        fake::options(),
    );
    for path in ["/v2/health/ready", "/v2/models/late_arrival/ready", "/ping"] {
        assert_eq!(send(&app, get(path)).await.0, 503, "{path}");
    }
    assert_eq!(send(&app, get("/v2/health/live")).await.0, 200);
    let (status, response) = send(&app, post(INFER, good().to_string())).await;
    assert_eq!(status, 503);
    assert!(fake::text(response).await.contains("not ready"));
}
