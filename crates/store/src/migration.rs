//! The schema and its history. A step, once released, is never edited: the next one changes it.

use std::path::Path;

use forebay_core::Diagnostic;
use rusqlite::Connection;

use crate::connection::describe;

/// `user_version` of the database counts the steps that it has seen.
const STEPS: &[&str] = &[
    include_str!("migration/001_initial.sql"),
    include_str!("migration/002_tracking.sql"),
    include_str!("migration/003_traces.sql"),
    include_str!("migration/004_values.sql"),
    include_str!("migration/005_webhooks.sql"),
];

pub(crate) fn run(connection: &mut Connection, path: &Path) -> Result<(), Diagnostic> {
    let wrap = |error: rusqlite::Error| describe(path, &error);
    let transaction = connection
        .transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)
        .map_err(wrap)?;
    let seen: usize = transaction
        .query_row("pragma user_version", [], |row| row.get(0))
        .map_err(wrap)?;
    if seen > STEPS.len() {
        return Err(Diagnostic::error(format!(
            "the metadata store {} was written by a newer Forebay (version {seen}, this one knows {})",
            path.display(),
            STEPS.len()
        ))
        .hint("use that version, or point `metadata` in forebay.yml at another file"));
    }
    for step in &STEPS[seen..] {
        transaction.execute_batch(step).map_err(wrap)?;
    }
    transaction
        .pragma_update(None, "user_version", STEPS.len())
        .map_err(wrap)?;
    transaction.commit().map_err(wrap)
}

#[cfg(test)]
mod tests {
    use forebay_core::Relation;

    use crate::Store;

    #[test]
    fn a_newer_database_is_refused_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metadata.db");
        drop(Store::open(&path).unwrap());
        let connection = rusqlite::Connection::open(&path).unwrap();
        connection.pragma_update(None, "user_version", 999).unwrap();
        let error = Store::open(&path).err().unwrap();
        assert!(error.message.contains("newer Forebay"), "{error}");
    }

    /// A database of version 1, as the first release wrote it, keeps opening.
    #[test]
    fn old_versions_open() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metadata.db");
        let old = rusqlite::Connection::open(&path).unwrap();
        old.execute_batch(include_str!("../tests/fixtures/metadata_v1.sql"))
            .unwrap();
        drop(old);
        let store = Store::open(&path).unwrap();
        let models = store.registered_models().unwrap();
        assert_eq!(models[0].name, "late_arrival");
        assert_eq!(models[0].aliases["champion"], 2);
        let version = &models[0].versions[0];
        assert_eq!((version.version, &version.stage[..]), (2, "None"));
        let run = store.run(&version.run_id).unwrap().unwrap();
        assert_eq!(run.metric("roc_auc"), Some(0.72));
        assert_eq!(
            run.inputs[0].as_table(),
            Some((Relation::new("main", "departures"), 3))
        );
        assert_eq!(run.inputs[0].role(), "spine");
        assert_eq!(store.experiment(0).unwrap().name, "Default");
    }

    /// And one of version 2, with what clients logged.
    #[test]
    fn tracking_of_version_2_opens() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metadata.db");
        let old = rusqlite::Connection::open(&path).unwrap();
        old.execute_batch(include_str!("../tests/fixtures/metadata_v2.sql"))
            .unwrap();
        drop(old);
        let store = Store::open(&path).unwrap();
        let version = store.version_by_alias("late", "champion").unwrap().unwrap();
        let run = store.run(&version.run_id).unwrap().unwrap();
        assert_eq!(
            (run.params["depth"].as_str(), run.name.as_str()),
            ("3", "first")
        );
        assert!(run.metric("loss").unwrap().is_nan());
        assert_eq!(run.inputs[0].role(), "train");
        assert_eq!(store.logged_model(&version.model_id).unwrap().name, "tree");
        let traces = store.search_traces(&[run.experiment_id], &Default::default());
        assert!(traces.unwrap().items.is_empty());
    }
    /// And one of version 3: what was logged is found by its values.
    #[test]
    fn values_of_version_3_are_searched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metadata.db");
        let old = rusqlite::Connection::open(&path).unwrap();
        old.execute_batch(include_str!("../tests/fixtures/metadata_v3.sql"))
            .unwrap();
        drop(old);
        let store = Store::open(&path).unwrap();
        let search = crate::Search {
            filter: "params.depth = '3' and tags.`mlflow.runName` = 'first'",
            order_by: &["metrics.loss DESC".to_owned()],
            ..Default::default()
        };
        let found = store.search_runs(&[1], &search).unwrap();
        assert_eq!(found.items.len(), 1);
        assert_eq!(
            store.trace("tr-1").unwrap().tags["mlflow.traceName"],
            "answer"
        );
    }
}
