//! The semantic layer: what models' columns mean, and the metrics over them. It is read and
//! checked for tools that ask for it; nothing here answers a metric.

use serde::{Deserialize, Serialize};

use crate::name::NodeId;

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SemanticModel {
    pub model: NodeId,
    pub entities: Vec<String>,
    pub dimensions: Vec<String>,
    pub measures: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metric {
    /// `simple`, `ratio`, `cumulative`, `derived` or `conversion`.
    #[serde(rename = "type")]
    pub kind: String,
    pub label: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedQuery {
    pub metrics: Vec<String>,
    pub group_by: Vec<String>,
}
