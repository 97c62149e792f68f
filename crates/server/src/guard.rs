//! Around every request: whose it is, where it runs, how long it may take, what becomes of a panic,
//! the count.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;
use futures::FutureExt;
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use crate::face::Face;
use crate::refusal::Refusal;
use crate::router::{self, App};

pub async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map(MatchedPath::as_str);
    let at_once = route.is_some_and(router::answers_at_once);
    let route = app.metrics.route(route);
    let face = Face::of(request.uri().path());
    // An upload may take as long as its pieces keep coming: its handler sees to that.
    let patience = match *request.method() {
        Method::PUT => Duration::MAX,
        _ => app.options.request_timeout,
    };
    let checked = app
        .hosts
        .check(request.method(), request.uri(), request.headers());
    let answered = match checked {
        Ok(()) => limited(next.run(request), &app, at_once, patience).await,
        Err(reason) => Err(Refusal::new(StatusCode::FORBIDDEN, reason)),
    };
    let mut response = match answered {
        Ok(response) => response,
        Err(refusal) => face.refuse(&app, refusal),
    };
    let nosniff = HeaderValue::from_static("nosniff");
    response
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    route.record(response.status().as_u16(), started.elapsed());
    response
}

async fn limited(
    answer: impl Future<Output = Response> + Send + 'static,
    app: &App,
    at_once: bool,
    patience: Duration,
) -> Result<Response, Refusal> {
    let answer = async {
        match at_once {
            true => AssertUnwindSafe(answer).catch_unwind().await,
            // It may compute for long, which answers on this thread should not wait for.
            false => {
                let answer = AbortOnDropHandle::new(app.workers.spawn(answer));
                answer.await.map_err(JoinError::into_panic)
            }
        }
    };
    match tokio::time::timeout(patience, answer).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(panic)) => Err(panicked(panic.as_ref())),
        Err(_) => Err(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!("no answer within {} s", patience.as_secs_f32()),
        )),
    }
}

/// What the panic said stays in the log: it may hold values of other people's rows.
fn panicked(panic: &(dyn Any + Send)) -> Refusal {
    let message = panic.downcast_ref::<&str>().copied();
    let message = message.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    tracing::error!("a request panicked: {}", message.unwrap_or("no message"));
    Refusal::new(
        StatusCode::INTERNAL_SERVER_ERROR,
        "this request failed inside the server; the others go on",
    )
}
