//! Who may ask, how much, how long; and that one request's panic is its own.

use axum::body::Body;
use axum::http::Request;

use crate::fake::{HOST, app, get, hasty_app, post, send, text};

fn with(mut request: Request<Body>, name: &'static str, value: &str) -> Request<Body> {
    request.headers_mut().insert(name, value.parse().unwrap());
    request
}

#[tokio::test]
async fn a_foreign_or_missing_host_is_refused_on_every_kind_of_address() {
    for path in ["/", "/v2", "/metrics", "/assets/forebay.css", "/nowhere"] {
        for host in ["evil.example:8600", "localhost:9999", "localhost"] {
            let (status, _) = send(&app(), with(get(path), "host", host)).await;
            assert_eq!(status, 403, "{path} for {host}");
        }
        let bare = Request::get(path).body(Body::empty()).unwrap();
        assert_eq!(send(&app(), bare).await.0, 403, "{path} without a host");
    }
    for host in ["localhost:8600", "[::1]:8600", "127.0.0.1:8600"] {
        assert_eq!(
            send(&app(), with(get("/"), "host", host)).await.0,
            200,
            "{host}"
        );
    }
}

#[tokio::test]
async fn two_hosts_or_another_host_in_the_address_are_refused() {
    let mut two = get("/");
    two.headers_mut()
        .append("host", "evil.example".parse().unwrap());
    assert_eq!(send(&app(), two).await.0, 403);
    let absolute = Request::get("http://evil.example/").header("host", HOST);
    assert_eq!(
        send(&app(), absolute.body(Body::empty()).unwrap()).await.0,
        403
    );
}

#[tokio::test]
async fn another_sites_page_cannot_send_us_anything() {
    let infer = || post("/v2/models/late_arrival/infer", "{}");
    let form = || post("/services/late_arrival", "carrier=UA");
    for make in [infer, form] as [fn() -> Request<Body>; 2] {
        for origin in [
            "http://evil.example",
            "null",
            "http://localhost:3000",
            "http://127.0.0.1:8601",
        ] {
            assert_eq!(
                send(&app(), with(make(), "origin", origin)).await.0,
                403,
                "{origin}"
            );
        }
        assert_eq!(
            send(&app(), with(make(), "sec-fetch-site", "cross-site"))
                .await
                .0,
            403
        );
        assert_eq!(
            send(&app(), with(make(), "sec-fetch-site", "same-site"))
                .await
                .0,
            403
        );
        // Ours, and programs that send no Origin: refused for their content alone.
        let own = with(make(), "origin", "http://127.0.0.1:8600");
        assert_eq!(send(&app(), own).await.0, 400);
        assert_eq!(send(&app(), make()).await.0, 400);
    }
    let (_, response) = send(&app(), with(get("/v2"), "origin", "http://evil.example")).await;
    assert!(
        response
            .headers()
            .get("access-control-allow-origin")
            .is_none()
    );
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_413_said_or_not() {
    for path in ["/v2/models/late_arrival/infer", "/services/late_arrival"] {
        let (status, _) = send(&app(), post(path, vec![b' '; 100_001])).await;
        assert_eq!(status, 413, "{path}");
        let pieces = (0..200).map(|_| Ok::<_, std::io::Error>(vec![b' '; 1_000]));
        let stream = Body::from_stream(futures::stream::iter(pieces));
        assert_eq!(
            send(&app(), post(path, stream)).await.0,
            413,
            "{path} in pieces"
        );
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_ended() {
    let app = hasty_app();
    let (status, response) = send(&app, get("/node/slow")).await;
    assert_eq!(status, 503);
    assert!(text(response).await.contains("no answer within"));
    let stalled = Body::from_stream(futures::stream::pending::<Result<Vec<u8>, std::io::Error>>());
    assert_eq!(
        send(&app, post("/v2/models/late_arrival/infer", stalled))
            .await
            .0,
        503
    );
}

#[tokio::test]
async fn a_panic_ends_its_own_request_and_keeps_its_message() {
    let app = app();
    let (status, response) = send(&app, get("/node/panic")).await;
    assert_eq!(status, 500);
    let body = text(response).await;
    assert!(body.contains("the others go on") && !body.contains("secret"));
    assert_eq!(send(&app, get("/")).await.0, 200);
}

#[tokio::test]
async fn wrong_methods_are_405() {
    assert_eq!(send(&app(), post("/runs", "")).await.0, 405);
    assert_eq!(
        send(&app(), get("/v2/models/late_arrival/infer")).await.0,
        405
    );
}
