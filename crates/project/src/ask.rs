//! What a template may ask of the warehouse. This crate only asks: whoever compiles looks it up and
//! compiles again with the answer; whoever runs a template that changes the warehouse answers it at once.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use forebay_core::{Diagnostic, Relation};
use serde_json::Value;

use crate::CompileState;

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Question {
    /// What is there under that name, if anything.
    Relation(Relation),
    /// The columns of a table, view or nothing.
    Columns(Relation),
    /// Everything in the warehouse.
    Relations,
    /// The rows of a query; of a template that is run, of any statement.
    Rows(String),
    /// The columns of a query, without running it.
    QueryColumns(String),
}

impl Question {
    /// Its SQL, where it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Rows(sql) | Self::QueryColumns(sql) => Some(sql),
            Self::Relation(_) | Self::Columns(_) | Self::Relations => None,
        }
    }

    /// The same about other texts.
    pub(crate) fn map_text(self, change: impl Fn(String) -> String) -> Self {
        let changed = |relation: Relation| Relation {
            schema: change(relation.schema),
            name: change(relation.name),
        };
        match self {
            Self::Relation(relation) => Self::Relation(changed(relation)),
            Self::Columns(relation) => Self::Columns(changed(relation)),
            Self::Relations => Self::Relations,
            Self::Rows(sql) => Self::Rows(change(sql)),
            Self::QueryColumns(sql) => Self::QueryColumns(change(sql)),
        }
    }
}

/// Answers while a template runs: hooks, operations, materialisations.
///
/// Every question is looked up when it is asked and as often as it is asked, in the order of the
/// template; a statement has been done when its answer is there. May block; is not called from a thread
/// that drives futures.
pub trait Live: fmt::Debug + Send + Sync {
    fn answer(&self, question: &Question) -> Result<Answer, Diagnostic>;

    /// What a template is told that asks for the time.
    fn now(&self) -> DateTime<Utc>;

    /// The template prints or logs something.
    fn said(&self, message: &str);
}

#[derive(Clone, Debug)]
pub enum Answer {
    /// `table` or `view`; none where there is neither.
    Relation(Option<RelationKind>),
    Columns(Vec<Column>),
    Relations(Vec<(Relation, RelationKind)>),
    Rows(Rows),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    Table,
    View,
}

/// A column and its type as SQL writes it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Column {
    pub name: String,
    pub data_type: String,
}

/// What the texts of a column stand for; times are as ISO 8601 has them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TextKind {
    Date,
    WithoutZone,
    /// In UTC.
    WithZone,
    /// Whole numbers, those among them that no 64 bits hold.
    Whole,
    /// Lists and structures.
    Json,
}

#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub columns: Vec<String>,
    /// Of columns whose texts stand for something else, by place.
    pub kinds: BTreeMap<usize, TextKind>,
    /// Numbers, texts, booleans and null; anything else as text.
    pub rows: Vec<Vec<Value>>,
}

/// Shared: a template is rendered once more after every answer.
pub type Answers = Arc<BTreeMap<Question, Answer>>;

/// How far compiling came.
#[derive(Clone, Debug)]
pub enum Compiled {
    Sql(String),
    /// Not to the end: this has to be answered first.
    Asks(Question),
}

impl CompileState {
    pub fn answer(&mut self, question: Question, answer: Answer) {
        Arc::make_mut(&mut self.answers).insert(question, answer);
    }
}
