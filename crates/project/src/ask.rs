//! What a template may ask of the warehouse while it is compiled. This crate only asks: whoever
//! compiles looks it up and compiles again with the answer.

use std::collections::BTreeMap;

use forebay_core::{Diagnostic, NodeId, Relation};
use serde_json::Value;

use crate::{CompileState, Project};

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
#[derive(Clone, Debug)]
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

pub type Answers = BTreeMap<Question, Answer>;

/// How far compiling came.
#[derive(Clone, Debug)]
pub enum Compiled {
    Sql(String),
    /// Not to the end: this has to be answered first.
    Asks(Question),
}

impl Project {
    /// Compiles with a simple answer to whatever is asked.
    ///
    /// # Errors
    /// Those of [`Project::compile`], and those of the answer.
    pub fn compile_with(
        &self,
        id: &NodeId,
        state: &mut CompileState,
        answer: impl Fn(&Question) -> Result<Answer, Diagnostic>,
    ) -> Result<String, Diagnostic> {
        loop {
            match self.compile(id, state)? {
                Compiled::Sql(sql) => return Ok(sql),
                Compiled::Asks(question) => {
                    let answer = answer(&question)?;
                    state.answers.insert(question, answer);
                }
            }
        }
    }
}
