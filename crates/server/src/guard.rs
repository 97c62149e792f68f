//! Around every request: whose it is, where it runs, how long it may take, what becomes of a panic,
//! the count.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tokio::task::JoinError;
use tokio_util::task::AbortOnDropHandle;

use crate::pages;
use crate::refusal::Refusal;
use crate::router::{self, App};

pub async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>();
    let route = route.map(MatchedPath::as_str);
    let at_once = route.is_some_and(router::answers_at_once);
    let route = app.metrics.route(route);
    let is_page = pages::is_page(request.uri().path());
    let checked = app
        .hosts
        .check(request.method(), request.uri(), request.headers());
    let answered = match checked {
        Ok(()) => limited(&app, next.run(request), at_once).await,
        Err(reason) => Err(Refusal::new(StatusCode::FORBIDDEN, reason)),
    };
    let mut response = match answered {
        Ok(response) => response,
        Err(refusal) if is_page => pages::refused(&app, &refusal),
        Err(refusal) => refusal.into_response(),
    };
    let nosniff = HeaderValue::from_static("nosniff");
    response
        .headers_mut()
        .insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    route.record(response.status().as_u16(), started.elapsed());
    response
}

async fn limited(
    app: &App,
    answer: impl Future<Output = Response> + Send + 'static,
    at_once: bool,
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
    match tokio::time::timeout(app.options.request_timeout, answer).await {
        Ok(Ok(response)) => Ok(response),
        Ok(Err(panic)) => Err(panicked(panic.as_ref())),
        Err(_) => Err(Refusal::new(
            StatusCode::SERVICE_UNAVAILABLE,
            format!(
                "no answer within {} s",
                app.options.request_timeout.as_secs_f32()
            ),
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
