//! Training sets: each row of a job's spine with what was known at its moment, as a Delta table.
//!
//! Columns: those of the spine; the request features by name, computed by the same compiled
//! expressions that serve requests; `view__feature` for each feature that the job reads; and
//! `view__event_timestamp`, the time of the view's row that it was read from. The rows are those of
//! the spine that pass the job's filter, no more and no fewer, in the order of the event timestamp
//! and then of all other columns.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use forebay_core::ml::{FeatureView, TrainingJob};
use forebay_core::name::quote;
use forebay_core::{Diagnostic, Graph, Node, Relation, ResourceType, Spec, digest};
use forebay_lake::expr::CompiledExprs;
use forebay_lake::pit::{AsOfView, JoinKey};
use forebay_lake::{Input, Lake, Rows, WriteMode, WriteOptions};
use futures::StreamExt;

use crate::feature_view::EVENT_TIMESTAMP;

mod inputs;
mod read;
#[cfg(test)]
mod tests;

pub use read::{split, trial_hash};

/// The schema of all training sets' tables.
const SCHEMA: &str = "training_sets";
const FINGERPRINT: &str = "forebay.fingerprint";

/// A training set as it was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrainingSet {
    pub relation: Relation,
    /// The table's version that holds it.
    pub version: i64,
    pub rows: u64,
    /// The spine, the feature views' tables, and where one of them is a view what it reads; each
    /// with the version that was read.
    pub inputs: BTreeMap<Relation, i64>,
    /// Hash of the rows; not of any version.
    pub content: String,
    /// Of the rows and of everything in the job that training depends on.
    pub hash: String,
}

/// `code` is what a script's training depends on beside the job: the content of its files.
///
/// Writes the job's training set in one commit, from one version of each table. Where the job and
/// those versions are those of the set that is there, it is kept as it is.
///
/// # Errors
/// What the job names and is not there; a spine without a join key or the event timestamp; columns
/// that would have one name; an expression or a filter that does not compile or fails on a row.
pub async fn build(
    lake: &Lake,
    graph: &Graph,
    node: &Node,
    job: &TrainingJob,
    code: &str,
) -> Result<TrainingSet, Diagnostic> {
    let plan = Plan::new(graph, node, job)?;
    let inputs = inputs::pin(lake, graph, &plan.tables()).await?;
    let relation = Relation::new(SCHEMA, &node.name);
    let fingerprint = plan.fingerprint(&inputs);
    if !is_current(lake, &relation, &fingerprint).await? {
        let rows = plan
            .rows(lake, &inputs)
            .await
            .map_err(|problem| at(node, problem))?;
        let mut options = WriteOptions::new(WriteMode::Overwrite);
        options.metadata.insert(FINGERPRINT.to_owned(), fingerprint);
        lake.write(&relation, Input::Stream(rows), options).await?;
    }
    let info = lake.info(&relation).await?.ok_or_else(|| {
        Diagnostic::internal(format!("{relation} is gone just after it was written"))
    })?;
    let (rows, content) = read::hash(lake, &relation, info.version, job).await?;
    Ok(TrainingSet {
        relation,
        version: info.version,
        rows,
        inputs: inputs.versions(),
        hash: read::training_hash(&content, job, code),
        content,
    })
}

async fn is_current(
    lake: &Lake,
    relation: &Relation,
    fingerprint: &str,
) -> Result<bool, Diagnostic> {
    if lake.info(relation).await?.is_none() {
        return Ok(false);
    }
    let last = lake.history(relation, 1).await?;
    let known = last
        .first()
        .and_then(|commit| commit.metadata.get(FINGERPRINT));
    Ok(known.is_some_and(|known| known == fingerprint))
}

fn at(node: &Node, mut problem: Diagnostic) -> Diagnostic {
    if problem.location.is_none() {
        problem.message = format!("training job '{}': {}", node.name, problem.message);
        problem.location = Some(node.location.clone());
    }
    problem
}

/// A job with the nodes that it names.
struct Plan<'a> {
    job: &'a TrainingJob,
    spine: &'a Node,
    views: Vec<PlannedView<'a>>,
}

struct PlannedView<'a> {
    node: &'a Node,
    view: &'a FeatureView,
    /// Column of the view's table, and of the training set.
    columns: Vec<(String, String)>,
}

impl<'a> Plan<'a> {
    fn new(graph: &'a Graph, node: &Node, job: &'a TrainingJob) -> Result<Self, Diagnostic> {
        let missing = |what: String| {
            Diagnostic::error(format!(
                "training job '{}' names {what}, which is not there",
                node.name
            ))
            .at(node.location.clone())
        };
        let spine = graph
            .get(&job.spine)
            .ok_or_else(|| missing(format!("'{}'", job.spine)))?;
        let mut views: Vec<PlannedView<'a>> = Vec::new();
        for feature in &job.features {
            let column = (feature.feature.clone(), feature.column());
            if let Some(known) = views
                .iter_mut()
                .find(|known| known.node.name == feature.view)
            {
                known.columns.push(column);
                continue;
            }
            let found = graph.find(ResourceType::FeatureView, &feature.view);
            let Some((found, Spec::FeatureView(view))) = found.map(|f| (f, &f.spec)) else {
                return Err(missing(format!("feature view '{}'", feature.view)));
            };
            views.push(PlannedView {
                node: found,
                view,
                columns: vec![column],
            });
        }
        Ok(Self { job, spine, views })
    }

    /// The nodes whose tables are read.
    fn tables(&self) -> Vec<&'a Node> {
        let views = self.views.iter().map(|view| view.node);
        [self.spine].into_iter().chain(views).collect()
    }

    /// Changes when the rows could.
    fn fingerprint(&self, inputs: &inputs::Inputs) -> String {
        let ttls: Vec<_> = self
            .views
            .iter()
            .map(|view| (&view.node.name, view.view.ttl))
            .collect();
        let keys: Vec<_> = self
            .views
            .iter()
            .map(|view| view.view.join_keys())
            .collect();
        let job = self.job;
        let definition = serde_json::json!([
            job.spine,
            job.filter,
            job.event_timestamp,
            job.features,
            job.request_features,
            ttls,
            keys
        ]);
        digest::hex(format!("{definition}\n{}", inputs.fingerprint()).as_bytes())
    }

    async fn rows(&self, lake: &Lake, inputs: &inputs::Inputs) -> Result<Rows, Diagnostic> {
        let relation = inputs::relation(self.spine)?;
        let condition = match &self.job.filter {
            Some(filter) => format!(" WHERE ({filter}\n)"),
            None => String::new(),
        };
        let spine = format!("SELECT * FROM {}{condition}", relation.sql());
        let schema = lake.schema_of(&spine).await?;
        let exprs = self.request_features(lake, &schema)?;
        let spine = format!(
            "{spine} {}",
            read::order(&schema, &self.job.event_timestamp)
        );
        let views = self
            .views
            .iter()
            .map(PlannedView::as_of)
            .collect::<Result<_, _>>()?;
        let time = &self.job.event_timestamp;
        let joined = lake
            .point_in_time_join_at(Input::Sql(spine), time, views, &inputs.pins())
            .await?;
        with_request_features(joined, schema.fields().len(), exprs)
    }

    /// A request feature that only repeats a spine column is there already.
    fn request_features(
        &self,
        lake: &Lake,
        spine: &SchemaRef,
    ) -> Result<CompiledExprs, Diagnostic> {
        let mut exprs = Vec::new();
        for feature in &self.job.request_features {
            let repeats = [feature.name.clone(), quote(&feature.name)].contains(&feature.expr);
            if spine.index_of(&feature.name).is_err() {
                exprs.push((feature.name.clone(), feature.expr.clone()));
            } else if !repeats {
                return Err(Diagnostic::error(format!(
                    "request feature '{}' has the name of another column of the spine",
                    feature.name
                ))
                .hint("give it a name of its own"));
            }
        }
        lake.compile_exprs(spine, &exprs)
    }
}

impl PlannedView<'_> {
    fn as_of(&self) -> Result<AsOfView, Diagnostic> {
        let relation = inputs::relation(self.node)?;
        Ok(AsOfView {
            name: self.node.name.clone(),
            source: Input::Sql(format!("SELECT * FROM {}", relation.sql())),
            join_keys: self
                .view
                .join_keys()
                .into_iter()
                .map(JoinKey::same)
                .collect(),
            timestamp: EVENT_TIMESTAMP.to_owned(),
            // The table has one row for each entity and time, so there is no tie to break.
            created: None,
            ttl: self.view.ttl,
            filter_by_created: false,
            columns: self.columns.clone(),
            event_time_as: Some(format!("{}__{EVENT_TIMESTAMP}", self.node.name)),
        })
    }
}

/// Puts the request features between the first columns, which they are computed from, and the rest.
fn with_request_features(
    joined: Rows,
    spine_columns: usize,
    exprs: CompiledExprs,
) -> Result<Rows, Diagnostic> {
    let computed = exprs.schema();
    let fields = joined.schema.fields();
    let (spine, rest) = fields.split_at(spine_columns);
    let all = spine
        .iter()
        .chain(computed.fields())
        .chain(rest)
        .cloned()
        .collect::<Vec<_>>();
    if let Some(twice) = all
        .iter()
        .enumerate()
        .find(|(i, f)| all[..*i].iter().any(|g| g.name() == f.name()))
    {
        return Err(Diagnostic::error(format!(
            "two columns would be called '{}'",
            twice.1.name()
        )));
    }
    let schema: SchemaRef = Arc::new(Schema::new(all));
    let answer = schema.clone();
    let wrong = |e| Diagnostic::internal(format!("cannot assemble the training set: {e}"));
    let stream = joined.stream.map(move |batch| {
        let batch = batch?;
        let spine: Vec<usize> = (0..spine_columns).collect();
        let computed = exprs.evaluate(&batch.project(&spine).map_err(wrong)?)?;
        let (first, rest) = batch.columns().split_at(spine_columns);
        let columns = first
            .iter()
            .chain(computed.columns())
            .chain(rest)
            .cloned()
            .collect();
        RecordBatch::try_new(answer.clone(), columns).map_err(wrong)
    });
    Ok(Rows {
        schema,
        stream: stream.boxed(),
    })
}
