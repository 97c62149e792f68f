//! The frame around every page: head, navigation, breadcrumbs, footer.

use askama::Template;

use crate::asset::{self, Asset};
use crate::markup::Markup;
use crate::page::Page;

/// What every page of one server shows.
#[derive(Clone, Debug)]
pub struct Shell {
    pub project: String,
    /// Of the program.
    pub version: String,
}

/// Where in the navigation a page belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    Overview,
    Graph,
    Runs,
    Tables,
    Experiments,
    Models,
    Services,
    /// Nowhere: errors.
    None,
}

impl Section {
    const NAVIGATION: [(Section, &'static str, &'static str); 7] = [
        (Section::Overview, "/", "Overview"),
        (Section::Graph, "/graph", "Graph"),
        (Section::Runs, "/runs", "Runs"),
        (Section::Tables, "/tables", "Tables"),
        (Section::Experiments, "/experiments", "Experiments"),
        (Section::Models, "/models", "Models"),
        (Section::Services, "/services", "Services"),
    ];
}

/// One step of the way to a page.
#[derive(Clone, Debug)]
pub struct Crumb {
    pub label: String,
    pub href: String,
}

impl Crumb {
    pub fn new(label: impl Into<String>, href: impl Into<String>) -> Self {
        Self {
            label: label.into(),
            href: href.into(),
        }
    }
}

#[derive(Template)]
#[template(path = "shell.html")]
struct Frame<'a> {
    shell: &'a Shell,
    title: String,
    section: Section,
    crumbs: Vec<Crumb>,
    wide: bool,
    refresh: Option<u32>,
    style: &'a Asset,
    script: &'a Asset,
    icon: &'a Asset,
    body: Markup,
}

impl Shell {
    /// The whole HTML document.
    pub fn render(&self, page: &dyn Page) -> String {
        let frame = Frame {
            shell: self,
            title: page.title(),
            section: page.section(),
            crumbs: page.crumbs(),
            wide: page.wide(),
            refresh: page.refresh(),
            style: &asset::STYLE,
            script: &asset::SCRIPT,
            icon: &asset::ICON,
            body: page.body(),
        };
        frame
            .render()
            .expect("a template without failing filters renders into a string")
    }
}
