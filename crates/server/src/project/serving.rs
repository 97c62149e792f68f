//! The inference services of a project, loaded and answering; their log and their traffic.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock};
use std::time::Instant;

use arrow::array::RecordBatch;
use forebay_core::{Diagnostic, NodeId, Spec};
use forebay_ml::serving::{PredictionLog, Service};
use forebay_runner::{Workspace, serving};

use super::traffic::Traffic;

/// Shared by all requests. Answering takes no lock that another request holds for long.
pub struct Serving {
    workspace: Workspace,
    services: RwLock<BTreeMap<String, Arc<Service>>>,
    log: PredictionLog,
    traffic: Traffic,
}

impl Serving {
    /// Loads every service that can be loaded; the others are loaded once they can be.
    pub fn open(workspace: Workspace) -> Self {
        let folder = workspace.settings().prediction_log();
        let serving = Self {
            log: PredictionLog::new(workspace.lake.clone(), folder),
            workspace,
            services: RwLock::new(BTreeMap::new()),
            traffic: Traffic::default(),
        };
        serving.refresh();
        serving
    }

    /// Follows aliases: a service whose version changed is loaded anew. Returns what went wrong.
    pub fn refresh(&self) -> Vec<(NodeId, Diagnostic)> {
        let mut problems = Vec::new();
        for node in self.workspace.graph().nodes.values() {
            let Spec::InferenceService(spec) = &node.spec else {
                continue;
            };
            let wanted = match serving::version(&self.workspace, spec) {
                Ok(Some(version)) => version,
                Ok(None) => continue,
                Err(problem) => {
                    problems.push((node.id.clone(), problem));
                    continue;
                }
            };
            let is_loaded = |service: Arc<Service>| {
                service.model_version() == wanted.version && service.run_id() == wanted.run_id
            };
            if self.get(&node.name).is_some_and(is_loaded) {
                continue;
            }
            match serving::load_version(&self.workspace, node, &wanted) {
                Ok(service) => self.put(service),
                Err(problem) => problems.push((node.id.clone(), problem)),
            }
        }
        problems
    }

    fn put(&self, service: Service) {
        let mut services = self.services.write().unwrap_or_else(|e| e.into_inner());
        services.insert(service.name().to_owned(), Arc::new(service));
    }

    pub fn get(&self, name: &str) -> Option<Arc<Service>> {
        let services = self.services.read().unwrap_or_else(|e| e.into_inner());
        services.get(name).cloned()
    }

    /// Those that answer.
    pub fn loaded(&self) -> Vec<Arc<Service>> {
        let services = self.services.read().unwrap_or_else(|e| e.into_inner());
        services.values().cloned().collect()
    }

    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }

    /// Answers, once the answers are logged.
    pub fn answer(
        &self,
        service: &Service,
        request: &RecordBatch,
    ) -> Result<RecordBatch, Diagnostic> {
        let clock = Instant::now();
        let now = self.workspace.clock.now();
        let answered = service.predict(request, now).and_then(|answer| {
            self.log.append(service.name(), &answer.log)?;
            Ok(answer.rows)
        });
        let elapsed = clock.elapsed();
        let rows = answered.as_ref().ok().map(RecordBatch::num_rows);
        self.traffic
            .record(service.name(), now.timestamp_millis(), elapsed, rows);
        answered
    }

    /// Moves logged answers into the lake.
    pub async fn flush(&self) -> Result<u64, Diagnostic> {
        self.log.flush().await
    }
}
