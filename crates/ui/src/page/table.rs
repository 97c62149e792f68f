//! `/tables` and `/table/<schema>/<name>`: what is in the warehouse.

use askama::Template;
use forebay_core::Relation;

use super::part::{Grid, NodeLink, TestRow};
use super::{Page, render};
use crate::markup::Markup;
use crate::shell::{Crumb, Section};
use crate::{format, link};

#[derive(Clone, Debug, Default, Template)]
#[template(path = "tables.html")]
pub struct Tables {
    pub tables: Vec<TableRow>,
}

#[derive(Clone, Debug)]
pub struct TableRow {
    pub relation: Relation,
    /// `table` or `view`.
    pub kind: String,
    /// None where it is not known without reading.
    pub rows: Option<u64>,
    pub bytes: u64,
    pub version: i64,
    pub modified_ms: i64,
    pub node: Option<NodeLink>,
}

impl TableRow {
    fn href(&self) -> String {
        link::table(&self.relation)
    }
}

#[derive(Clone, Debug, Template)]
#[template(path = "table.html")]
pub struct Table {
    pub relation: Relation,
    /// `table` or `view`.
    pub kind: String,
    pub description: String,
    /// The node that fills it.
    pub node: Option<NodeLink>,
    pub rows: Option<u64>,
    pub bytes: u64,
    pub files: u64,
    /// The version shown.
    pub version: i64,
    pub columns: Vec<TableColumn>,
    /// Newest first.
    pub versions: Vec<VersionRow>,
    pub tests: Vec<TestRow>,
    pub held: Option<Held>,
    /// At most 50 rows.
    pub preview: Grid,
}

#[derive(Clone, Debug)]
pub struct TableColumn {
    pub name: String,
    pub data_type: String,
    pub description: String,
}

/// One commit.
#[derive(Clone, Debug)]
pub struct VersionRow {
    pub version: i64,
    pub at_ms: i64,
    pub operation: String,
    /// The invocation that wrote it.
    pub invocation: Option<String>,
}

/// Rows that did not get into the table.
#[derive(Clone, Debug)]
pub struct Held {
    pub rows: u64,
    /// Reasons with their rows, the most frequent first.
    pub reasons: Vec<(String, u64)>,
}

impl Table {
    fn column_href(&self, column: &TableColumn) -> Option<String> {
        self.node
            .as_ref()
            .map(|node| link::column(&node.id, &column.name))
    }

    fn is_old(&self) -> bool {
        self.versions
            .first()
            .is_some_and(|newest| newest.version > self.version)
    }

    fn is_shown(&self, row: &VersionRow) -> bool {
        row.version == self.version
    }

    fn held_href(&self) -> String {
        link::table(&self.relation.held())
    }
}

impl Page for Tables {
    fn title(&self) -> String {
        "Tables".to_owned()
    }

    fn section(&self) -> Section {
        Section::Tables
    }

    fn body(&self) -> Markup {
        render(self)
    }
}

impl Page for Table {
    fn title(&self) -> String {
        self.relation.to_string()
    }

    fn section(&self) -> Section {
        Section::Tables
    }

    fn crumbs(&self) -> Vec<Crumb> {
        vec![Crumb::new("Tables", "/tables")]
    }

    fn body(&self) -> Markup {
        render(self)
    }
}
