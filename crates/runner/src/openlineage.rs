//! OpenLineage events of a run, to a file or a server.
//!
//! Facets of our own are named `forebay_*`; their JSON schemas are in `docs/openlineage/`.
//! A lineage server that does not answer never fails a run: the first failure is kept for a warning.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use forebay_core::graph::Spec;
use forebay_core::{Graph, Node, NodeId, Relation, digest};
use forebay_store::RunStatus;
use serde_json::{Value, json};

use crate::event::StepResult;
use crate::lineage::{self, sql_type};
use crate::plan::{Action, Step};
use crate::workspace::Workspace;

const SCHEMA_URL: &str = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent";
/// The URI of what makes events and facets.
pub const PRODUCER: &str = concat!("urn:forebay:", env!("CARGO_PKG_VERSION"));

/// Where events go, and what they need to know.
pub struct Emitter {
    workspace: Workspace,
    namespace: String,
    invocation: String,
    file: Option<EventFile>,
    url: Option<String>,
    trouble: Mutex<Option<String>>,
    /// What is known of the tables that tests read. Only until a step that is no test: it may have
    /// written any of them.
    tested: Mutex<HashMap<Relation, Value>>,
}

impl Emitter {
    pub fn new(workspace: &Workspace, invocation: &str) -> Self {
        let settings = &workspace.settings().openlineage;
        Self {
            workspace: workspace.clone(),
            namespace: settings.namespace.clone(),
            invocation: invocation.to_owned(),
            file: settings.file.clone().map(EventFile::new),
            url: settings.url.clone(),
            trouble: Mutex::new(None),
            tested: Mutex::default(),
        }
    }

    pub async fn step_started(&self, step: &Step, attempt: u32) {
        if attempt == 1 {
            let event = self.event(step, "START", json!({}), Vec::new(), Vec::new());
            self.send(event).await;
        }
    }

    pub async fn step_finished(&self, step: &Step, result: &StepResult) {
        let kind = match result.status {
            status if status.lets_children_run() => "COMPLETE",
            // A test that found failing rows ran to its end.
            RunStatus::Fail => "COMPLETE",
            RunStatus::Interrupted => "ABORT",
            _ => "FAIL",
        };
        let Some(node) = self.workspace.graph().get(&step.node) else {
            return;
        };
        if !matches!(node.spec, Spec::Test(_))
            && let Ok(mut tested) = self.tested.lock()
        {
            tested.clear();
        }
        let inputs = self.inputs(node, step, result).await;
        let outputs = self.outputs(node, step, result).await;
        let event = self.event(step, kind, run_facets(kind, result), inputs, outputs);
        self.send(event).await;
    }

    /// The first trouble with the file or the server, if there was any.
    pub async fn flush(&self) -> Option<String> {
        self.trouble
            .lock()
            .ok()
            .and_then(|mut trouble| trouble.take())
    }

    fn event(
        &self,
        step: &Step,
        kind: &str,
        mut facets: Value,
        inputs: Vec<Value>,
        outputs: Vec<Value>,
    ) -> Value {
        facets["parent"] = with_schema(
            json!({
                "run": {"runId": self.invocation},
                "job": {"namespace": self.namespace, "name": "forebay"},
            }),
            "1-2-0/ParentRunFacet.json#/$defs/ParentRunFacet",
        );
        facets["processing_engine"] = with_schema(
            json!({"name": "forebay", "version": env!("CARGO_PKG_VERSION")}),
            "1-1-1/ProcessingEngineRunFacet.json#/$defs/ProcessingEngineRunFacet",
        );
        json!({
            "eventType": kind,
            "eventTime": self.workspace.clock.now().to_rfc3339(),
            "run": {"runId": run_id(&self.invocation, &step.node), "facets": facets},
            "job": {
                "namespace": self.namespace,
                "name": step.node,
                "facets": job_facets(step),
            },
            "inputs": inputs,
            "outputs": outputs,
            "producer": PRODUCER,
            "schemaURL": SCHEMA_URL,
        })
    }

    async fn inputs(&self, node: &Node, step: &Step, result: &StepResult) -> Vec<Value> {
        if let (Spec::Source(_), Action::Load { load }) = (&node.spec, &step.action) {
            let root = &self.workspace.project.root;
            let named = |path: &str| json!({"namespace": "file", "name": root.join(path)});
            return load.to_read().map(|file| named(&file.path)).collect();
        }
        let mut inputs = Vec::new();
        for parent in parents_with_tables(self.workspace.graph(), node) {
            let dataset = match &node.spec {
                Spec::Test(test) => {
                    let mut dataset = self.tested(parent).await;
                    dataset["inputFacets"] = assertions(node, test, result);
                    dataset
                }
                _ => self.dataset(parent).await,
            };
            inputs.push(dataset);
        }
        inputs
    }

    async fn outputs(&self, node: &Node, step: &Step, result: &StepResult) -> Vec<Value> {
        if let Some(model) = model_dataset(&self.namespace, node, result) {
            return vec![model];
        }
        let Some(relation) = &node.relation else {
            return Vec::new();
        };
        if !result.status.lets_children_run() {
            return Vec::new();
        }
        let mut dataset = self.dataset(relation).await;
        if let Some(rows) = result.details["rows"].as_u64() {
            dataset["outputFacets"]["outputStatistics"] = with_schema(
                json!({"rowCount": rows}),
                "1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet",
            );
        }
        if let Some(facet) = self.column_lineage(node, step).await {
            dataset["facets"]["columnLineage"] = facet;
        }
        if let Spec::FeatureView(view) = &node.spec {
            dataset["facets"]["forebay_featureView"] =
                own(json!({"definition": view}), "FeatureViewDatasetFacet");
        }
        vec![dataset]
    }

    async fn column_lineage(&self, node: &Node, step: &Step) -> Option<Value> {
        let sql = match &step.action {
            Action::Test { .. } => return None,
            Action::ComputeFeatures { source, .. } => match &node.spec {
                Spec::FeatureView(view) => {
                    forebay_ml::feature_view::sql(node, view, source).ok()?
                }
                _ => return None,
            },
            action => action.sql()?.to_owned(),
        };
        let graph = self.workspace.graph();
        let mut schemas = forebay_lake::lineage::Schemas(Default::default());
        for relation in parents_with_tables(graph, node)
            .into_iter()
            .chain(node.relation.as_ref())
        {
            let info = self.workspace.lake.info(relation).await.ok().flatten()?;
            let columns = info.schema.fields().iter();
            let columns = columns.map(|f| (f.name().clone(), sql_type(f.data_type())));
            schemas.0.insert(relation.to_string(), columns.collect());
        }
        let sql = forebay_lake::local(&sql, self.workspace.project.database());
        let found = forebay_lake::lineage::column_lineage(&sql, &schemas)
            .await
            .ok()?;
        Some(lineage::facet(graph, &self.namespace, &found))
    }

    /// A dataset that tests read. A view is planned to know its columns, and many tests may read it.
    async fn tested(&self, relation: &Relation) -> Value {
        let known = self.tested.lock().ok();
        if let Some(known) = known.and_then(|known| known.get(relation).cloned()) {
            return known;
        }
        let dataset = self.dataset(relation).await;
        if let Ok(mut known) = self.tested.lock() {
            known.insert(relation.clone(), dataset.clone());
        }
        dataset
    }

    async fn dataset(&self, relation: &Relation) -> Value {
        let mut dataset = json!({
            "namespace": self.namespace,
            "name": relation.to_string(),
            "facets": {},
        });
        if let Ok(Some(info)) = self.workspace.lake.info(relation).await {
            let field = |field: &std::sync::Arc<arrow::datatypes::Field>| json!({"name": field.name(), "type": sql_type(field.data_type())});
            let fields: Vec<Value> = info.schema.fields().iter().map(field).collect();
            dataset["facets"]["schema"] = with_schema(
                json!({"fields": fields}),
                "1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet",
            );
            dataset["facets"]["version"] = with_schema(
                json!({"datasetVersion": info.version.to_string()}),
                "1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet",
            );
        }
        dataset
    }

    async fn send(&self, event: Value) {
        let kept = self
            .file
            .as_ref()
            .map_or(Ok(()), |file| file.append(&event));
        let posted = match self.url.clone() {
            Some(url) => {
                let posted = tokio::task::spawn_blocking(move || post(&url, &event)).await;
                posted.unwrap_or_else(|error| Err(error.to_string()))
            }
            None => Ok(()),
        };
        if let (Err(trouble), Ok(mut first)) = (kept.and(posted), self.trouble.lock()) {
            first.get_or_insert(trouble);
        }
    }
}

/// A file of events, one a line; the first opens it.
struct EventFile {
    path: PathBuf,
    open: Mutex<Option<File>>,
}

impl EventFile {
    fn new(path: PathBuf) -> Self {
        Self {
            path,
            open: Mutex::new(None),
        }
    }

    fn append(&self, event: &Value) -> Result<(), String> {
        let write = || -> std::io::Result<()> {
            let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
            let file = match &mut *open {
                Some(file) => file,
                none => {
                    if let Some(folder) = self.path.parent() {
                        std::fs::create_dir_all(folder)?;
                    }
                    let file = File::options().create(true).append(true).open(&self.path)?;
                    none.insert(file)
                }
            };
            // One write a line: another process may append to the same file.
            file.write_all(format!("{event}\n").as_bytes())
        };
        write().map_err(|error| format!("cannot write lineage to {}: {error}", self.path.display()))
    }
}

/// A UUID that is the same for every event of the step, made from the names: no randomness.
fn run_id(invocation: &str, node: &NodeId) -> String {
    let hex = digest::hex(format!("{invocation}/{node}").as_bytes());
    // Version 8: custom, by RFC 9562.
    format!(
        "{}-{}-8{}-a{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[13..16],
        &hex[17..20],
        &hex[20..32]
    )
}

fn with_schema(mut facet: Value, schema: &str) -> Value {
    facet["_producer"] = PRODUCER.into();
    facet["_schemaURL"] = format!("https://openlineage.io/spec/facets/{schema}").into();
    facet
}

/// A facet of our own.
fn own(mut facet: Value, schema: &str) -> Value {
    facet["_producer"] = PRODUCER.into();
    facet["_schemaURL"] = format!("urn:forebay:openlineage:1-0-0:{schema}").into();
    facet
}

fn run_facets(kind: &str, result: &StepResult) -> Value {
    let mut facets = json!({});
    if kind == "FAIL" {
        facets["errorMessage"] = with_schema(
            json!({"message": result.message, "programmingLanguage": "SQL"}),
            "1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet",
        );
    }
    if let Some(run) = result.details["run_id"].as_str() {
        let training = json!({
            "runId": run,
            "trainingHash": result.details["training_hash"],
            "metrics": result.details["metrics"],
        });
        facets["forebay_training"] = own(training, "TrainingRunFacet");
    }
    facets
}

fn job_facets(step: &Step) -> Value {
    let job_type = json!({
        "processingType": "BATCH",
        "integration": "FOREBAY",
        "jobType": step.resource_type.as_str().to_uppercase(),
    });
    let mut facets = json!({
        "jobType": with_schema(job_type, "2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet"),
    });
    if let Some(sql) = step.action.sql() {
        facets["sql"] = with_schema(
            json!({"query": sql, "dialect": "forebay"}),
            "1-1-0/SQLJobFacet.json#/$defs/SQLJobFacet",
        );
    }
    facets
}

fn assertions(node: &Node, test: &forebay_core::graph::Test, result: &StepResult) -> Value {
    let mut assertion = json!({
        "assertion": test.generic.as_deref().unwrap_or(&node.name),
        "success": result.status == RunStatus::Success,
        "name": node.name,
        "severity": test.severity,
    });
    if let Some(column) = &test.column {
        assertion["column"] = column.as_str().into();
    }
    json!({"dataQualityAssertions": with_schema(
        json!({"assertions": [assertion]}),
        "1-1-0/DataQualityAssertionsDatasetFacet.json#/$defs/DataQualityAssertionsDatasetFacet",
    )})
}

/// A registered model's version as a dataset: the chain goes on through it.
fn model_dataset(namespace: &str, node: &Node, result: &StepResult) -> Option<Value> {
    let version = result.details["version"].as_u64()?;
    if !matches!(node.spec, Spec::RegisteredModel | Spec::InferenceService(_)) {
        return None;
    }
    let model = result.details["model"].as_str()?;
    let facet = json!({
        "model": model,
        "version": version,
        "runId": result.details["run_id"],
        "alias": result.details["alias"],
    });
    Some(json!({
        "namespace": namespace,
        "name": format!("model/{model}"),
        "facets": {"forebay_modelVersion": own(facet, "ModelVersionDatasetFacet")},
    }))
}

/// Tables that the node reads; an ephemeral parent stands for its own parents.
fn parents_with_tables<'a>(graph: &'a Graph, node: &'a Node) -> Vec<&'a Relation> {
    let mut relations = Vec::new();
    for parent in node.depends_on.iter().filter_map(|id| graph.get(id)) {
        match &parent.relation {
            Some(relation) => relations.push(relation),
            None => relations.extend(parents_with_tables(graph, parent)),
        }
    }
    relations
}

/// One line an event, in one write: lines of two steps never mix.
fn post(url: &str, event: &Value) -> Result<(), String> {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_secs(5)))
        .build()
        .into();
    agent
        .post(url)
        .header("content-type", "application/json")
        .send(event.to_string())
        .map(drop)
        .map_err(|error| format!("the lineage server {url} did not take the event: {error}"))
}
