//! Exposures: what uses the project's tables from outside, and who answers for it.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exposure {
    /// `dashboard`, `notebook`, `analysis`, `ml` or `application`.
    #[serde(rename = "type")]
    pub kind: String,
    pub owner: Owner,
    pub label: Option<String>,
    pub url: Option<String>,
    /// `low`, `medium` or `high`.
    pub maturity: Option<String>,
}

/// Has a name or an address, or both.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    pub name: Option<String>,
    pub email: Option<String>,
    /// What else is said of it, such as `slack`.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}
