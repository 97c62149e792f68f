//! The port's other side: a project's workspace behind [`Backend`].

mod serving;
mod traffic;
mod view;

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use forebay_core::ml::FeatureView;
use forebay_core::{Diagnostic, Graph, Relation, ResourceType, Spec};
use forebay_ml::online;
use forebay_ml::serving::Service;
use forebay_runner::Workspace;
use forebay_ui::page;
use tokio_util::sync::CancellationToken;

use crate::backend::{Backend, Found, Lookup, Stats};
use crate::inference::{Answered, Served};
use serving::Serving;

/// How soon a moved alias is followed.
const UPKEEP: Duration = Duration::from_secs(5);
/// How soon logged answers are in the lake, for those who read its files: our own pages and `why`
/// read also what is not there yet. Every time makes a file.
const FLUSH: Duration = Duration::from_secs(60);

/// A project that is served.
pub struct ProjectBackend {
    workspace: Workspace,
    serving: Serving,
    /// The protocol's description of each loaded service, made once a version.
    served: RwLock<BTreeMap<String, Arc<Served>>>,
    address: String,
}

impl ProjectBackend {
    /// `address` is what the pages tell people to call.
    pub fn open(workspace: Workspace, address: String) -> Result<Self, Diagnostic> {
        let backend = Self {
            serving: Serving::open(workspace.clone()),
            workspace,
            served: RwLock::new(BTreeMap::new()),
            address,
        };
        backend.describe()?;
        Ok(backend)
    }

    /// Follows aliases and moves the log into the lake, until told to stop; then once more.
    pub async fn keep_up(&self, stop: CancellationToken) {
        let mut flushed = Instant::now();
        while !stop.is_cancelled() {
            tokio::select! {
                () = tokio::time::sleep(UPKEEP) => {}
                () = stop.cancelled() => {}
            }
            for (node, problem) in self.serving.refresh() {
                tracing::warn!("{node} cannot be served: {problem}");
            }
            if let Err(problem) = self.describe() {
                tracing::warn!("{problem}");
            }
            if stop.is_cancelled() || flushed.elapsed() >= FLUSH {
                self.flush().await;
                flushed = Instant::now();
            }
        }
    }

    /// Moves the answers given so far into the lake.
    pub async fn flush(&self) {
        if let Err(problem) = self.serving.flush().await {
            tracing::warn!("the prediction log stays where it is for now: {problem}");
        }
    }

    fn describe(&self) -> Result<(), Diagnostic> {
        let mut served = self.served.write().unwrap_or_else(|e| e.into_inner());
        for service in self.serving.loaded() {
            let version = service.model_version().to_string();
            let known = served.get(service.name());
            if known.is_none_or(|known| known.version != version) {
                served.insert(service.name().to_owned(), Arc::new(described(&service)?));
            }
        }
        Ok(())
    }
}

fn described(service: &Service) -> Result<Served, Diagnostic> {
    let optional = service.inputs().iter().filter(|input| !input.required());
    let optional: Vec<&str> = optional.map(|input| input.name.as_str()).collect();
    Served::new(
        service.name(),
        service.model_name(),
        service.model_version().to_string(),
        Arc::clone(service.input_schema()),
        &optional,
        service.output_schema(),
    )
}

#[async_trait]
impl Backend for ProjectBackend {
    async fn overview(&self) -> Result<page::Overview, Diagnostic> {
        let services = view::service_rows(&self.workspace, &self.serving)?;
        view::overview(&self.workspace, services, &self.address).await
    }

    async fn graph(&self, focus: Option<&str>) -> Found<page::Graph> {
        view::graph(&self.workspace, focus)
    }

    async fn node(&self, id: &str, column: Option<&str>) -> Found<page::Node> {
        view::node(&self.workspace, id, column).await
    }

    async fn runs(&self) -> Result<page::Runs, Diagnostic> {
        view::runs(&self.workspace)
    }

    async fn run(&self, invocation: &str) -> Found<page::Run> {
        view::run(&self.workspace, invocation)
    }

    async fn tables(&self) -> Result<page::Tables, Diagnostic> {
        view::tables(&self.workspace).await
    }

    async fn table(&self, relation: &Relation, version: Option<i64>) -> Found<page::Table> {
        view::table(&self.workspace, relation, version).await
    }

    fn graph_values(&self) -> &Graph {
        self.workspace.graph()
    }

    fn services_of(&self, model: &str, version: u64) -> Vec<String> {
        let loaded = self.serving.loaded().into_iter();
        loaded
            .filter(|service| service.model_name() == model && service.model_version() == version)
            .map(|service| service.name().to_owned())
            .collect()
    }

    async fn services(&self) -> Result<page::Services, Diagnostic> {
        view::services(&self.workspace, &self.serving)
    }

    async fn service(&self, name: &str, tried: Option<page::Try>) -> Found<page::Service> {
        view::service(&self.workspace, &self.serving, name, &self.address, tried).await
    }

    async fn prediction(&self, id: &str) -> Found<page::Prediction> {
        view::prediction(&self.workspace, id).await
    }

    fn lookup(&self, service: &str) -> Lookup {
        let served = self.served.read().unwrap_or_else(|e| e.into_inner());
        match served.get(service) {
            Some(served) => Lookup::Ready(Arc::clone(served)),
            None if self.service_names().iter().any(|name| name == service) => Lookup::NotReady,
            None => Lookup::Unknown,
        }
    }

    fn service_names(&self) -> Vec<String> {
        let nodes = self.workspace.graph().nodes.values();
        let services = nodes.filter(|n| n.resource_type() == ResourceType::InferenceService);
        services.map(|node| node.name.clone()).collect()
    }

    async fn infer(&self, served: &Served, rows: RecordBatch) -> Result<Answered, Diagnostic> {
        let service = self.serving.get(&served.name).ok_or_else(|| {
            Diagnostic::internal(format!(
                "service '{}' is described but not loaded",
                served.name
            ))
        })?;
        Ok(Answered {
            version: service.model_version().to_string(),
            rows: self.serving.answer(&service, &rows)?,
        })
    }

    fn feature_view(&self, name: &str) -> Option<&FeatureView> {
        let node = self
            .workspace
            .graph()
            .find(ResourceType::FeatureView, name)?;
        match &node.spec {
            Spec::FeatureView(view) if view.online => Some(view),
            _ => None,
        }
    }

    fn online_rows(
        &self,
        name: &str,
        view: &FeatureView,
        entities: &RecordBatch,
    ) -> Result<Vec<online::Found>, Diagnostic> {
        let now = self.workspace.clock.now().timestamp_micros();
        let moments = vec![now; entities.num_rows()];
        online::look_up(&*self.workspace.online, name, view, entities, &moments)
    }

    fn stats(&self, service: &str) -> Stats {
        let counts = self.serving.traffic().of(service);
        Stats {
            predictions: counts.predictions,
            answered: counts.answered,
            refused: counts.refused,
            seconds: counts.seconds,
        }
    }
}
