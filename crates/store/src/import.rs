//! Brings others' history in: from an MLflow's SQLite file, or from what a reader of another form found.

mod history;

use std::path::Path;

use forebay_core::Diagnostic;
use rusqlite::{Connection, OpenFlags};

pub use history::History;

use crate::connection::describe;
use crate::{Error, Store};

/// What an import added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Imported {
    pub experiments: u64,
    pub runs: u64,
    pub metrics: u64,
    pub logged_models: u64,
    pub registered_models: u64,
    pub versions: u64,
}

impl std::ops::AddAssign for Imported {
    fn add_assign(&mut self, more: Self) {
        self.experiments += more.experiments;
        self.runs += more.runs;
        self.metrics += more.metrics;
        self.logged_models += more.logged_models;
        self.registered_models += more.registered_models;
        self.versions += more.versions;
    }
}

/// Without these tables the file is none of an MLflow of version 3.
const NEEDED: [&str; 4] = ["experiments", "runs", "logged_models", "registered_models"];

impl Store {
    /// Copies experiments, runs with all that was logged to them, logged models and the registry,
    /// in one transaction. What is here already stays as it is: running again adds nothing twice.
    ///
    /// Experiments are the same if their names are. Paths of artifacts are kept; the files are not
    /// touched.
    pub fn import_mlflow(&self, file: &Path) -> Result<Imported, Diagnostic> {
        check(file)?;
        let path = file.to_string_lossy().into_owned();
        let imported = self.exclusive(|connection| {
            connection.execute("attach database ?1 as other", [&path])?;
            let copied = copy(connection);
            connection.execute("detach database other", [])?;
            copied
        });
        Ok(imported?)
    }

    /// As [`Store::import_mlflow`], of a part of a history that was read from elsewhere. Ids of
    /// experiments are the other's own.
    pub fn import_history(&self, history: &History) -> Result<Imported, Diagnostic> {
        let imported = self.exclusive(|connection| {
            connection.execute("attach database ':memory:' as other", [])?;
            let copied = history
                .lay_out(connection)
                .and_then(|()| copy(connection))
                .and_then(|added| history.name_logged_models(connection).map(|()| added));
            connection.execute("detach database other", [])?;
            copied
        });
        Ok(imported?)
    }
}

/// In words, before anything is changed.
fn check(file: &Path) -> Result<(), Diagnostic> {
    if !file.is_file() {
        return Err(
            Diagnostic::error(format!("there is no file {}", file.display()))
                .hint("name the SQLite file of an MLflow server, such as mlflow.db"),
        );
    }
    let tables = || -> rusqlite::Result<Vec<String>> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut select =
            connection.prepare("select name from sqlite_master where type = 'table'")?;
        select.query_map([], |row| row.get(0))?.collect()
    };
    let tables = tables().map_err(|error| describe(file, &error))?;
    match NEEDED
        .iter()
        .find(|name| !tables.iter().any(|table| table == *name))
    {
        None => Ok(()),
        Some(lacking) => Err(Diagnostic::error(format!(
            "{} is no database of MLflow 3: it has no table '{lacking}'",
            file.display()
        ))
        .hint("bring an older one up to date with `mlflow db upgrade sqlite:///FILE` first")),
    }
}

fn copy(connection: &mut Connection) -> Result<Imported, Error> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(include_str!("import_mlflow.sql"))?;
    let added = |table: &str| {
        let sql = "select rows from added where name = ?1";
        transaction.query_row(sql, [table], |row| row.get(0))
    };
    let imported = Imported {
        experiments: added("experiments")?,
        runs: added("runs")?,
        metrics: added("metrics")?,
        logged_models: added("logged_models")?,
        registered_models: added("registered_models")?,
        versions: added("model_versions")?,
    };
    transaction.execute_batch("drop table added")?;
    transaction.commit()?;
    Ok(imported)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RunState, Search};

    const RUN: &str = "11111111111111111111111111111111";

    fn history(folder: &Path) -> std::path::PathBuf {
        let path = folder.join("mlflow.db");
        let connection = Connection::open(&path).unwrap();
        connection
            .execute_batch(include_str!("../tests/fixtures/mlflow.sql"))
            .unwrap();
        path
    }

    #[test]
    fn a_history_comes_in_whole_and_once() {
        let folder = tempfile::tempdir().unwrap();
        let file = history(folder.path());
        let store = Store::open(&folder.path().join("ours.db")).unwrap();
        let first = store.import_mlflow(&file).unwrap();
        let expected = Imported {
            experiments: 1,
            runs: 1,
            metrics: 3,
            logged_models: 1,
            registered_models: 1,
            versions: 1,
        };
        assert_eq!(first, expected);
        let run = store.run(RUN).unwrap().unwrap();
        assert_eq!(
            (run.experiment.as_str(), run.state),
            ("flights", RunState::Finished)
        );
        assert_eq!(run.artifact_path, format!("7/{RUN}/artifacts"));
        assert_eq!(run.params["depth"], "3");
        assert_eq!(run.metric("loss"), Some(0.25));
        assert!(run.metric("odd").unwrap().is_nan());
        assert_eq!(
            (run.inputs[0].dataset.name.as_str(), run.inputs[0].role()),
            ("table", "train")
        );
        assert_eq!(run.model_outputs[0].model_id, "m-1");
        let champion = store.version_by_alias("late", "champion").unwrap().unwrap();
        assert_eq!(
            (champion.version, champion.artifact_path.as_str()),
            (2, "7/models/m-1/artifacts")
        );
        assert_eq!(champion.model_id, "m-1");
        let found = store
            .search_logged_models(&[run.experiment_id], &[], &Search::default())
            .unwrap();
        assert_eq!(found.items[0].metrics[0].metric.value, 0.9);
        assert_eq!(store.import_mlflow(&file).unwrap(), Imported::default());
    }

    #[test]
    fn what_is_no_history_is_refused_in_words() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::in_memory().unwrap();
        let nothing = store
            .import_mlflow(&folder.path().join("none.db"))
            .unwrap_err();
        assert!(nothing.message.contains("there is no file"), "{nothing}");
        let other = folder.path().join("other.db");
        Connection::open(&other)
            .unwrap()
            .execute_batch("create table runs (id)")
            .unwrap();
        let error = store.import_mlflow(&other).unwrap_err();
        assert!(error.message.contains("no table 'experiments'"), "{error}");
        std::fs::write(&other, "text").unwrap();
        assert!(store.import_mlflow(&other).is_err());
    }
}
