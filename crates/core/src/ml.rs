//! The model half of the graph: the values of `ml/**/*.yml`.

use std::fmt;

use indexmap::IndexMap;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::duration::Span;
use crate::name::NodeId;

mod tuning;

pub use tuning::{Parameters, Range, Search, Tuning, number};

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
    /// Column of the spine: the truth. Empty where the trainer needs none (clusters).
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
    #[serde(default)]
    pub judging: Judging,
    #[serde(default)]
    pub tuning: Option<Tuning>,
    /// Alias that a version which passes the gates receives.
    pub alias: String,
    pub seed: u64,
}

/// Which rows train and which judge.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Split {
    /// By an instant: rows before it train, rows at or after it judge; rows without one do neither.
    Time {
        /// Column of the spine that the bound speaks of (defaults to the event timestamp).
        column: String,
        /// RFC 3339.
        at: String,
    },
    /// Rows of one group stay together; this share of the groups judges.
    Group { group: String, test: f64 },
    /// This share of the rows judges, whichever they are.
    Random { test: f64 },
}

impl fmt::Display for Split {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Split::Time { column, at } => write!(f, "{column} at {at}"),
            Split::Group { group, test } => write!(f, "{test} of the groups by {group}"),
            Split::Random { test } => write!(f, "{test} of the rows"),
        }
    }
}

/// How a model is judged beyond its metrics.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Judging {
    /// Columns of the training set by whose values the metrics are repeated.
    pub slices: Vec<String>,
    /// What a wrong answer costs.
    pub costs: Option<Costs>,
    /// Score at or above which a binary model says yes.
    pub threshold: f64,
    /// Resamples behind a confidence interval; 0: none.
    pub resamples: usize,
    /// Folds of the training rows for cross-validation; 0: none.
    pub folds: usize,
}

impl Default for Judging {
    fn default() -> Self {
        Self {
            slices: Vec::new(),
            costs: None,
            threshold: 0.5,
            resamples: 200,
            folds: 0,
        }
    }
}

/// In any one unit.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Costs {
    pub false_positive: f64,
    pub false_negative: f64,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "algorithm", rename_all = "snake_case")]
pub enum Trainer {
    GradientBoosting(GradientBoosting),
    LogisticRegression(Regression),
    LinearRegression(Regression),
    KMeans(KMeans),
    Script(Script),
}

/// Names of the trainers as projects write them.
pub const ALGORITHMS: [&str; 4] = [
    "gradient_boosting",
    "logistic_regression",
    "linear_regression",
    "k_means",
];

/// What a model predicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// The probability that the label is true.
    Binary,
    /// The probability of each class.
    Multiclass,
    /// A number.
    Regression,
    /// The number of a cluster.
    Clusters,
}

impl Task {
    /// The metric that trials and importances go by where none is named.
    pub fn main_metric(self) -> &'static str {
        match self {
            Task::Binary | Task::Multiclass => "log_loss",
            Task::Regression => "rmse",
            Task::Clusters => "mean_squared_distance",
        }
    }
}

/// How much the rows of a class count: `equal`, `balanced` or a number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "Value", into = "Value")]
pub enum ClassWeights {
    #[default]
    Equal,
    /// Each class counts the same in sum.
    Balanced,
    /// A true row counts as much as this many false ones.
    True(f64),
}

impl From<ClassWeights> for Value {
    fn from(weights: ClassWeights) -> Self {
        match weights {
            ClassWeights::Equal => "equal".into(),
            ClassWeights::Balanced => "balanced".into(),
            ClassWeights::True(weight) => weight.into(),
        }
    }
}

impl TryFrom<Value> for ClassWeights {
    type Error = String;

    fn try_from(value: Value) -> Result<Self, String> {
        // Records of older runs have `{"true": 4.0}`.
        let number = value.as_f64().or_else(|| value.get("true")?.as_f64());
        match (value.as_str(), number) {
            (Some("equal"), _) => Ok(ClassWeights::Equal),
            (Some("balanced"), _) => Ok(ClassWeights::Balanced),
            (_, Some(weight)) if weight > 0.0 => Ok(ClassWeights::True(weight)),
            _ => Err("must be 'equal', 'balanced' or how much a true row counts".to_owned()),
        }
    }
}

/// Parameters of the built-in gradient boosting trainer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GradientBoosting {
    /// None: by the label. Boolean, or 0 and 1: binary; text: multiclass; other numbers: regression.
    pub task: Option<Task>,
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
    /// Stop after this many rounds without a better loss on held-out training rows; 0: never.
    pub early_stopping: usize,
    /// Share of the training rows that is held out to stop by.
    pub validation: f64,
    #[serde(rename = "class_weight", alias = "class_weights")]
    pub class_weights: ClassWeights,
}

impl Default for GradientBoosting {
    fn default() -> Self {
        Self {
            task: None,
            rounds: 150,
            learning_rate: 0.1,
            max_leaves: 31,
            min_rows_in_leaf: 20,
            l2: 0.0,
            max_bins: 255,
            feature_fraction: 1.0,
            early_stopping: 0,
            validation: 0.1,
            class_weights: ClassWeights::Equal,
        }
    }
}

/// Parameters of logistic and linear regression, on standardised inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Regression {
    /// Weight of half the squared coefficients (not of the intercept) against the summed losses;
    /// scikit-learn's `1 / C` and `alpha`.
    pub l2: f64,
    pub max_iterations: usize,
    /// Of logistic regression.
    #[serde(rename = "class_weight", alias = "class_weights")]
    pub class_weights: ClassWeights,
}

impl Default for Regression {
    fn default() -> Self {
        Self {
            l2: 1.0,
            max_iterations: 500,
            class_weights: ClassWeights::Equal,
        }
    }
}

/// Parameters of k-means, on standardised inputs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KMeans {
    pub clusters: usize,
    /// Starts from other seeds, of which the best is kept.
    pub starts: usize,
    pub max_iterations: usize,
}

impl Default for KMeans {
    fn default() -> Self {
        Self {
            clusters: 8,
            starts: 4,
            max_iterations: 300,
        }
    }
}

/// A team's own program.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Script {
    /// Python file, relative to the project folder.
    pub script: String,
    /// Requirements file that its environment is made from; None: the `python3` of the path.
    pub requirements: Option<String>,
    /// It is ended when it takes longer.
    pub timeout: Option<Span>,
    /// Bytes of memory that it and its children may hold together.
    pub memory: Option<u64>,
    /// None: by the label, as for gradient boosting.
    pub task: Option<Task>,
    /// Handed to it as they are.
    pub params: Parameters,
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
