//! Around every request: whose it is, how long it may take, what becomes of a panic, the count.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures::FutureExt;

use crate::pages;
use crate::refusal::Refusal;
use crate::router::App;

pub async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let route = request.extensions().get::<MatchedPath>();
    let route = app.metrics.route(route.map(MatchedPath::as_str));
    let is_page = pages::is_page(request.uri().path());
    let checked = app
        .hosts
        .check(request.method(), request.uri(), request.headers());
    let answered = match checked {
        Ok(()) => limited(&app, request, next).await,
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

async fn limited(app: &App, request: Request, next: Next) -> Result<Response, Refusal> {
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
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
