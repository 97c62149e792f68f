//! Which address is answered by what: one list.

use std::sync::Arc;

use axum::Router;
use axum::middleware;
use axum::routing::{MethodRouter, get, post};
use tokio::runtime::Handle;

use crate::backend::Backend;
use crate::guard::guard;
use crate::host::Hosts;
use crate::metrics::Metrics;
use crate::mlflow::{self, Tracking};
use crate::options::Options;
use crate::{assets, features, inference, pages};

/// What all requests share.
pub struct App {
    pub backend: Arc<dyn Backend>,
    pub options: Options,
    pub hosts: Hosts,
    pub metrics: Metrics,
    /// The program's runtime.
    pub workers: Handle,
    pub tracking: Tracking,
}

impl App {
    /// Where clients reach the server, as its pages tell them.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.options.port)
    }
}

type Route = (String, MethodRouter<Arc<App>>);

/// Every route of the server.
fn routes() -> Vec<Route> {
    let mut routes: Vec<Route> = own_routes()
        .into_iter()
        .map(|(path, method)| (path.to_owned(), method))
        .collect();
    routes.extend(mlflow::routes());
    routes.extend(mlflow::artifact_routes());
    routes
}

/// Pages, and the protocols but MLflow's, which has a list of its own.
fn own_routes() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    vec![
        ("/", get(pages::overview)),
        ("/graph", get(pages::graph)),
        ("/node/{id}", get(pages::node)),
        ("/runs", get(pages::runs)),
        ("/runs/{id}", get(pages::run)),
        ("/tables", get(pages::tables)),
        ("/table/{schema}/{name}", get(pages::table)),
        ("/experiments", get(pages::experiments)),
        ("/experiments/{name}", get(pages::experiment)),
        ("/experiments/{name}/traces", get(pages::traces)),
        ("/traces/{id}", get(pages::trace)),
        ("/compare", get(pages::compare)),
        ("/training/{id}", get(pages::training)),
        ("/training/{id}/artifacts", get(pages::run_artifacts)),
        ("/training/{id}/artifacts/raw", get(pages::run_artifacts)),
        (
            "/training/{id}/artifacts/download",
            get(pages::run_artifacts),
        ),
        ("/logged-models/{id}", get(pages::logged_model)),
        (
            "/logged-models/{id}/artifacts",
            get(pages::logged_model_artifacts),
        ),
        (
            "/logged-models/{id}/artifacts/raw",
            get(pages::logged_model_artifacts),
        ),
        (
            "/logged-models/{id}/artifacts/download",
            get(pages::logged_model_artifacts),
        ),
        ("/models", get(pages::models)),
        ("/models/{name}", get(pages::model)),
        ("/models/{name}/{version}", get(pages::card)),
        (
            "/models/{name}/{version}/artifacts",
            get(pages::version_artifacts),
        ),
        (
            "/models/{name}/{version}/artifacts/raw",
            get(pages::version_artifacts),
        ),
        (
            "/models/{name}/{version}/artifacts/download",
            get(pages::version_artifacts),
        ),
        ("/services", get(pages::services)),
        ("/services/{name}", get(pages::service).post(pages::predict)),
        ("/predictions/{id}", get(pages::prediction)),
        ("/assets/{name}", get(assets::asset)),
        ("/metrics", get(pages::metrics)),
        ("/get-online-features", post(features::online)),
        ("/health", get(async || "OK")),
        ("/version", get(mlflow::version)),
        ("/v1/traces", post(mlflow::export_spans)),
        ("/ping", get(inference::ping)),
        ("/v2", get(inference::server)),
        ("/v2/", get(inference::server)),
        ("/v2/health/live", get(inference::live)),
        ("/v2/health/ready", get(inference::ready)),
        ("/v2/models", get(inference::models)),
        ("/v2/models/{model}", get(inference::metadata)),
        ("/v2/models/{model}/ready", get(inference::model_ready)),
        ("/v2/models/{model}/config", get(inference::config)),
        ("/v2/models/{model}/stats", get(inference::stats)),
        ("/v2/models/stats", get(inference::all_stats)),
        ("/v2/models/{model}/infer", post(inference::infer)),
        (
            "/v2/models/{model}/versions/{version}",
            get(inference::metadata),
        ),
        (
            "/v2/models/{model}/versions/{version}/ready",
            get(inference::model_ready),
        ),
        (
            "/v2/models/{model}/versions/{version}/config",
            get(inference::config),
        ),
        (
            "/v2/models/{model}/versions/{version}/stats",
            get(inference::stats),
        ),
        (
            "/v2/models/{model}/versions/{version}/infer",
            post(inference::infer),
        ),
        ("/v2/repository/index", post(inference::index)),
    ]
}

/// The patterns of all paths that the server answers.
pub fn paths() -> Vec<String> {
    routes().into_iter().map(|(path, _)| path).collect()
}

/// Routes whose answer takes microseconds, and is given on the connection's own thread.
const AT_ONCE: [&str; 3] = [
    "/v2/models/{model}/infer",
    "/v2/models/{model}/versions/{version}/infer",
    "/get-online-features",
];

pub fn answers_at_once(route: &str) -> bool {
    AT_ONCE.contains(&route)
}

/// The whole server, ready for [`crate::serve`] or for a test. Called inside the program's runtime.
pub fn router(backend: Arc<dyn Backend>, tracking: Tracking, options: Options) -> Router {
    let routes = routes();
    let app = Arc::new(App {
        backend,
        hosts: Hosts::new(options.port, options.hosts.clone()),
        metrics: Metrics::new(routes.iter().map(|(path, _)| path.clone())),
        tracking,
        options,
        workers: Handle::current(),
    });
    let router = routes
        .into_iter()
        .fold(Router::new(), |router, (path, method)| {
            router.route(&path, method)
        });
    router
        .fallback(pages::nowhere)
        .method_not_allowed_fallback(pages::wrong_method)
        .layer(middleware::from_fn_with_state(Arc::clone(&app), guard))
        .with_state(app)
}
