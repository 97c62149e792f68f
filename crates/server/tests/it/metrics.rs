//! `/metrics`: Prometheus' text format, with labels of bounded range.

use crate::fake::{app, get, send, text};

#[tokio::test]
async fn requests_are_counted_by_route_template_and_code() {
    let app = app();
    for path in [
        "/services/late_arrival",
        "/services/a",
        "/services/b",
        "/x/y/z",
        "/x",
    ] {
        send(&app, get(path)).await;
    }
    let (status, response) = send(&app, get("/metrics")).await;
    assert_eq!(status, 200);
    assert_eq!(
        response.headers()["content-type"],
        "text/plain; version=0.0.4; charset=utf-8"
    );
    let body = text(response).await;
    for line in [
        "forebay_build_info{version=\"0.1.0\"} 1",
        "forebay_http_requests_total{route=\"/services/{name}\",code=\"200\"} 1",
        "forebay_http_requests_total{route=\"/services/{name}\",code=\"404\"} 2",
        "forebay_http_requests_total{route=\"unmatched\",code=\"404\"} 2",
        "forebay_http_request_duration_seconds_count{route=\"/services/{name}\"} 3",
        "forebay_http_request_duration_seconds_bucket{route=\"/services/{name}\",le=\"+Inf\"} 3",
        "forebay_predictions_total{service=\"late_arrival\"} 7",
        "forebay_inference_requests_total{service=\"late_arrival\",outcome=\"refused\"} 1",
        "# TYPE forebay_http_request_duration_seconds histogram",
    ] {
        assert!(body.lines().any(|l| l == line), "{line} is not in\n{body}");
    }
    assert!(!body.contains("/services/a"), "a raw path became a label");
}

#[tokio::test]
async fn every_line_is_a_comment_or_a_sample() {
    let app = app();
    send(&app, get("/")).await;
    let (_, response) = send(&app, get("/metrics")).await;
    for line in text(response).await.lines() {
        let is_comment = line.starts_with("# HELP ") || line.starts_with("# TYPE ");
        let value = line.rsplit(' ').next().unwrap();
        assert!(is_comment || value.parse::<f64>().is_ok(), "{line}");
    }
}
