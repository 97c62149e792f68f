//! Brings others' history in: from an MLflow's SQLite file, or from what a reader of another form found.

mod evaluation;
mod history;
mod kept_span;
mod traces;

use std::path::Path;

use forebay_core::Diagnostic;
use rusqlite::{Connection, OpenFlags};

pub use history::History;
pub use kept_span::span_content;

use crate::connection::describe;
use crate::evaluation::sorting;
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
    pub traces: u64,
    pub evaluation_datasets: u64,
}

impl std::ops::AddAssign for Imported {
    fn add_assign(&mut self, more: Self) {
        self.experiments += more.experiments;
        self.runs += more.runs;
        self.metrics += more.metrics;
        self.logged_models += more.logged_models;
        self.registered_models += more.registered_models;
        self.versions += more.versions;
        self.traces += more.traces;
        self.evaluation_datasets += more.evaluation_datasets;
    }
}

/// Without these tables the file is none of an MLflow of version 3.
const NEEDED: [&str; 4] = ["experiments", "runs", "logged_models", "registered_models"];

impl Store {
    /// Copies experiments, runs with all that was logged to them, logged models, the registry,
    /// traces, scorers and datasets to evaluate with, in one transaction. What is here already stays as it is: running again adds nothing twice.
    ///
    /// Experiments are the same if their names are. Paths of artifacts are kept; the files are not
    /// touched.
    pub fn import_mlflow(&self, file: &Path) -> Result<Imported, Diagnostic> {
        check(file)?;
        let path = file.to_string_lossy().into_owned();
        let imported = self.exclusive(|connection| {
            connection.execute("attach database ?1 as other", [&path])?;
            let copied = copy(connection, &History::default());
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
                .and_then(|()| copy(connection, history))
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
    let records = "evaluation_dataset_records";
    if tables.iter().any(|table| table == records) && !has_column(file, records, "outputs")? {
        return Err(old(
            file,
            &format!("the table '{records}' has no 'outputs'"),
        ));
    }
    match NEEDED
        .iter()
        .find(|name| !tables.iter().any(|table| table == *name))
    {
        None => Ok(()),
        Some(lacking) => Err(old(file, &format!("it has no table '{lacking}'"))),
    }
}

fn has_column(file: &Path, table: &str, column: &str) -> Result<bool, Diagnostic> {
    let has = || -> rusqlite::Result<bool> {
        let connection = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        let mut select =
            connection.prepare("select 1 from pragma_table_info(?1) where name = ?2")?;
        select.exists([table, column])
    };
    has().map_err(|error| describe(file, &error))
}

fn old(file: &Path, why: &str) -> Diagnostic {
    Diagnostic::error(format!(
        "{} is no database of MLflow 3: {why}",
        file.display()
    ))
    .hint("bring an older one up to date with `mlflow db upgrade sqlite:///FILE` first")
}

/// What is in the tables of `other`, and what of the history has no place in them.
fn copy(connection: &mut Connection, history: &History) -> Result<Imported, Error> {
    let transaction = connection.transaction()?;
    transaction.execute_batch(include_str!("import_mlflow.sql"))?;
    let traces = history.put_traces(&transaction)? + traces::copy(&transaction)?;
    if has(&transaction, "scorers")? {
        transaction.execute_batch(include_str!("import_scorers.sql"))?;
    }
    if has(&transaction, "evaluation_datasets")? {
        sorting(&transaction)?;
        transaction.execute_batch(include_str!("import_evaluation.sql"))?;
    }
    let added = |table: &str| {
        let sql = "select coalesce(sum(rows), 0) from added where name = ?1";
        transaction.query_row(sql, [table], |row| row.get(0))
    };
    let imported = Imported {
        experiments: added("experiments")?,
        runs: added("runs")?,
        metrics: added("metrics")?,
        logged_models: added("logged_models")?,
        registered_models: added("registered_models")?,
        versions: added("model_versions")?,
        traces,
        evaluation_datasets: added("evaluation_datasets")?,
    };
    transaction.execute_batch("drop table added")?;
    transaction.commit()?;
    Ok(imported)
}

/// Older files lack tables that newer ones have.
fn has(c: &Connection, table: &str) -> Result<bool, Error> {
    let sql = "select 1 from other.sqlite_master where type = 'table' and name = ?1";
    Ok(c.prepare_cached(sql)?.exists([table])?)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

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
            ..Imported::default()
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
    fn traces_scorers_and_datasets_come_in_whole_and_once() {
        const TRACE: &str = "tr-1cba9af1afb19ac439ecfaf7bbcbc30a";
        let folder = tempfile::tempdir().unwrap();
        let file = history(folder.path());
        let newer = include_str!("../tests/fixtures/mlflow_traces.sql");
        Connection::open(&file)
            .unwrap()
            .execute_batch(newer)
            .unwrap();
        let store = Store::open(&folder.path().join("ours.db")).unwrap();
        let added = store.import_mlflow(&file).unwrap();
        assert_eq!((added.traces, added.evaluation_datasets), (1, 1));
        let trace = store.trace(TRACE).unwrap();
        let flights = store.run(RUN).unwrap().unwrap().experiment_id;
        assert_eq!(
            (trace.experiment_id, trace.started_ms, trace.duration_ms),
            (flights, 1_700_000_000_411, Some(120))
        );
        assert_eq!(
            (
                trace.tags["mlflow.traceName"].as_str(),
                trace.tags["team"].as_str()
            ),
            ("ask", "a")
        );
        let metadata = |key: &str| trace.metadata[key].as_str();
        assert_eq!(metadata("mlflow.trace.session"), "s1");
        assert_eq!(metadata("mlflow.trace.tokenUsage"), r#"{"input_tokens":3}"#);
        assert_eq!(metadata("mlflow.trace.cost"), r#"{"total_cost":0.5}"#);
        let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let span = read(&store.spans(TRACE).unwrap()[0]);
        assert_eq!(
            span["attributes"],
            json!([
                {"key": "mlflow.spanType", "value": {"string_value": "LLM"}},
                {"key": "mlflow.spanInputs", "value": {"kvlist_value": {"values": [
                    {"key": "x", "value": {"double_value": 1.5}},
                ]}}},
                {"key": "mlflow.spanOutputs", "value": {"array_value": {"values": [{"bool_value": true}, {}]}}},
            ])
        );
        assert_eq!(span["status"], json!({"code": "STATUS_CODE_OK"}));
        assert_eq!(
            span["events"][0]["attributes"][0]["value"]["int_value"],
            json!(1)
        );
        let said: Vec<Value> = trace.assessments.iter().map(|a| read(&a.content)).collect();
        assert_eq!(
            said[0],
            json!({
                "assessment_name": "good", "trace_id": TRACE, "source": {"source_type": "HUMAN", "source_id": "me"},
                "create_time": "2023-11-14T22:13:21.000Z", "last_update_time": "2023-11-14T22:13:21.500Z",
                "rationale": "why", "metadata": {"m": "1"}, "feedback": {"value": true},
            })
        );
        assert_eq!(said[1]["feedback"]["error"]["error_code"], "E");
        assert_eq!(
            (trace.assessments[0].is_valid, said[1]["overrides"].as_str()),
            (false, Some("a-1"))
        );
        let wanted = &said[2]["expectation"]["serialized_value"];
        assert_eq!(read(wanted["value"].as_str().unwrap()), json!([1, 2]));
        let dataset = store.evaluation_dataset("d-1").unwrap();
        assert_eq!(
            (dataset.records, &dataset.experiments[..]),
            (1, &[flights][..])
        );
        let record = &store.evaluation_records("d-1", 10, "").unwrap().items[0];
        assert_eq!(record.inputs.to_string(), r#"{"a":1,"q":"x"}"#);
        assert_eq!(
            (&record.outputs, &record.tags),
            (&json!({"o": 1}), &json!({}))
        );
        let scorer = store.scorer(flights, "polite", None).unwrap();
        assert_eq!(scorer.version, 2);
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
