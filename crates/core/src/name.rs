//! Names of nodes and of tables.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize, Serializer};

/// What the one database is called where no profile names it: `forebay.main.orders` is `main.orders`.
pub const DATABASE: &str = "forebay";

/// dbt's unique id: `model.flights.arrivals`, `test.flights.not_null_arrivals_carrier.1a2b3c4d5e`.
///
/// Node kinds that dbt does not know follow the same form: `feature_view.flights.carrier_delays`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(from = "String")]
pub struct NodeId(Arc<str>);

impl Serialize for NodeId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl From<String> for NodeId {
    fn from(id: String) -> Self {
        Self(Arc::from(id))
    }
}

impl From<NodeId> for String {
    fn from(id: NodeId) -> Self {
        id.as_str().to_owned()
    }
}

impl NodeId {
    pub fn new(id: impl AsRef<str>) -> Self {
        Self(Arc::from(id.as_ref()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NodeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", &self.0)
    }
}

/// A table or view of the warehouse: `schema.name`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Relation {
    pub schema: String,
    pub name: String,
}

impl Relation {
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            schema: schema.into(),
            name: name.into(),
        }
    }

    /// The relation's held rows: set aside with a reason, never read by a model.
    pub fn held(&self) -> Self {
        Self::new(&self.schema, format!("{}__held", self.name))
    }

    /// Reads `schema.name`, each part bare or double-quoted.
    pub fn parse(text: &str) -> Option<Self> {
        let (schema, name) = text.split_once('.')?;
        let bare = |part: &str| part.trim().trim_matches('"').to_owned();
        let (schema, name) = (bare(schema), bare(name));
        (!schema.is_empty() && !name.is_empty() && !name.contains('.'))
            .then(|| Self::new(schema, name))
    }

    /// As SQL text, both parts quoted.
    pub fn sql(&self) -> String {
        format!("{}.{}", quote(&self.schema), quote(&self.name))
    }

    /// As [`Relation::sql`], with the database's name before it: as dbt prints it.
    pub fn sql_in(&self, database: &str) -> String {
        format!("{}.{}", quote(database), self.sql())
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}

/// An identifier as SQL text: always double-quoted, so that any name is safe.
pub fn quote(identifier: &str) -> String {
    format!("\"{}\"", identifier.replace('"', "\"\""))
}
