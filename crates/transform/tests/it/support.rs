//! A lake of its own for a test, and nodes to run in it.

use std::path::PathBuf;

use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, Utc};
use forebay_core::{Location, Node, NodeId, Relation, Spec};
use forebay_lake::{Input, Lake, LakeOptions, WriteMode, WriteOptions};
use forebay_transform::Ctx;
use indexmap::IndexMap;

pub struct Bed {
    pub lake: Lake,
    pub root: PathBuf,
    _dir: tempfile::TempDir,
}

pub async fn bed() -> Bed {
    bed_of(forebay_lake::Dialect::default()).await
}

pub async fn bed_of(dialect: forebay_lake::Dialect) -> Bed {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_owned();
    let options = LakeOptions {
        root: root.join("warehouse"),
        memory_limit: 256 << 20,
        threads: 2,
        spill: root.join("spill"),
        dialect,
        database: "forebay".to_owned(),
        files: root.to_owned(),
        settings: Vec::new(),
    };
    Bed {
        lake: Lake::open(options).await.unwrap(),
        root,
        _dir: dir,
    }
}

impl Bed {
    /// Makes the query's answer the table `main.<name>`.
    pub async fn table(&self, name: &str, sql: &str) {
        let options = WriteOptions::new(WriteMode::Overwrite);
        let input = Input::Sql(sql.to_owned());
        let relation = Relation::new("main", name);
        self.lake.write(&relation, input, options).await.unwrap();
    }

    /// Each row of the answer as `a|b|c`, nulls empty.
    pub async fn rows(&self, sql: &str) -> Vec<String> {
        let batches = self.lake.collect(sql).await.unwrap();
        let options = FormatOptions::default();
        let mut rows = Vec::new();
        for batch in &batches {
            let columns: Vec<ArrayFormatter<'_>> = batch
                .columns()
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options).unwrap())
                .collect();
            for row in 0..batch.num_rows() {
                let cells: Vec<String> = columns
                    .iter()
                    .map(|column| column.value(row).to_string())
                    .collect();
                rows.push(cells.join("|"));
            }
        }
        rows
    }

    pub async fn version(&self, name: &str) -> i64 {
        let info = self.lake.info(&Relation::new("main", name)).await.unwrap();
        info.expect("the table exists").version
    }
}

pub fn node(name: &str, file: &str, spec: Spec) -> Node {
    Node {
        id: NodeId::new(format!("model.test.{name}")),
        name: name.into(),
        package: "test".into(),
        location: Location::new(file, 1, 1),
        fqn: Vec::new(),
        tags: Vec::new(),
        group: None,
        description: String::new(),
        columns: IndexMap::new(),
        relation: Some(Relation::new("main", name)),
        depends_on: Vec::new(),
        spec,
    }
}

pub fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

/// A run that begins at that moment and is named by it.
pub fn ctx(now: &str) -> Ctx {
    Ctx {
        full_refresh: false,
        incremental: true,
        batch: None,
        now: at(now),
        invocation_id: now.into(),
    }
}
