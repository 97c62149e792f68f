//! A project that is not there: sample pages, and a model whose score is the distance over 1000.

use std::path::Path;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, Float64Array, RecordBatch, StringArray,
};
use arrow::datatypes::{DataType, Field, Float64Type, Int64Type, Schema, SchemaRef, TimeUnit};
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response, StatusCode};
use forebay_core::ml::{Entity, Feature, FeatureView};
use forebay_core::{Diagnostic, Graph, NodeId, Relation};
use forebay_ml::online::{self, OnlineRow};
use forebay_runner::Clock;
use forebay_server::backend::{Answered, Found, Lookup, Served, Stats};
use forebay_server::mlflow::{Artifacts, Deliveries, Reach, Tracking};
use forebay_server::{Backend, Options, router};
use forebay_store::Store;
use forebay_ui::{page, sample};
use serde_json::Value;
use tower::ServiceExt;

pub const HOST: &str = "127.0.0.1:8600";

static PLANES: LazyLock<FeatureView> = LazyLock::new(|| FeatureView {
    source: NodeId::new("model.flights.planes"),
    entities: vec![Entity {
        name: "plane".to_owned(),
        join_keys: vec!["plane".to_owned()],
    }],
    timestamp: "landed_at".to_owned(),
    created_timestamp: None,
    ttl: None,
    online: true,
    features: ["delay", "age"].map(feature).into(),
});

static GRAPH: LazyLock<Graph> = LazyLock::new(|| Graph {
    project: "p".to_owned(),
    nodes: Default::default(),
});

fn feature(name: &str) -> Feature {
    Feature {
        name: name.to_owned(),
        expr: name.to_owned(),
        window: None,
        description: String::new(),
    }
}

#[derive(Default)]
pub struct Fake {
    /// No service has a version yet.
    pub untrained: bool,
}

/// Inputs of the service `late_arrival`; `asked_at` may be left out.
pub fn served() -> Served {
    let micros = |zone: Option<Arc<str>>| DataType::Timestamp(TimeUnit::Microsecond, zone);
    let schema = Schema::new(vec![
        Field::new("carrier", DataType::Utf8, true),
        Field::new("distance", DataType::Float64, true),
        Field::new("month", DataType::Int64, true),
        Field::new("holiday", DataType::Boolean, true),
        Field::new("asked_at", micros(Some("UTC".into())), true),
    ]);
    Served::new(
        "late_arrival",
        "late_arrival",
        "5",
        Arc::new(schema),
        &["asked_at"],
        &outputs(),
    )
    .unwrap()
}

fn outputs() -> SchemaRef {
    let field = |name: &str, data_type| Field::new(name, data_type, false);
    Arc::new(Schema::new(vec![
        field("score", DataType::Float64),
        field("label", DataType::Boolean),
        field("prediction_id", DataType::Utf8),
        field("stale_features", DataType::Utf8),
    ]))
}

/// By the distance; without the moment two features are stale.
fn answers(batch: &RecordBatch) -> RecordBatch {
    let distance = batch.column(1).as_primitive::<Float64Type>().values();
    let carriers = batch.column(0).as_string::<i32>();
    let ids = (0..)
        .zip(carriers)
        .map(|(row, carrier)| format!("{}-{row}", carrier.unwrap()));
    let moments = batch.column(4);
    let stale = (0..batch.num_rows()).map(|row| match moments.is_null(row) {
        true => "a:x,b:y",
        false => "",
    });
    let columns: Vec<ArrayRef> = vec![
        Arc::new(Float64Array::from_iter_values(
            distance.iter().map(|d| d / 1000.0),
        )),
        Arc::new(
            distance
                .iter()
                .map(|d| Some(*d >= 500.0))
                .collect::<BooleanArray>(),
        ),
        Arc::new(StringArray::from_iter_values(ids)),
        Arc::new(StringArray::from_iter_values(stale)),
    ];
    RecordBatch::try_new(outputs(), columns).unwrap()
}

fn only<T>(name: &str, wanted: &str, page: T) -> Found<T> {
    Ok((name == wanted).then_some(page))
}

#[async_trait]
impl Backend for Fake {
    async fn overview(&self) -> Result<page::Overview, Diagnostic> {
        Ok(sample::overview())
    }

    async fn graph(&self, focus: Option<&str>) -> Found<page::Graph> {
        only(focus.unwrap_or("all"), "all", sample::graph())
    }

    async fn node(&self, id: &str, _: Option<&str>) -> Found<page::Node> {
        match id {
            "panic" => panic!("secret of a row"),
            "slow" => std::future::pending().await,
            "broken" => Err(Diagnostic::internal("the store is on fire").hint("bring water")),
            _ => only(id, "model.flights.arrivals", sample::node()),
        }
    }

    async fn runs(&self) -> Result<page::Runs, Diagnostic> {
        Ok(sample::runs())
    }

    async fn run(&self, invocation: &str) -> Found<page::Run> {
        only(invocation, "1", sample::run())
    }

    async fn tables(&self) -> Result<page::Tables, Diagnostic> {
        Ok(sample::tables())
    }

    async fn table(&self, relation: &Relation, version: Option<i64>) -> Found<page::Table> {
        let name = format!("{relation}@{}", version.unwrap_or(11));
        only(&name, "main.arrivals@11", sample::table())
    }

    fn graph_values(&self) -> &Graph {
        &GRAPH
    }

    fn services_of(&self, _: &str, _: u64) -> Vec<String> {
        Vec::new()
    }

    async fn services(&self) -> Result<page::Services, Diagnostic> {
        Ok(page::Services::default())
    }

    async fn service(&self, name: &str, tried: Option<page::Try>) -> Found<page::Service> {
        let page = page::Service {
            tried,
            ..sample::service()
        };
        only(name, "late_arrival", page)
    }

    async fn prediction(&self, id: &str) -> Found<page::Prediction> {
        only(id, "UA-0", sample::prediction())
    }

    fn lookup(&self, service: &str) -> Lookup {
        match service {
            "late_arrival" if self.untrained => Lookup::NotReady,
            "late_arrival" => Lookup::Ready(Arc::new(served())),
            _ => Lookup::Unknown,
        }
    }

    fn service_names(&self) -> Vec<String> {
        vec!["late_arrival".to_owned()]
    }

    async fn infer(&self, served: &Served, rows: RecordBatch) -> Result<Answered, Diagnostic> {
        if rows.column(0).as_string::<i32>().value(0) == "XX" {
            return Err(Diagnostic::error("carrier 'XX' flies nowhere"));
        }
        Ok(Answered {
            version: served.version.clone(),
            rows: answers(&rows),
        })
    }

    fn feature_view(&self, name: &str) -> Option<&FeatureView> {
        (name == "planes").then(|| &*PLANES)
    }

    /// Entities by number: 1 is known, 2 is too old, others are unknown.
    fn online_rows(
        &self,
        _: &str,
        _: &FeatureView,
        entities: &RecordBatch,
    ) -> Result<Vec<online::Found>, Diagnostic> {
        let numbers = entities.column_by_name("plane").unwrap();
        let Some(numbers) = numbers.as_primitive_opt::<Int64Type>() else {
            return Err(Diagnostic::error("planes have numbers"));
        };
        let found = |number: Option<i64>| {
            let row = OnlineRow {
                event_time: 1_357_034_400_500_000,
                created: None,
                values: vec![online::Value::Float(0.5), online::Value::Null],
            };
            let known = matches!(number, Some(1 | 2));
            online::Found {
                row: known.then_some(row),
                usable: number == Some(1),
            }
        };
        Ok(numbers.iter().map(found).collect())
    }

    fn stats(&self, _: &str) -> Stats {
        Stats {
            predictions: 7,
            answered: 5,
            refused: 1,
            seconds: 0.25,
        }
    }
}

pub fn options() -> Options {
    let mut options = Options::new(sample::shell(), 8600);
    options.body_limit = 100_000;
    options
}

pub fn app() -> Router {
    router(Arc::new(Fake::default()), tracking(), options())
}

/// One that soon gives up a request.
pub fn hasty_app() -> Router {
    let mut options = options();
    options.request_timeout = Duration::from_millis(300);
    router(Arc::new(Fake::default()), tracking(), options)
}

/// An empty store; what is uploaded goes to a folder that is not there yet.
pub fn tracking() -> Tracking {
    tracking_at(&std::env::temp_dir().join("forebay-no-artifacts"))
}

pub fn tracking_at(artifacts: &Path) -> Tracking {
    Tracking {
        store: Store::in_memory().unwrap(),
        artifacts: Artifacts::served(artifacts),
        clock: Clock::System,
        deliveries: Deliveries::new(Reach::public_and(&[])),
    }
}

pub async fn send(app: &Router, request: Request<Body>) -> (StatusCode, Response<Body>) {
    let response = app.clone().oneshot(request).await.unwrap();
    (response.status(), response)
}

pub fn get(path: &str) -> Request<Body> {
    let request = Request::get(path).header("host", HOST);
    request.body(Body::empty()).unwrap()
}

pub fn post(path: &str, body: impl Into<Body>) -> Request<Body> {
    let request = Request::post(path).header("host", HOST);
    request.body(body.into()).unwrap()
}

pub async fn bytes(response: Response<Body>) -> Vec<u8> {
    axum::body::to_bytes(response.into_body(), 1 << 24)
        .await
        .unwrap()
        .to_vec()
}

pub async fn text(response: Response<Body>) -> String {
    String::from_utf8(bytes(response).await).unwrap()
}

/// Status and JSON of the answer.
pub async fn json(request: Request<Body>) -> (u16, Value) {
    let (status, response) = send(&app(), request).await;
    let text = text(response).await;
    let json = serde_json::from_str(&text).unwrap_or_else(|_| panic!("no JSON: {text}"));
    (status.as_u16(), json)
}
