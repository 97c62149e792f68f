//! The plan of a load: which files it will read, as plain data.

use std::path::Path;

use forebay_core::ingest::{Connector, Ingest, WriteDisposition};
use forebay_core::{Diagnostic, Node, Relation, digest};
use forebay_lake::Lake;
use serde::{Deserialize, Serialize};

use crate::state::LoadState;
use crate::{blocking, csv, source};

/// What a load will do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadPlan {
    pub relation: Relation,
    pub write: WriteDisposition,
    /// All files of the source as they are now, in the order in which they are loaded.
    pub files: Vec<PlannedFile>,
    /// Files of the table that are gone: a `replace` load drops their rows, the others keep them.
    pub removed: Vec<String>,
}

/// One file of a source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedFile {
    /// Relative to the project folder.
    pub path: String,
    /// Size as it lies there, packed if it is.
    pub bytes: u64,
    /// The first 16 hexadecimal digits of the content's SHA-256.
    pub load_id: String,
    pub action: FileAction,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FileAction {
    /// Not in the table yet.
    Load,
    /// In the table with another content, or with a table that is written anew.
    Reload,
    /// In the table already.
    Skip,
    /// In the table with another content, and the table is only appended to: the load will fail.
    Refuse,
}

impl LoadPlan {
    /// The files that the load reads.
    pub fn to_read(&self) -> impl Iterator<Item = &PlannedFile> {
        let read =
            |file: &&PlannedFile| matches!(file.action, FileAction::Load | FileAction::Reload);
        self.files.iter().filter(read)
    }

    /// What a person reads in the plan and in the log.
    pub fn describe(&self) -> String {
        let count = |action| self.files.iter().filter(|f| f.action == action).count();
        let parts: Vec<String> = [
            (count(FileAction::Load), "load"),
            (count(FileAction::Reload), "reload"),
            (count(FileAction::Refuse), "refuse changed"),
        ]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, verb)| format!("{verb} {}", files(n)))
        .collect();
        match parts.is_empty() {
            true => format!("nothing new in {}", files(self.files.len())),
            false => parts.join(", "),
        }
    }

    /// The error that the load will end in, where the plan can tell.
    pub fn problem(&self) -> Option<Diagnostic> {
        let refused: Vec<&str> = self
            .files
            .iter()
            .filter(|file| file.action == FileAction::Refuse)
            .map(|file| file.path.as_str())
            .collect();
        let text = match refused.as_slice() {
            [] => return None,
            [path] => format!(
                "the file {path} has changed since it was loaded into {}",
                self.relation
            ),
            [path, others @ ..] => format!(
                "the file {path} and {} more have changed since they were loaded into {}",
                others.len(),
                self.relation
            ),
        };
        Some(
            Diagnostic::error(text)
                .hint(
                    "rows are only appended: put the old content back, and new rows in a new file",
                )
                .hint("or write with `merge` by a key, or with `replace`"),
        )
    }
}

fn files(n: usize) -> String {
    format!("{n} {}", if n == 1 { "file" } else { "files" })
}

/// Looks at the files of a source and at what its table has loaded. Writes nothing.
pub async fn plan(lake: &Lake, root: &Path, node: &Node) -> Result<LoadPlan, Diagnostic> {
    let (relation, ingest) = source(node)?;
    let state = LoadState::read(&lake.transactions(relation).await?);
    let found = found_files(root, ingest).await?;
    let replaced_since =
        ingest.write == WriteDisposition::Replace && !state.holds_set(&set_hash(ingest, &found));
    let files: Vec<PlannedFile> = found
        .into_iter()
        .map(|file| PlannedFile {
            action: action(&ingest.write, &state, &file, replaced_since),
            ..file
        })
        .collect();
    let gone = |path: &&str| !files.iter().any(|file| file.path == **path);
    let removed: Vec<String> = state.paths().filter(gone).map(str::to_owned).collect();
    if files.is_empty() && (removed.is_empty() || ingest.write == WriteDisposition::Replace) {
        return Err(no_files(relation, ingest));
    }
    Ok(LoadPlan {
        relation: relation.clone(),
        write: ingest.write.clone(),
        files,
        removed,
    })
}

async fn found_files(root: &Path, ingest: &Ingest) -> Result<Vec<PlannedFile>, Diagnostic> {
    let Connector::Csv(connector) = &ingest.connector;
    let (root, connector, location) = (root.to_owned(), connector.clone(), ingest.location.clone());
    blocking(move || {
        csv::files::list(&root, &connector).map_err(|e| match e.location {
            Some(_) => e,
            None => e.at(location),
        })
    })
    .await
}

fn action(
    write: &WriteDisposition,
    state: &LoadState,
    file: &PlannedFile,
    replaced_since: bool,
) -> FileAction {
    match (write, state.loaded(&file.path)) {
        (WriteDisposition::Replace, None) => FileAction::Load,
        (WriteDisposition::Replace, Some(_)) if replaced_since => FileAction::Reload,
        (WriteDisposition::Replace, Some(_)) => FileAction::Skip,
        (_, None) => FileAction::Load,
        (_, Some(loaded)) if loaded == file.load_id => FileAction::Skip,
        (WriteDisposition::Merge { .. }, Some(_)) => FileAction::Reload,
        (WriteDisposition::Append, Some(_)) => FileAction::Refuse,
    }
}

/// Names a `replace` load: its files and the settings that shape their rows.
pub fn set_hash(ingest: &Ingest, files: &[PlannedFile]) -> String {
    let files: Vec<(&str, &str)> = files
        .iter()
        .map(|file| (file.path.as_str(), file.load_id.as_str()))
        .collect();
    let rules: Vec<_> = ingest
        .expect
        .iter()
        .map(|e| (&e.column, &e.rule, e.on_fail))
        .collect();
    let settings = (&ingest.connector, &ingest.column_types, ingest.on_bad_row);
    let all = serde_json::json!([files, settings, ingest.on_new_column, rules]);
    digest::hex(all.to_string().as_bytes())[..16].to_owned()
}

fn no_files(relation: &Relation, ingest: &Ingest) -> Diagnostic {
    let Connector::Csv(connector) = &ingest.connector;
    Diagnostic::error(format!(
        "no file matches '{}', which fills {relation}",
        connector.path
    ))
    .at(ingest.location.clone())
    .hint("the path is relative to the project folder; `*` stands for any part of a name")
}
