//! A lake in a folder of its own, and its answers as text.

use std::collections::BTreeMap;

use arrow::record_batch::RecordBatch;
use arrow::util::display::array_value_to_string;
use forebay_core::{Diagnostic, Relation};
use forebay_lake::{
    Dialect, Input, Lake, LakeOptions, Rows, Txn, WriteMode, WriteOptions, Written,
};
use futures::TryStreamExt;
use tempfile::TempDir;

pub struct Place {
    pub folder: TempDir,
    pub lake: Lake,
}

impl std::ops::Deref for Place {
    type Target = Lake;

    fn deref(&self) -> &Lake {
        &self.lake
    }
}

pub async fn place() -> Place {
    place_with_memory(256 << 20).await
}

pub async fn place_with_memory(bytes: usize) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let lake = open(&folder, bytes).await;
    Place { folder, lake }
}

/// Another lake on the same folder, as another process would open it.
pub async fn open(folder: &TempDir, memory_limit: usize) -> Lake {
    open_as(folder, memory_limit, Dialect::default()).await
}

pub async fn open_as(folder: &TempDir, memory_limit: usize, dialect: Dialect) -> Lake {
    let options = LakeOptions {
        memory_limit,
        dialect,
        ..options(folder)
    };
    Lake::open(options).await.unwrap()
}

/// As a machine with one processor would open it.
pub async fn open_alone(folder: &TempDir) -> Lake {
    let options = LakeOptions {
        threads: 1,
        ..options(folder)
    };
    Lake::open(options).await.unwrap()
}

/// As a profile would open it whose database has another name.
pub async fn open_called(folder: &TempDir, database: &str) -> Lake {
    let options = LakeOptions {
        database: database.to_owned(),
        ..options(folder)
    };
    Lake::open(options).await.unwrap()
}

pub fn options(folder: &TempDir) -> LakeOptions {
    LakeOptions {
        root: folder.path().join("warehouse"),
        memory_limit: 256 << 20,
        threads: 2,
        spill: folder.path().join("spill"),
        dialect: Dialect::default(),
        database: "forebay".to_owned(),
        files: folder.path().to_owned(),
        settings: Vec::new(),
    }
}

pub fn relation(text: &str) -> Relation {
    Relation::parse(text).unwrap()
}

impl Place {
    pub async fn sql(
        &self,
        table: &str,
        mode: WriteMode,
        sql: &str,
    ) -> Result<Written, Diagnostic> {
        self.write(
            &relation(table),
            Input::Sql(sql.to_owned()),
            WriteOptions::new(mode),
        )
        .await
    }

    /// Rows as `1|a`, in the query's order.
    pub async fn rows(&self, sql: &str) -> Vec<String> {
        lines(&self.collect(sql).await.unwrap())
    }

    pub async fn rows_at(&self, sql: &str, table: &str, version: i64) -> Vec<String> {
        let versions = BTreeMap::from([(relation(table), version)]);
        lines(
            &all(self.query_at(sql, &versions).await.unwrap())
                .await
                .unwrap(),
        )
    }

    /// The message and hints of the query that must fail.
    pub async fn problem(&self, sql: &str) -> String {
        match self.collect(sql).await {
            Ok(rows) => panic!("{sql}\nanswered {:?}", lines(&rows)),
            Err(problem) => problem.to_string(),
        }
    }
}

pub async fn all(rows: Rows) -> Result<Vec<RecordBatch>, Diagnostic> {
    rows.stream.try_collect().await
}

pub fn lines(batches: &[RecordBatch]) -> Vec<String> {
    let line = |batch: &RecordBatch, row: usize| {
        let value = |column| match batch.column(column).is_null(row) {
            true => "null".to_owned(),
            false => array_value_to_string(batch.column(column), row).unwrap(),
        };
        (0..batch.num_columns())
            .map(value)
            .collect::<Vec<_>>()
            .join("|")
    };
    let lines = |batch: &RecordBatch| (0..batch.num_rows()).map(|row| line(batch, row)).collect();
    batches.iter().flat_map::<Vec<_>, _>(lines).collect()
}

pub fn txn(app_id: &str, version: i64) -> Txn {
    Txn {
        app_id: app_id.to_owned(),
        version,
    }
}

pub fn keys(keys: &[&str]) -> Vec<String> {
    keys.iter().map(|key| (*key).to_owned()).collect()
}
