//! What several pages show: statuses, links to nodes, tests, grids of values.

use forebay_core::{Relation, ResourceType};

use crate::link;
use crate::markup::Markup;

/// State of an invocation, a node run or a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Queued,
    Running,
    Success,
    Warn,
    Fail,
    Error,
    Skipped,
    Interrupted,
}

impl Status {
    const ALL: [(Status, &'static str, &'static str); 8] = [
        (Status::Queued, "queued", "\u{25cb}"),
        (Status::Running, "running", "\u{25d0}"),
        (Status::Success, "success", "\u{2713}"),
        (Status::Warn, "warn", "!"),
        (Status::Fail, "fail", "\u{2715}"),
        (Status::Error, "error", "\u{2715}"),
        (Status::Skipped, "skipped", "\u{2013}"),
        (Status::Interrupted, "interrupted", "\u{25a0}"),
    ];

    /// Reads the words that [`Status::word`] gives, and `pass`.
    pub fn from_word(word: &str) -> Option<Self> {
        let word = if word == "pass" { "success" } else { word };
        Self::ALL
            .iter()
            .find(|(_, w, _)| *w == word)
            .map(|(status, ..)| *status)
    }

    pub fn word(self) -> &'static str {
        self.entry().1
    }

    /// Class of the style sheet.
    pub(crate) fn class(self) -> &'static str {
        match self {
            Status::Success => "s-success",
            Status::Warn => "s-warn",
            Status::Fail | Status::Error => "s-fail",
            Status::Running => "s-running",
            Status::Queued | Status::Skipped | Status::Interrupted => "s-idle",
        }
    }

    pub fn needs_attention(self) -> bool {
        matches!(
            self,
            Status::Warn | Status::Fail | Status::Error | Status::Interrupted
        )
    }

    /// A sign and the word: never the colour alone.
    pub(crate) fn badge(self) -> Markup {
        let (_, word, sign) = self.entry();
        Markup::trusted(format!(
            "<span class=\"badge {}\"><i aria-hidden=\"true\">{sign}</i>{word}</span>",
            self.class()
        ))
    }

    fn entry(self) -> &'static (Status, &'static str, &'static str) {
        Self::ALL
            .iter()
            .find(|(status, ..)| *status == self)
            .expect("ALL lists every status")
    }
}

/// A node of the graph, named and linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeLink {
    pub id: String,
    pub name: String,
    pub kind: ResourceType,
}

impl NodeLink {
    pub fn of(node: &forebay_core::Node) -> Self {
        Self {
            id: node.id.to_string(),
            name: node.name.clone(),
            kind: node.resource_type(),
        }
    }

    pub(crate) fn href(&self) -> String {
        link::node(&self.id)
    }
}

/// `feature_view` as `feature view`.
pub(crate) fn kind_words(kind: ResourceType) -> String {
    kind.as_str().replace('_', " ")
}

/// One test and what it found last.
#[derive(Clone, Debug)]
pub struct TestRow {
    pub test: NodeLink,
    /// What it is declared on.
    pub target: Option<NodeLink>,
    pub column: Option<String>,
    /// None: not run yet.
    pub status: Option<Status>,
    /// Rows that break it; None of what judges no rows, such as a monitor.
    pub failures: Option<u64>,
    pub message: String,
}

/// A table version that something was computed from.
#[derive(Clone, Debug)]
pub struct InputTable {
    pub relation: Relation,
    pub version: i64,
    /// `spine`, `feature view`, `training set`, ...
    pub role: String,
}

impl InputTable {
    pub(crate) fn href(&self) -> String {
        link::table_at(&self.relation, self.version)
    }
}

/// Rows of a table as text.
#[derive(Clone, Debug, Default)]
pub struct Grid {
    pub columns: Vec<GridColumn>,
    /// As many values as columns; None is null.
    pub rows: Vec<Vec<Option<String>>>,
    /// There are more rows than these.
    pub more: bool,
    /// There are more columns than these.
    pub more_columns: bool,
}

#[derive(Clone, Debug)]
pub struct GridColumn {
    pub name: String,
    pub data_type: String,
    /// Aligned to the right.
    pub numeric: bool,
}

impl Grid {
    /// Each row's values with whether their column is numeric.
    pub(crate) fn cells(&self) -> Vec<Vec<(bool, Option<&str>)>> {
        self.rows
            .iter()
            .map(|row| {
                let numeric = self.columns.iter().map(|c| c.numeric);
                numeric
                    .zip(row)
                    .map(|(n, value)| (n, value.as_deref()))
                    .collect()
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_reads_its_own_word() {
        for (status, word, _) in Status::ALL {
            assert_eq!(Status::from_word(word), Some(status));
        }
        assert_eq!(Status::from_word("pass"), Some(Status::Success));
        assert_eq!(Status::from_word("nonsense"), None);
    }
}
