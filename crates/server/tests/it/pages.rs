//! Pages: each address gives its page, and what is not there says so.

use crate::fake::{app, get, post, send, text};

#[tokio::test]
async fn every_page_answers_with_html_that_may_load_nothing_from_elsewhere() {
    let pages = [
        "/",
        "/graph",
        "/node/model.flights.arrivals",
        "/node/model.flights.arrivals?column=is_late",
        "/runs",
        "/runs/1",
        "/tables",
        "/table/main/arrivals",
        "/table/main/arrivals?version=11",
        "/experiments",
        "/models",
        "/services",
        "/services/late_arrival",
        "/predictions/UA-0",
    ];
    for page in pages {
        let (status, response) = send(&app(), get(page)).await;
        assert_eq!(status, 200, "{page}");
        let header = |name: &str| response.headers()[name].to_str().unwrap().to_owned();
        assert!(header("content-security-policy").contains("default-src 'none'"));
        assert!(header("content-security-policy").contains("frame-ancestors 'none'"));
        assert!(!header("content-security-policy").contains("unsafe"));
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("cache-control"), "no-store");
        assert!(
            text(response).await.starts_with("<!doctype html>"),
            "{page}"
        );
    }
}

#[tokio::test]
async fn what_is_not_there_is_named_on_a_page() {
    for (path, named) in [
        ("/node/model.p.x", "node &#39;model.p.x&#39;"),
        ("/table/main/nowhere", "table main.nowhere"),
        (
            "/table/main/arrivals?version=99",
            "version 99 of table main.arrivals",
        ),
        ("/graph?focus=x", "node &#39;x&#39;"),
        ("/nowhere", "no such page"),
    ] {
        let (status, response) = send(&app(), get(path)).await;
        let body = text(response).await;
        assert_eq!(status, 404, "{path}");
        let unescaped = named.replace("&#39;", "&#x27;");
        assert!(
            body.contains(named) || body.contains(&unescaped),
            "{path}: {body}"
        );
    }
}

#[tokio::test]
async fn an_error_of_the_project_is_a_page_with_its_hint() {
    let (status, response) = send(&app(), get("/node/broken")).await;
    assert_eq!(status, 500);
    let body = text(response).await;
    assert!(body.contains("the store is on fire") && body.contains("bring water"));
}

#[tokio::test]
async fn names_in_addresses_are_decoded_and_shown_as_text() {
    let (status, response) = send(&app(), get("/models/%3Cscript%3E%2F..")).await;
    assert_eq!(status, 404);
    let body = text(response).await;
    assert!(
        !body.contains("<script>/") && body.contains("script"),
        "{body}"
    );
}

#[tokio::test]
async fn assets_are_kept_for_good_under_their_hash_and_asked_again_without() {
    let href = forebay_ui::asset::STYLE.href();
    let (status, response) = send(&app(), get(&href)).await;
    assert_eq!(status, 200);
    assert_eq!(
        response.headers()["content-type"],
        "text/css; charset=utf-8"
    );
    assert!(
        response.headers()["cache-control"]
            .to_str()
            .unwrap()
            .contains("immutable")
    );
    let tag = response.headers()["etag"].clone();

    let mut again = get("/assets/forebay.css");
    again.headers_mut().insert("if-none-match", tag);
    let (status, response) = send(&app(), again).await;
    assert_eq!(status, 304);
    assert_eq!(response.headers()["cache-control"], "no-cache");
    assert_eq!(
        send(&app(), get("/assets/..%2f..%2fetc%2fpasswd")).await.0,
        404
    );
}

#[tokio::test]
async fn the_form_of_a_service_leads_to_the_reasons_of_its_prediction() {
    let form = "carrier=UA&distance=700&month=12&holiday=false&asked_at=";
    let (status, response) = send(&app(), post("/services/late_arrival", form)).await;
    assert_eq!(status, 303);
    assert_eq!(response.headers()["location"], "/predictions/UA-0");
}

#[tokio::test]
async fn a_form_with_a_wrong_value_comes_back_and_says_which() {
    let form = "carrier=UA&distance=far&month=12&holiday=false";
    let (status, response) = send(&app(), post("/services/late_arrival", form)).await;
    assert_eq!(status, 400);
    let body = text(response).await;
    assert!(body.contains("distance") && body.contains("role=\"alert\""));
}
