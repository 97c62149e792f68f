//! Unit tests: a model's SQL over rows that the test gives, and the rows that it must answer.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::name::NodeId;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnitTest {
    /// The model whose SQL runs.
    pub model: NodeId,
    pub given: Vec<Given>,
    /// All rows of the answer, in any order; columns that are not named are not compared.
    pub expect: Fixture,
    pub overrides: Overrides,
}

/// Rows that stand for one of the model's inputs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Given {
    pub input: Input,
    pub rows: Fixture,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Input {
    /// The model's own table, as an incremental model reads it.
    This,
    Node(NodeId),
}

/// Rows, however they are written. A column that a row does not name is null in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "format", content = "rows", rename_all = "snake_case")]
pub enum Fixture {
    Dict(Vec<Row>),
    /// Values are texts, or null where the field is empty.
    Csv(Vec<Row>),
    /// A query with Jinja.
    Sql(String),
}

pub type Row = IndexMap<String, Value>;

/// What answers otherwise than usual while the model's template runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Overrides {
    /// By a macro's name, with its package or without: what a call of it gives.
    pub macros: Map<String, Value>,
    pub vars: Map<String, Value>,
    pub env_vars: Map<String, Value>,
}
