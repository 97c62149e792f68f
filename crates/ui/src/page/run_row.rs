//! Tracked runs as rows of a table, with the columns that were chosen.

use super::part::Status;
use super::runs::took;
use crate::shell::Crumb;
use crate::{format, link};

/// What a column shows of each run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ColumnKind {
    Metric,
    Param,
    Tag,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    pub kind: ColumnKind,
    pub key: String,
}

impl Column {
    const WORDS: [(ColumnKind, &'static str); 3] = [
        (ColumnKind::Metric, "metrics"),
        (ColumnKind::Param, "params"),
        (ColumnKind::Tag, "tags"),
    ];

    /// Reads what [`Column::written`] gives.
    pub fn parse(text: &str) -> Option<Self> {
        let (word, key) = text.split_once('.')?;
        let (kind, _) = Self::WORDS.iter().find(|(_, known)| *known == word)?;
        Some(Self {
            kind: *kind,
            key: key.to_owned(),
        })
    }

    /// `metrics.auc`
    pub fn written(&self) -> String {
        format!("{}.{}", self.word(), self.key)
    }

    pub(crate) fn word(&self) -> &'static str {
        let known = Self::WORDS.iter().find(|(kind, _)| *kind == self.kind);
        known.map_or("tags", |(_, word)| word)
    }

    /// As the search grammar has it: ``metrics.`auc` ``.
    pub fn searched(&self) -> String {
        format!("{}.`{}`", self.word(), self.key.replace('`', "``"))
    }

    pub(crate) fn is_number(&self) -> bool {
        self.kind == ColumnKind::Metric
    }
}

/// The way to what belongs to an experiment, and to a run of it.
pub(crate) fn way(experiment: &str, run: Option<&RunLink>) -> Vec<Crumb> {
    let mut crumbs = vec![
        Crumb::new("Experiments", "/experiments"),
        Crumb::new(experiment, link::experiment(experiment)),
    ];
    crumbs.extend(run.map(|run| Crumb::new(&run.name, run.href())));
    crumbs
}

/// What a run has in a column.
#[derive(Clone, Debug, PartialEq)]
pub enum RunValue {
    None,
    Number(f64),
    Text(String),
}

impl RunValue {
    pub(crate) fn shown(&self) -> String {
        match self {
            RunValue::None => format::NONE.to_owned(),
            RunValue::Number(x) => format::metric(*x),
            RunValue::Text(text) => format::rounded(text).unwrap_or_else(|| format::clip(text, 60)),
        }
    }

    /// The whole value, where what is shown is a part of it.
    pub(crate) fn whole(&self) -> Option<&str> {
        match self {
            RunValue::Text(text) if self.shown() != *text => Some(text),
            _ => None,
        }
    }
}

/// A model version that a run became.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VersionLink {
    pub model: String,
    pub version: u64,
    pub aliases: Vec<String>,
}

impl VersionLink {
    pub(crate) fn href(&self) -> String {
        link::model_version(&self.model, self.version)
    }
}

/// A run, named and linked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunLink {
    pub id: String,
    pub name: String,
}

impl RunLink {
    pub(crate) fn href(&self) -> String {
        link::training(&self.id)
    }
}

#[derive(Clone, Debug)]
pub struct RunRow {
    pub id: String,
    pub name: String,
    pub status: Status,
    pub deleted: bool,
    pub started_ms: i64,
    pub finished_ms: Option<i64>,
    pub user: String,
    /// The run that it belongs to.
    pub parent: Option<RunLink>,
    /// It stands below its parent.
    pub nested: bool,
    /// As many as the table's columns.
    pub values: Vec<RunValue>,
    pub versions: Vec<VersionLink>,
}

impl RunRow {
    pub(crate) fn took(&self) -> String {
        took(Some(self.started_ms), self.finished_ms)
    }

    pub(crate) fn href(&self) -> String {
        link::training(&self.id)
    }
}

/// Puts each run whose parent is here right below it, in the order in which they come.
pub fn nest(rows: Vec<RunRow>) -> Vec<RunRow> {
    let here: Vec<String> = rows.iter().map(|row| row.id.clone()).collect();
    let below = |row: &RunRow| {
        row.parent
            .as_ref()
            .is_some_and(|p| here.contains(&p.id) && p.id != row.id)
    };
    let (mut children, tops): (Vec<RunRow>, Vec<RunRow>) = rows.into_iter().partition(below);
    let mut nested = Vec::with_capacity(here.len());
    for top in tops {
        nested.push(top);
        settle(&mut nested, &mut children);
    }
    // A circle of parents has no top; none of it may be lost.
    nested.append(&mut children);
    nested
}

/// Moves the children of the last row, and theirs, behind it.
fn settle(nested: &mut Vec<RunRow>, children: &mut Vec<RunRow>) {
    let mut open: Vec<String> = nested
        .last()
        .map(|row| row.id.clone())
        .into_iter()
        .collect();
    while let Some(id) = open.pop() {
        let of = |row: &mut RunRow| row.parent.as_ref().is_some_and(|parent| parent.id == id);
        let found: Vec<RunRow> = children.extract_if(.., of).collect();
        open.extend(found.iter().map(|row| row.id.clone()));
        nested.extend(found.into_iter().map(|row| RunRow {
            nested: true,
            ..row
        }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, parent: Option<&str>) -> RunRow {
        RunRow {
            id: id.to_owned(),
            name: id.to_owned(),
            status: Status::Success,
            deleted: false,
            started_ms: 0,
            finished_ms: None,
            user: String::new(),
            parent: parent.map(|id| RunLink {
                id: id.to_owned(),
                name: id.to_owned(),
            }),
            nested: false,
            values: Vec::new(),
            versions: Vec::new(),
        }
    }

    #[test]
    fn children_stand_below_their_parent_and_no_run_is_lost() {
        let rows = vec![
            row("c2", Some("p")),
            row("c1", Some("p")),
            row("q", None),
            row("p", None),
            row("o", Some("elsewhere")),
            row("x", Some("y")),
            row("y", Some("x")),
        ];
        let nested = nest(rows);
        let order: Vec<&str> = nested.iter().map(|row| row.id.as_str()).collect();
        assert_eq!(order, ["q", "p", "c2", "c1", "o", "x", "y"]);
        assert!(nested[2].nested && !nested[4].nested);
    }

    #[test]
    fn a_column_is_searched_by_its_quoted_key() {
        let column = Column::parse("metrics.a.`b c").unwrap();
        assert_eq!(column.written(), "metrics.a.`b c");
        assert_eq!(column.searched(), "metrics.`a.``b c`");
        assert_eq!(Column::parse("lr"), None);
    }
}
