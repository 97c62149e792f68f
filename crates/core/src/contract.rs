//! Contracts of models: columns, types and constraints that the table must have.

use serde::{Deserialize, Serialize};

use crate::Location;

/// What a model promises of its table. The columns and their types stand with the node's columns.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// The table is built only if its columns have the declared names and types.
    pub enforced: bool,
    /// Constraints over the table as a whole.
    pub constraints: Vec<Constraint>,
}

/// A rule that a database may enforce.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Constraint {
    #[serde(rename = "type")]
    pub kind: ConstraintKind,
    pub name: Option<String>,
    /// SQL of a check or custom constraint; what follows `references` of a foreign key.
    pub expression: Option<String>,
    /// What a table's constraint is over; empty for one that is declared on a column.
    pub columns: Vec<String>,
    /// The table of a foreign key, as the project writes it: `ref('customers')`.
    pub to: Option<String>,
    pub to_columns: Vec<String>,
    pub warn_unsupported: bool,
    pub warn_unenforced: bool,
    /// Where it is written: its expression, or what it points at, where it has one.
    #[serde(skip)]
    pub at: Option<Location>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConstraintKind {
    Check,
    NotNull,
    Unique,
    PrimaryKey,
    ForeignKey,
    Custom,
}

impl ConstraintKind {
    pub fn as_str(self) -> &'static str {
        match self {
            ConstraintKind::Check => "check",
            ConstraintKind::NotNull => "not_null",
            ConstraintKind::Unique => "unique",
            ConstraintKind::PrimaryKey => "primary_key",
            ConstraintKind::ForeignKey => "foreign_key",
            ConstraintKind::Custom => "custom",
        }
    }
}
