//! A project folder with a lake of its own, and sources to load into it.

use std::fs;
use std::path::{Path, PathBuf};

use arrow::util::display::{ArrayFormatter, FormatOptions};
use chrono::{DateTime, Utc};
use flate2::Compression;
use flate2::write::GzEncoder;
use forebay_core::graph::Source;
use forebay_core::ingest::{
    Connector, CsvFiles, Expectation, Ingest, OnBadRow, OnFail, OnNewColumn, Rule, WriteDisposition,
};
use forebay_core::{Diagnostic, Location, Node, NodeId, Relation, Spec};
use forebay_ingest::{LoadPlan, Loaded};
use forebay_lake::{Lake, LakeOptions};
use indexmap::IndexMap;

pub struct Bed {
    pub lake: Lake,
    root: PathBuf,
    _dir: tempfile::TempDir,
}

pub async fn bed() -> Bed {
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().to_owned();
    Bed {
        lake: open_lake(&root).await,
        root,
        _dir: dir,
    }
}

async fn open_lake(root: &Path) -> Lake {
    let options = LakeOptions {
        root: root.join("warehouse"),
        memory_limit: 256 << 20,
        threads: 2,
        spill: root.join("spill"),
        dialect: forebay_lake::Dialect::default(),
        database: "forebay".to_owned(),
        files: root.to_owned(),
        settings: Vec::new(),
    };
    Lake::open(options).await.unwrap()
}

impl Bed {
    pub fn root(&self) -> &Path {
        &self.root
    }

    pub fn put(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.root.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub fn put_packed(&self, name: &str, text: &str) {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        std::io::Write::write_all(&mut packed, text.as_bytes()).unwrap();
        self.put(name, packed.finish().unwrap());
    }

    pub fn remove(&self, name: &str) {
        fs::remove_file(self.root.join(name)).unwrap();
    }

    pub async fn plan(&self, node: &Node) -> LoadPlan {
        forebay_ingest::plan(&self.lake, &self.root, node)
            .await
            .unwrap()
    }

    pub async fn load(&self, node: &Node) -> Result<Loaded, Diagnostic> {
        let plan = forebay_ingest::plan(&self.lake, &self.root, node).await?;
        forebay_ingest::load(&self.lake, &self.root, node, &plan, now()).await
    }

    /// The text of the error that loading ends in.
    pub async fn refused(&self, node: &Node) -> String {
        self.load(node)
            .await
            .expect_err("the load fails")
            .to_string()
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

    pub async fn version(&self, table: &str) -> Option<i64> {
        let relation = Relation::new("raw", table);
        let info = self.lake.info(&relation).await.unwrap();
        info.map(|info| info.version)
    }
}

pub fn now() -> DateTime<Utc> {
    "2014-01-01T00:00:00Z".parse().unwrap()
}

/// A source `raw.<table>` that appends the files of `data/*.csv*`.
pub fn source(table: &str) -> Node {
    node(
        table,
        Ingest {
            connector: Connector::Csv(CsvFiles {
                path: "data/*.csv*".into(),
                delimiter: ',',
                null_values: vec!["NA".into()],
            }),
            write: WriteDisposition::Append,
            column_types: IndexMap::new(),
            on_bad_row: OnBadRow::Fail,
            on_new_column: OnNewColumn::Fail,
            expect: Vec::new(),
            location: Location::new("ingest/raw.yml", 3, 5),
        },
    )
}

/// A source with other settings.
pub fn source_with(table: &str, change: impl FnOnce(&mut Ingest)) -> Node {
    let mut node = source(table);
    if let Spec::Source(source) = &mut node.spec {
        change(source.ingest.as_mut().unwrap());
    }
    node
}

fn node(table: &str, ingest: Ingest) -> Node {
    Node {
        id: NodeId::new(format!("source.test.raw.{table}")),
        name: table.into(),
        package: "test".into(),
        group: None,
        location: Location::new("models/sources.yml", 1, 1),
        fqn: Vec::new(),
        tags: Vec::new(),
        description: String::new(),
        columns: IndexMap::new(),
        relation: Some(Relation::new("raw", table)),
        depends_on: Vec::new(),
        spec: Spec::Source(Source {
            source_name: "raw".into(),
            ingest: Some(ingest),
            loaded_at_field: None,
            freshness: None,
        }),
    }
}

pub fn path(ingest: &mut Ingest, pattern: &str) {
    let Connector::Csv(files) = &mut ingest.connector;
    files.path = pattern.into();
}

pub fn at_most(column: &str, max: f64, on_fail: OnFail) -> Expectation {
    Expectation {
        column: column.into(),
        rule: Rule::Range {
            min: None,
            max: Some(max),
        },
        on_fail,
        location: Location::new("ingest/raw.yml", 9, 9),
    }
}
