//! A merge in clauses: what becomes of rows that the table and a run have in common, and of those that one of them lacks.

use serde::{Deserialize, Serialize};

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merge {
    /// Columns by which rows are the same; without any, those of the model's unique key.
    pub using: Vec<String>,
    /// For rows that both have: the first clause whose condition holds counts.
    pub matched: Vec<Clause>,
    /// The same for new rows, which the table lacks.
    pub new: Vec<Clause>,
    /// The same for rows of the table that the run lacks.
    pub gone: Vec<Clause>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clause {
    /// SQL; it holds always where it is left out.
    pub condition: Option<String>,
    pub action: Action,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    Update(Values),
    Insert(Values),
    Delete,
    Nothing,
    /// The run fails, with the message.
    Error(String),
}

/// What the columns of a row become.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Values {
    /// The run's columns of the same names; others stay, or are null.
    ByName,
    /// The run's columns in their order.
    ByPosition,
    Written {
        /// Columns that take the run's values: all of them where nothing is said.
        only: Option<Vec<String>>,
        except: Vec<String>,
        /// Columns that take the value of an SQL expression.
        set: Vec<(String, String)>,
    },
}
