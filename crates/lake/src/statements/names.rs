//! The names that a statement gives to its tables, and whose a bare column is.

use datafusion::sql::sqlparser::ast::{Expr, Ident, TableFactor, TableWithJoins};
use forebay_core::{Diagnostic, Relation};

use super::{last, relation};
use crate::dialect::own;

/// The table that a statement changes.
pub(super) struct Target {
    pub relation: Relation,
    /// The name by which the statement's expressions know it, as SQL.
    pub alias: String,
}

impl Target {
    pub(super) fn sql(&self) -> String {
        format!("{} as {}", self.relation.sql(), self.alias)
    }
}

pub(super) fn target(table: &TableWithJoins) -> Result<Target, Diagnostic> {
    match table.joins.is_empty() {
        true => target_of(&table.relation),
        false => Err(Diagnostic::error(format!("'{table}' is no single table"))),
    }
}

pub(super) fn target_of(factor: &TableFactor) -> Result<Target, Diagnostic> {
    match (factor, alias(factor)) {
        (TableFactor::Table { name, .. }, Some(alias)) => Ok(Target {
            relation: relation(name)?,
            alias: alias.to_string(),
        }),
        _ => Err(Diagnostic::error(format!("'{factor}' is no table"))),
    }
}

/// The name by which the columns of an item of FROM are known.
pub(super) fn alias(factor: &TableFactor) -> Option<Ident> {
    match factor {
        TableFactor::Table { alias: Some(a), .. } | TableFactor::Derived { alias: Some(a), .. } => {
            Some(a.name.clone())
        }
        TableFactor::Table { name, .. } => last(name).ok(),
        _ => None,
    }
}

/// The expression with its bare columns as those of the table of that name. Those of a subquery are
/// its own.
pub(super) fn qualified(mut expr: Expr, alias: &Ident) -> Expr {
    own::change(&mut expr, |expr| {
        if let Expr::Identifier(column) = &*expr {
            *expr = Expr::CompoundIdentifier(vec![alias.clone(), column.clone()]);
        }
    });
    expr
}
