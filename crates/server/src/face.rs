//! Who asks at an address, so that an error comes in the form that its reader knows.

use axum::response::{IntoResponse, Response};

use crate::mlflow::Problem;
use crate::pages;
use crate::refusal::Refusal;
use crate::router::App;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Face {
    /// A person's browser.
    Page,
    /// A client of MLflow.
    Mlflow,
    /// Any other program.
    Program,
}

impl Face {
    pub fn of(path: &str) -> Self {
        match path.split('/').nth(1).unwrap_or_default() {
            "api" | "ajax-api" | "get-artifact" | "model-versions" | "v1" => Face::Mlflow,
            "v2" | "metrics" | "ping" | "assets" | "health" | "version" => Face::Program,
            _ => Face::Page,
        }
    }

    pub fn refuse(self, app: &App, refusal: Refusal) -> Response {
        match self {
            Face::Page => pages::refused(app, &refusal),
            Face::Mlflow => Problem::from(refusal).into_response(),
            Face::Program => refusal.into_response(),
        }
    }
}
