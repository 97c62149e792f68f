//! `.../artifacts`: the files of a run, a logged model or a model version, and one of them shown.
//!
//! What a client uploaded is untrusted: text is shown as text, a page as its source or in a frame
//! without any rights, and everything else only as a file to keep.

use askama::Template;

use super::part::Grid;
use super::{Page, render};
use crate::markup::Markup;
use crate::shell::{Crumb, Section};
use crate::{format, link};

/// Files and folders; the folders on the way to what is shown are open.
#[derive(Clone, Debug, Default)]
pub struct Listing {
    pub entries: Vec<Entry>,
    /// Where clients find them: `mlflow-artifacts:/0/...`
    pub place: String,
    /// The place is another store, which this server does not read.
    pub elsewhere: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it is shown.
    pub href: String,
    pub name: String,
    pub is_dir: bool,
    pub bytes: Option<u64>,
    /// Folders above it.
    pub depth: usize,
    /// It is what is shown, or an open folder.
    pub open: bool,
    pub current: bool,
}

impl Entry {
    /// The style sheet knows nine steps.
    pub(crate) fn step(&self) -> usize {
        self.depth.min(8)
    }

    pub(crate) fn size(&self) -> String {
        self.bytes.map_or(String::new(), format::bytes)
    }
}

impl Listing {
    pub(crate) fn nothing(&self) -> String {
        match self.elsewhere {
            true => format!(
                "The artifacts lie at {}, which clients reach themselves.",
                self.place
            ),
            false => "No artifacts.".to_owned(),
        }
    }
}

#[derive(Clone, Debug, Template)]
#[template(path = "artifacts.html")]
pub struct Artifacts {
    /// `run`, `logged model`, `model version`
    pub kind: String,
    /// Name of what they belong to.
    pub name: String,
    /// Its address.
    pub owner: String,
    pub crumbs: Vec<Crumb>,
    pub section: Section,
    pub listing: Listing,
    pub file: Option<File>,
    /// What is asked for is a folder, or nothing was.
    pub folder: bool,
}

#[derive(Clone, Debug)]
pub struct File {
    pub path: String,
    pub bytes: u64,
    pub view: View,
}

#[derive(Clone, Debug)]
pub enum View {
    /// The browser shows it as a picture.
    Image,
    /// Its text, maybe only the beginning of it.
    Text {
        text: String,
        cut: bool,
    },
    Table(Grid),
    /// Source, and a frame with it that may do nothing.
    Page {
        text: String,
        cut: bool,
    },
    /// Why it is not shown.
    Nothing(String),
}

impl Artifacts {
    fn image(&self) -> Option<&File> {
        self.file
            .as_ref()
            .filter(|file| matches!(file.view, View::Image))
    }

    fn table(&self) -> Option<&Grid> {
        match &self.file.as_ref()?.view {
            View::Table(grid) => Some(grid),
            _ => None,
        }
    }

    /// The source of a page, whose frame is shown too.
    fn page(&self) -> Option<&File> {
        self.file
            .as_ref()
            .filter(|file| matches!(file.view, View::Page { .. }))
    }

    fn text(&self) -> Option<(&str, bool)> {
        match &self.file.as_ref()?.view {
            View::Text { text, cut } | View::Page { text, cut } => Some((text, *cut)),
            _ => None,
        }
    }

    fn nothing(&self) -> Option<&str> {
        match &self.file.as_ref()?.view {
            View::Nothing(why) => Some(why),
            _ => None,
        }
    }

    fn raw(&self, file: &File) -> String {
        link::raw_artifact(&self.owner, &file.path)
    }

    fn download(&self, file: &File) -> String {
        link::download(&self.owner, &file.path)
    }
}

impl Page for Artifacts {
    fn title(&self) -> String {
        format!("Artifacts of {}", self.name)
    }

    fn section(&self) -> Section {
        self.section
    }

    fn crumbs(&self) -> Vec<Crumb> {
        self.crumbs.clone()
    }

    fn wide(&self) -> bool {
        true
    }

    fn body(&self) -> Markup {
        render(self)
    }
}
