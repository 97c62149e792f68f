//! Pages of what clients log: searched, compared, shown, and never run.

use axum::Router;
use axum::http::StatusCode;
use forebay_server::mlflow::Tracking;
use forebay_server::router;
use forebay_store::tracking::{Batch, LoggedModel, Metric, ModelStatus, NewRun};
use std::sync::Arc;
use tempfile::TempDir;

use crate::fake::{Fake, bytes, get, options, send, text, tracking_at};

const EVIL: &str = "<script>alert(1)</script>";

struct Served {
    app: Router,
    tracking: Tracking,
    experiment: i64,
    root: TempDir,
}

fn served() -> Served {
    let root = TempDir::new().unwrap();
    let tracking = tracking_at(root.path());
    let experiment = tracking
        .store
        .create_experiment("late / 1", None, &[].into(), 1)
        .unwrap();
    let app = router(Arc::new(Fake::default()), tracking.clone(), options());
    Served {
        app,
        tracking,
        experiment,
        root,
    }
}

impl Served {
    fn run(&self, id: &str, at: i64, auc: f64, tags: &[(&str, &str)]) {
        let tags = tags
            .iter()
            .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
            .collect();
        let run = NewRun {
            id,
            experiment_id: self.experiment,
            name: &format!("run {id}"),
            user_id: "ada",
            started_ms: at,
            tags: &tags,
        };
        self.tracking.store.create_run(&run).unwrap();
        let metric = |step: i64| Metric {
            key: "auc".to_owned(),
            step,
            timestamp_ms: at + step,
            value: auc * step as f64 / 10.0,
        };
        let batch = Batch {
            metrics: (0..=10).map(metric).collect(),
            params: [("lr".to_owned(), (at as f64 / 10.0).to_string())].into(),
            ..Batch::default()
        };
        self.tracking.store.log(id, &batch).unwrap();
    }

    fn artifact(&self, run: &str, path: &str, content: &[u8]) {
        let folder = self.tracking.store.run(run).unwrap().unwrap().artifact_path;
        let place = self.root.path().join(folder).join(path);
        std::fs::create_dir_all(place.parent().unwrap()).unwrap();
        std::fs::write(place, content).unwrap();
    }

    async fn page(&self, path: &str) -> String {
        let (status, response) = send(&self.app, get(path)).await;
        assert_eq!(status, StatusCode::OK, "{path}");
        text(response).await
    }

    async fn status(&self, path: &str) -> u16 {
        send(&self.app, get(path)).await.0.as_u16()
    }
}

#[tokio::test]
async fn an_experiment_is_searched_by_the_grammar_and_says_where_a_filter_is_wrong() {
    let served = served();
    for (id, at, auc) in [("a", 1, 0.7), ("b", 2, 0.8), ("c", 3, 0.9)] {
        served.run(id, at, auc, &[]);
    }
    let all = served.page("/experiments/late%20%2F%201").await;
    assert!(
        all.find("run c").unwrap() < all.find("run a").unwrap(),
        "newest first"
    );
    let path =
        "/experiments/late%20%2F%201?order=metrics.%60auc%60%20ASC&filter=metrics.auc%20%3E%200.75";
    let some = served.page(path).await;
    assert!(!some.contains("run a") && some.find("run b").unwrap() < some.find("run c").unwrap());
    assert!(some.contains("2 that match, of 3 runs"), "{some}");
    let kept = served
        .page("/experiments/late%20%2F%201?filter=metrics.auc%20%3E%205&runs=a")
        .await;
    assert!(
        kept.contains("run a") && !kept.contains("run b"),
        "a chosen run stays"
    );
    let wrong = served
        .page("/experiments/late%20%2F%201?filter=metrics.auc%20%3E%20high")
        .await;
    assert!(
        wrong.contains("<mark>high</mark>") && wrong.contains("aria-invalid"),
        "{wrong}"
    );
    assert_eq!(served.status("/experiments/nowhere").await, 404);
    let (status, response) = send(
        &served.app,
        get(&format!("/experiments?id={}", served.experiment)),
    )
    .await;
    assert_eq!(
        (
            status.as_u16(),
            response.headers()["location"].to_str().unwrap()
        ),
        (303, "/experiments/late%20%2F%201")
    );
}

#[tokio::test]
async fn a_run_shows_its_curve_its_children_and_loads_again_while_it_logs() {
    let served = served();
    served.run("p", 1, 0.7, &[("team", EVIL)]);
    served.run("k", 2, 0.8, &[("mlflow.parentRunId", "p")]);
    let live = served.page("/training/p?refresh=5").await;
    assert!(live.contains("data-live") && live.contains("http-equiv=\"refresh\" content=\"5\""));
    assert!(live.contains("run k") && live.contains("class=\"spark\""));
    assert!(
        !live.contains("<script>alert") && live.contains("alert(1)"),
        "a tag is text"
    );
    let child = served.page("/training/k").await;
    assert!(child.contains("href=\"/training/p\""));
    assert_eq!(served.status("/training/nowhere").await, 404);
    assert_eq!(
        served.status("/").await,
        303,
        "a server of tracking alone opens on it"
    );
}

#[tokio::test]
async fn runs_are_compared_and_those_that_are_not_there_are_named() {
    let served = served();
    served.run("a", 1, 0.7, &[]);
    served.run("b", 2, 0.8, &[]);
    let page = served.page("/compare?runs=a,b&runs=zz").await;
    assert!(
        page.contains("class=\"parallel\"") && page.contains("auc over lr"),
        "{page}"
    );
    assert!(page.contains("There is no run zz"));
    let log = served
        .page("/compare?runs=a,b&scale=log&over=time&x=params.lr&y=params.lr")
        .await;
    assert!(log.contains("lr over lr"));
}

#[tokio::test]
async fn artifacts_are_shown_as_what_they_are_and_nothing_of_them_runs() {
    let served = served();
    served.run("a", 1, 0.7, &[]);
    served.artifact("a", "report/r.html", EVIL.as_bytes());
    served.artifact("a", "t.csv", format!("x,y\n{EVIL},2\n").as_bytes());
    served.artifact(
        "a",
        "figure.svg",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    );
    served.artifact("a", "model.pkl", b"\x80\x04\x95\xff");
    for path in [
        "report/r.html",
        "t.csv",
        "figure.svg",
        "model.pkl",
        "report",
    ] {
        let page = served
            .page(&format!("/training/a/artifacts?path={path}"))
            .await;
        assert!(!page.contains("<script>alert"), "{path}");
        assert!(page.contains("report/"), "{path}");
    }
    let table = served.page("/training/a/artifacts?path=t.csv").await;
    assert!(table.contains("<td class=\"num\">2</td>"), "{table}");
    for path in ["report/r.html", "figure.svg"] {
        let (status, response) = send(
            &served.app,
            get(&format!("/training/a/artifacts/raw?path={path}")),
        )
        .await;
        assert_eq!(status, 200);
        let policy = response.headers()["content-security-policy"]
            .to_str()
            .unwrap();
        assert!(
            policy.starts_with("sandbox;") && !policy.contains("allow-"),
            "{policy}"
        );
        assert_eq!(response.headers()["x-content-type-options"], "nosniff");
    }
    assert_eq!(
        served.status("/training/a/artifacts/raw?path=t.csv").await,
        415
    );
    let (_, response) = send(
        &served.app,
        get("/training/a/artifacts/download?path=model.pkl"),
    )
    .await;
    assert!(
        response.headers()["content-disposition"]
            .to_str()
            .unwrap()
            .starts_with("attachment")
    );
    assert_eq!(bytes(response).await, b"\x80\x04\x95\xff");
    for outside in [
        "../../secret",
        "%2e%2e/%2e%2e/x",
        "report/../../x",
        "/etc/passwd",
    ] {
        for at in ["artifacts", "artifacts/raw", "artifacts/download"] {
            let path = format!("/training/a/{at}?path={}", outside.replace('%', "%25"));
            assert!(
                matches!(served.status(&path).await, 400 | 404 | 415),
                "{path}"
            );
        }
    }
    assert_eq!(
        served.status("/training/a/artifacts?path=nowhere").await,
        404
    );
}

#[tokio::test]
async fn a_registered_version_has_a_card_and_a_logged_model_a_page() {
    let served = served();
    served.run("a", 1, 0.7, &[]);
    let store = &served.tracking.store;
    let model = LoggedModel {
        id: "m-1".to_owned(),
        experiment_id: served.experiment,
        name: "<img src=x>".to_owned(),
        model_type: "sklearn".to_owned(),
        source_run_id: "a".to_owned(),
        status: ModelStatus::Pending,
        artifact_path: String::new(),
        created_ms: 5,
        updated_ms: 5,
        params: [].into(),
        tags: [].into(),
        metrics: Vec::new(),
    };
    store.create_logged_model(&model).unwrap();
    store
        .create_registered_model("late arrivals", "", &[].into(), 5)
        .unwrap();
    let version = forebay_store::registry::NewVersion {
        model: "late arrivals".to_owned(),
        run_id: "a".to_owned(),
        model_id: "m-1".to_owned(),
        artifact_path: "x".to_owned(),
        ..Default::default()
    };
    store.create_version(&version).unwrap();
    store.set_alias("late arrivals", "champion", 1, 6).unwrap();
    for path in [
        "/models",
        "/models/late%20arrivals",
        "/models/late%20arrivals/1",
        "/models/late%20arrivals/champion",
        "/logged-models/m-1",
    ] {
        let page = served.page(path).await;
        assert!(
            page.contains("late arrivals") && !page.contains("<img"),
            "{path}"
        );
    }
    assert_eq!(served.status("/models/late%20arrivals/9").await, 404);
    assert_eq!(served.status("/models/nowhere").await, 404);
    assert_eq!(served.status("/logged-models/m-2").await, 404);
}
