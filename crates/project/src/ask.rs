//! What a template may ask of the warehouse while it is compiled. This crate only asks: whoever
//! compiles looks it up and compiles again with the answer.

use std::collections::BTreeMap;
use std::sync::Arc;

use forebay_core::Relation;
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
    /// The rows of a query.
    Rows(String),
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

#[derive(Clone, Debug, Default)]
pub struct Rows {
    pub columns: Vec<String>,
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
