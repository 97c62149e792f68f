//! What statements give a name to beside tables and views: macros, sequences, types. Each kind is one small file of
//! the warehouse.

mod counting;
mod kept;
mod macros;
mod sequences;
mod types;

use std::path::Path;
use std::sync::Arc;

use datafusion::sql::sqlparser::ast::Statement;
use forebay_core::Diagnostic;

pub(crate) use counting::{CALLS, calls, counts};
use macros::Macros;
pub(crate) use sequences::Sequences;
use types::Types;

pub(crate) struct Named {
    pub macros: Macros,
    pub sequences: Arc<Sequences>,
    pub types: Types,
}

impl Named {
    pub(crate) fn new(warehouse: &Path, database: &str) -> Self {
        Self {
            macros: Macros::new(warehouse),
            sequences: Arc::new(Sequences::new(warehouse, database)),
            types: Types::new(warehouse),
        }
    }

    /// Lays macros and types into the statement, and looks for the sequences that it calls. Whether any of them is in it:
    /// then it may mean something else the next time.
    pub(crate) fn lay_in(&self, statement: &mut Statement) -> Result<bool, Diagnostic> {
        let has_macros = macros::expand(statement, &*self.macros.known()?)?;
        let has_types = types::expand(statement, &*self.types.known()?)?;
        let has_sequences = self.sequences.check(statement)?;
        Ok(has_macros || has_types || has_sequences)
    }
}
