//! What a browser gets instead of a page: nothing there, refused, or broken.

use askama::Template;
use forebay_core::Diagnostic;

use super::{Page, render};
use crate::markup::Markup;
use crate::shell::Section;

#[derive(Clone, Debug, Template)]
#[template(path = "problem.html")]
pub struct Problem {
    pub title: String,
    pub message: String,
    /// `file:line:column`, where there is one.
    pub location: Option<String>,
    pub hints: Vec<String>,
}

impl Problem {
    pub fn not_found(what: impl Into<String>) -> Self {
        Self {
            title: "Not found".to_owned(),
            message: what.into(),
            location: None,
            hints: vec!["It may have another name now: look for it in the graph.".to_owned()],
        }
    }

    pub fn of(diagnostic: &Diagnostic) -> Self {
        Self {
            title: "This page could not be made".to_owned(),
            message: diagnostic.message.clone(),
            location: diagnostic.location.as_ref().map(ToString::to_string),
            hints: diagnostic.hints.iter().take(2).cloned().collect(),
        }
    }
}

impl Page for Problem {
    fn title(&self) -> String {
        self.title.clone()
    }

    fn section(&self) -> Section {
        Section::None
    }

    fn body(&self) -> Markup {
        render(self)
    }
}
