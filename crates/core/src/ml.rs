//! The model half of the graph: the values of `ml/**/*.yml`.

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};

use crate::duration::Span;
use crate::name::NodeId;

/// What a feature describes, as in Feast.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entity {
    pub name: String,
    pub join_keys: Vec<String>,
}

/// Features of an entity over time, computed from one model.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureView {
    /// The model (or source, seed, snapshot) that its rows come from.
    pub source: NodeId,
    /// No entities: one value for everything, joined on time only.
    pub entities: Vec<Entity>,
    /// Column of the source: when the row could be known, not when the event began.
    pub timestamp: String,
    /// Column of the source: when the row was written. Breaks ties of `timestamp`: the latest wins.
    pub created_timestamp: Option<String>,
    /// A value older than this is missing, in training and online. None: never too old.
    pub ttl: Option<Span>,
    pub online: bool,
    pub features: Vec<Feature>,
}

impl FeatureView {
    /// Columns that identify an entity, in the order of the entities.
    pub fn join_keys(&self) -> Vec<String> {
        self.entities
            .iter()
            .flat_map(|entity| entity.join_keys.iter().cloned())
            .collect()
    }
}

/// One feature: a SQL expression over the rows of the view's source.
///
/// With a window it is an aggregate over the rows of the entity whose timestamp lies in
/// `[row's timestamp - window, row's timestamp]`, both ends included, as ttl counts; without one it is
/// the row's own value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Feature {
    pub name: String,
    pub expr: String,
    pub window: Option<Span>,
    pub description: String,
}

/// A feature of a view by name: `view:feature`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FeatureRef {
    pub view: String,
    pub feature: String,
}

impl FeatureRef {
    /// The column that carries it in a training set and in a prediction log: `view__feature`.
    pub fn column(&self) -> String {
        format!("{}__{}", self.view, self.feature)
    }
}

/// A feature of the request itself: a SQL expression over the spine's columns in training and over
/// the request's fields in serving. The same compiled expression computes both.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestFeature {
    pub name: String,
    pub expr: String,
}

/// A named set of features.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeatureService {
    pub features: Vec<FeatureRef>,
}

/// How a registered model is trained and judged.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingJob {
    /// Registered model that a passing run becomes a version of.
    pub model: String,
    /// Rows to learn from: entity keys, event time, request fields, label.
    pub spine: NodeId,
    /// Column of the spine: the moment at which the prediction is asked.
    pub event_timestamp: String,
    /// Column of the spine: the truth, boolean or 0/1.
    pub label: String,
    /// SQL condition on spine rows that can be learnt from.
    pub filter: Option<String>,
    pub features: Vec<FeatureRef>,
    pub request_features: Vec<RequestFeature>,
    pub split: Split,
    pub trainer: Trainer,
    pub metrics: Vec<String>,
    /// Such as `roc_auc >= 0.70` or `roc_auc >= champion - 0.005`; all must hold.
    pub gates: Vec<String>,
    /// Alias that a version which passes the gates receives.
    pub alias: String,
    pub seed: u64,
}

/// Which rows train and which judge.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// Column of the spine that the bounds speak of (defaults to the event timestamp).
    pub column: String,
    /// RFC 3339 instant: rows before it train, rows at or after it judge.
    pub at: String,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "algorithm", rename_all = "snake_case")]
pub enum Trainer {
    GradientBoosting(GradientBoosting),
}

/// Parameters of the built-in gradient boosting trainer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GradientBoosting {
    pub rounds: usize,
    pub learning_rate: f64,
    pub max_leaves: usize,
    pub min_rows_in_leaf: usize,
    /// L2 regularisation of leaf values.
    pub l2: f64,
    /// Histogram bins of a feature, at most 255 (one more stands for missing).
    pub max_bins: usize,
    /// Share of the features that each tree may use, in (0, 1].
    pub feature_fraction: f64,
}

impl Default for GradientBoosting {
    fn default() -> Self {
        Self {
            rounds: 150,
            learning_rate: 0.1,
            max_leaves: 31,
            min_rows_in_leaf: 20,
            l2: 0.0,
            max_bins: 255,
            feature_fraction: 1.0,
        }
    }
}

/// A served registered model.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InferenceService {
    pub model: String,
    pub version: ModelSelector,
    /// The training job whose spine, features and request features it computes online.
    pub training_job: NodeId,
    /// Probability at or above which the answer is "yes".
    pub threshold: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelSelector {
    Alias(String),
    Version(u64),
}

/// A rule over an inference service.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Monitor {
    pub service: NodeId,
    pub rows: MonitorRows,
    /// Such as `psi < 0.2`, held against every input and the score.
    pub drift: Option<String>,
    /// Fewer rows are not judged: chance alone would look like drift.
    pub min_rows: u64,
    /// Such as `p99 < 20ms`, held against the logged answers.
    pub delay: Option<String>,
    /// A broken rule warns or fails.
    pub severity: crate::diagnostic::Severity,
    /// Rules of single columns instead of the common one, such as `month: psi < 10`.
    pub columns: IndexMap<String, String>,
}

/// Which rows the monitor holds against the reference profile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MonitorRows {
    /// The answers logged so far.
    Logged,
    /// Rows of the training job's spine with `from <= event time < to`, scored by the served version.
    Replay { from: String, to: String },
}
