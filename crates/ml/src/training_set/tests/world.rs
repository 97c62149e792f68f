//! A small project: arrivals of carriers, two feature views over them, a training job.

use arrow::array::TimestampMicrosecondArray;
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, StringArray};
use arrow::compute::concat_batches;
use arrow::datatypes::{ArrowPrimitiveType, TimestampMicrosecondType};
use forebay_core::graph::{Materialized, Model};
use forebay_core::ml::{
    Entity, Feature, FeatureRef, FeatureView, GradientBoosting, Judging, RequestFeature, Split,
    Trainer, TrainingJob,
};
use forebay_core::{Graph, Location, Node, NodeId, Relation, Span, Spec};
use forebay_lake::{Input, Lake, LakeOptions, WriteMode, WriteOptions};
use futures::TryStreamExt;
use std::sync::Arc;

use super::super::{TrainingSet, build};
use crate::feature_view;

pub const MINUTE: i64 = 60_000_000;
pub const CARRIERS: [&str; 4] = ["AA", "B6", "DL", "UA"];

/// One flight that has landed.
#[derive(Clone, Debug)]
pub struct Arrival {
    pub carrier: Option<&'static str>,
    /// Minutes since 1970.
    pub known_at: Option<i64>,
    pub delay: Option<i64>,
}

/// One prediction asked for.
#[derive(Clone, Debug)]
pub struct Departure {
    pub carrier: Option<&'static str>,
    /// Minutes since 1970.
    pub asked_at: Option<i64>,
    pub distance: i64,
}

pub struct World {
    pub folder: tempfile::TempDir,
    pub lake: Lake,
    pub graph: Graph,
}

/// Repeatable and scattered.
pub fn scatter(n: i64) -> i64 {
    (n.wrapping_mul(0x5851_F42D_4C95_7F2D) >> 33).abs()
}

pub fn arrivals() -> Vec<Arrival> {
    let one = |n: i64| Arrival {
        carrier: (scatter(n) % 13 != 0).then(|| CARRIERS[(scatter(n + 1) % 3) as usize]),
        // Few distinct minutes, so that ties and exact bounds are common.
        known_at: (scatter(n + 2) % 17 != 0).then(|| (scatter(n + 3) % 400) * 10),
        delay: (scatter(n + 4) % 7 != 0).then(|| scatter(n + 5) % 60 - 15),
    };
    (0..300).map(one).collect()
}

pub fn departures() -> Vec<Departure> {
    let one = |n: i64| Departure {
        // The fourth carrier never arrived anywhere.
        carrier: (scatter(n + 6) % 19 != 0).then(|| CARRIERS[(scatter(n + 7) % 4) as usize]),
        asked_at: (scatter(n + 8) % 23 != 0).then(|| (scatter(n + 9) % 420) * 10),
        distance: n,
    };
    (0..200).map(one).collect()
}

impl World {
    pub async fn new(arrivals: &[Arrival], departures: &[Departure]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let lake = Lake::open(LakeOptions {
            root: folder.path().join("warehouse"),
            memory_limit: 256 << 20,
            threads: 2,
            spill: folder.path().join("spill"),
            dialect: forebay_lake::Dialect::default(),
            database: "forebay".to_owned(),
            files: folder.path().to_owned(),
            settings: Vec::new(),
        })
        .await
        .unwrap();
        let world = Self {
            folder,
            lake,
            graph: graph(),
        };
        world.write("arrivals", arrivals_batch(arrivals)).await;
        world
            .write("departures", departures_batch(departures))
            .await;
        world.features().await;
        world
    }

    pub async fn write(&self, name: &str, rows: RecordBatch) {
        let input = Input::Batches(rows.schema(), vec![rows]);
        let options = WriteOptions::new(WriteMode::Overwrite);
        self.lake
            .write(&Relation::new("main", name), input, options)
            .await
            .unwrap();
    }

    /// Computes the feature views anew.
    pub async fn features(&self) {
        for name in ["by_carrier", "everywhere"] {
            let (node, view) = self.view(name);
            let source = Relation::new("main", "arrivals");
            feature_view::materialize(&self.lake, node, view, &source)
                .await
                .unwrap();
        }
    }

    pub fn view(&self, name: &str) -> (&Node, &FeatureView) {
        let node = &self.graph.nodes[&NodeId::new(name)];
        match &node.spec {
            Spec::FeatureView(view) => (node, view),
            other => panic!("{other:?}"),
        }
    }

    pub fn node(&self) -> &Node {
        &self.graph.nodes[&NodeId::new("late")]
    }

    pub async fn build(&self, job: &TrainingJob) -> TrainingSet {
        build(&self.lake, &self.graph, self.node(), job, "")
            .await
            .unwrap()
    }

    pub async fn rows(&self, set: &TrainingSet) -> RecordBatch {
        let sql = format!("SELECT * FROM {}", set.relation.sql());
        let versions = [(set.relation.clone(), set.version)].into();
        let rows = self.lake.query_at(&sql, &versions).await.unwrap();
        let batches: Vec<RecordBatch> = rows.stream.try_collect().await.unwrap();
        concat_batches(&rows.schema, &batches).unwrap()
    }
}

pub fn job() -> TrainingJob {
    let feature = |view: &str, feature: &str| FeatureRef {
        view: view.into(),
        feature: feature.into(),
    };
    TrainingJob {
        model: "late".into(),
        spine: NodeId::new("departures"),
        event_timestamp: "asked_at".into(),
        label: "is_late".into(),
        filter: None,
        features: vec![
            feature("by_carrier", "late_share_1h"),
            feature("everywhere", "flights_2h"),
            feature("by_carrier", "last_delay"),
        ],
        request_features: vec![
            RequestFeature {
                name: "far".into(),
                expr: "distance >= 100".into(),
            },
            RequestFeature {
                name: "carrier".into(),
                expr: "carrier".into(),
            },
        ],
        split: Split::Time {
            column: "asked_at".into(),
            at: "1970-01-02T00:00:00Z".into(),
        },
        trainer: Trainer::GradientBoosting(GradientBoosting::default()),
        metrics: vec!["roc_auc".into()],
        gates: vec![],
        judging: Judging::default(),
        tuning: None,
        alias: "champion".into(),
        seed: 0,
    }
}

pub fn view_ttl() -> Span {
    Span::from_secs(2 * 3600)
}

fn graph() -> Graph {
    let feature = |name: &str, expr: &str, window: Option<i64>| Feature {
        name: name.into(),
        expr: expr.into(),
        window: window.map(Span::from_secs),
        description: String::new(),
    };
    let by_carrier = FeatureView {
        source: NodeId::new("arrivals"),
        entities: vec![Entity {
            name: "carrier".into(),
            join_keys: vec!["carrier".into()],
        }],
        timestamp: "known_at".into(),
        created_timestamp: None,
        ttl: Some(view_ttl()),
        online: true,
        features: vec![
            feature(
                "late_share_1h",
                "avg(case when delay > 15 then 1.0 else 0.0 end)",
                Some(3600),
            ),
            feature("last_delay", "delay", None),
        ],
    };
    let everywhere = FeatureView {
        entities: vec![],
        ttl: None,
        features: vec![feature("flights_2h", "count(*)", Some(7200))],
        ..by_carrier.clone()
    };
    let main = |name: &str| Some(Relation::new("main", name));
    let features = |name: &str| Some(Relation::new("features", name));
    let nodes = [
        node("arrivals", main("arrivals"), table()),
        node("departures", main("departures"), table()),
        node(
            "by_carrier",
            features("by_carrier"),
            Spec::FeatureView(by_carrier),
        ),
        node(
            "everywhere",
            features("everywhere"),
            Spec::FeatureView(everywhere),
        ),
        node("late", None, Spec::TrainingJob(Box::new(job()))),
    ];
    Graph {
        project: "p".into(),
        nodes: nodes
            .into_iter()
            .map(|node| (node.id.clone(), node))
            .collect(),
    }
}

fn table() -> Spec {
    Spec::Model(Model::new(Materialized::Table, ""))
}

fn node(name: &str, relation: Option<Relation>, spec: Spec) -> Node {
    Node {
        id: NodeId::new(name),
        name: name.into(),
        package: "p".into(),
        group: None,
        location: Location::new("ml/late.yml", 3, 5),
        fqn: vec![],
        tags: vec![],
        description: String::new(),
        columns: Default::default(),
        relation,
        depends_on: vec![],
        spec,
    }
}

fn instants(minutes: impl Iterator<Item = Option<i64>>) -> ArrayRef {
    let micros = minutes.map(|minute| minute.map(|minute| minute * MINUTE));
    Arc::new(
        micros
            .collect::<TimestampMicrosecondArray>()
            .with_timezone("UTC"),
    )
}

pub fn arrivals_batch(rows: &[Arrival]) -> RecordBatch {
    let carriers: ArrayRef = Arc::new(rows.iter().map(|r| r.carrier).collect::<StringArray>());
    let delays: ArrayRef = Arc::new(rows.iter().map(|r| r.delay).collect::<Int64Array>());
    let known_at = instants(rows.iter().map(|r| r.known_at));
    let columns = [
        ("carrier", carriers, true),
        ("known_at", known_at, true),
        ("delay", delays, true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

pub fn departures_batch(rows: &[Departure]) -> RecordBatch {
    let carriers: ArrayRef = Arc::new(rows.iter().map(|r| r.carrier).collect::<StringArray>());
    let distances: ArrayRef = Arc::new(
        rows.iter()
            .map(|r| Some(r.distance))
            .collect::<Int64Array>(),
    );
    let late: ArrayRef = Arc::new(
        rows.iter()
            .map(|r| Some(r.distance % 3 == 0))
            .collect::<BooleanArray>(),
    );
    let asked_at = instants(rows.iter().map(|r| r.asked_at));
    let columns = [
        ("distance", distances, true),
        ("carrier", carriers, true),
        ("asked_at", asked_at, true),
        ("is_late", late, true),
    ];
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

/// A cell of a numeric column.
pub fn cell<T: ArrowPrimitiveType>(
    batch: &RecordBatch,
    name: &str,
    row: usize,
) -> Option<T::Native> {
    let column = batch[name].as_primitive::<T>();
    column.is_valid(row).then(|| column.value(row))
}

/// A cell of a time column, in minutes.
pub fn minute(batch: &RecordBatch, name: &str, row: usize) -> Option<i64> {
    cell::<TimestampMicrosecondType>(batch, name, row).map(|micros| micros / MINUTE)
}
