//! Views: a query under a name, kept in a small versioned JSON file.

use std::io;
use std::time::UNIX_EPOCH;

use forebay_core::{Diagnostic, Relation};
use serde::{Deserialize, Serialize};

use super::folder::Folder;
use crate::types::Dialect;

/// Version of the file's form. A reader refuses newer ones. The second one has the dialect.
const FORMAT: u32 = 2;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct View {
    format: u32,
    /// Counts the definitions of this view, from zero.
    pub version: i64,
    pub sql: String,
    /// Whose SQL it is. None, in the first form: that of whoever reads it.
    #[serde(default)]
    pub dialect: Option<Dialect>,
    #[serde(skip)]
    pub modified_ms: i64,
}

pub(crate) fn read(folder: &Folder, relation: &Relation) -> Result<Option<View>, Diagnostic> {
    let path = folder.view(relation);
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(broken(relation, &error.to_string())),
    };
    let mut view: View =
        serde_json::from_str(&text).map_err(|error| broken(relation, &error.to_string()))?;
    if view.format > FORMAT {
        return Err(broken(
            relation,
            "it was written by a newer version of Forebay",
        ));
    }
    let modified = std::fs::metadata(&path).and_then(|found| found.modified());
    let age = modified
        .ok()
        .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    view.modified_ms = age.map_or(0, |age| age.as_millis() as i64);
    Ok(Some(view))
}

/// The same definition again changes nothing.
pub(crate) fn write(
    folder: &Folder,
    relation: &Relation,
    sql: &str,
    dialect: Dialect,
) -> Result<(), Diagnostic> {
    let before = read(folder, relation)?;
    let same = |view: &View| view.sql == sql && view.dialect == Some(dialect);
    if before.as_ref().is_some_and(same) {
        return Ok(());
    }
    let view = View {
        format: FORMAT,
        version: before.map_or(0, |view| view.version + 1),
        sql: sql.to_owned(),
        dialect: Some(dialect),
        modified_ms: 0,
    };
    let text = serde_json::to_string_pretty(&view)
        .map_err(|error| Diagnostic::internal(format!("view '{relation}': {error}")))?;
    folder.write_view(relation, &text)
}

fn broken(relation: &Relation, reason: &str) -> Diagnostic {
    Diagnostic::environment(format!(
        "the definition of view '{relation}' cannot be read: {reason}"
    ))
}
