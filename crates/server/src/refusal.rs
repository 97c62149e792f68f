//! A request that gets no answer: its status and what to say, in the form its caller reads.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use forebay_core::{Diagnostic, Fault};

/// An error as the inference protocol words it: `{"error": "..."}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    pub status: StatusCode,
    pub message: String,
}

impl Refusal {
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
        }
    }

    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }
}

/// The user's fault is the request's; anything else is ours, and goes to the log as well.
impl From<Diagnostic> for Refusal {
    fn from(diagnostic: Diagnostic) -> Self {
        if diagnostic.fault == Fault::User {
            let hint = diagnostic.hints.first();
            let hint = hint.map_or(String::new(), |hint| format!(" ({hint})"));
            return Self::bad_request(format!("{}{hint}", diagnostic.message));
        }
        tracing::error!("{diagnostic}");
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, diagnostic.message)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::json!({ "error": self.message }).to_string();
        let json = HeaderValue::from_static("application/json");
        (self.status, [(header::CONTENT_TYPE, json)], body).into_response()
    }
}
