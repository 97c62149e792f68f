//! What `ref`, `source` and `this` give: a relation that prints as quoted SQL.

use std::fmt;
use std::sync::Arc;

use forebay_core::Relation;
use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr, from_args};
use minijinja::{Error, ErrorKind, State, Value};

/// The one database there is, for macros that ask.
pub(crate) const DATABASE: &str = "forebay";

/// A relation inside a template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RelationValue {
    pub relation: Relation,
    /// An ephemeral model: the name of its common table expression.
    pub cte: Option<String>,
    /// Parts left out by `.include(...)`.
    schema: bool,
    identifier: bool,
}

impl RelationValue {
    pub fn new(relation: Relation) -> Self {
        Self {
            relation,
            cte: None,
            schema: true,
            identifier: true,
        }
    }

    pub fn cte(relation: Relation, name: String) -> Self {
        Self {
            cte: Some(name),
            ..Self::new(relation)
        }
    }

    fn sql(&self) -> String {
        use forebay_core::name::quote;
        match (&self.cte, self.schema, self.identifier) {
            (Some(cte), ..) => cte.clone(),
            (None, true, true) => self.relation.sql(),
            (None, true, false) => quote(&self.relation.schema),
            (None, false, _) => quote(&self.relation.name),
        }
    }
}

const KEYS: &[&str] = &[
    "database",
    "schema",
    "identifier",
    "name",
    "table",
    "is_cte",
];

impl Object for RelationValue {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        Some(match key {
            "database" => Value::from(DATABASE),
            "schema" => Value::from(&*self.relation.schema),
            "identifier" | "name" | "table" => Value::from(&*self.relation.name),
            "is_cte" => Value::from(self.cte.is_some()),
            _ => return None,
        })
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "render" => Ok(Value::from(self.sql())),
            "quote" | "include" => {
                let (kwargs,): (Kwargs,) = from_args(args)?;
                let part = |name| {
                    kwargs
                        .get::<Option<bool>>(name)
                        .map(|part| part.unwrap_or(true))
                };
                let (schema, identifier) = (part("schema")?, part("identifier")?);
                let mut relation = Self::clone(self);
                if method == "include" {
                    (relation.schema, relation.identifier) = (schema, identifier);
                }
                Ok(Value::from_object(relation))
            }
            _ => Err(Error::new(
                ErrorKind::UnknownMethod,
                format!(
                    "a relation has no method '{method}'; it has {}",
                    KEYS.join(", ")
                ),
            )),
        }
    }

    fn custom_cmp(
        self: &Arc<Self>,
        other: &minijinja::value::DynObject,
    ) -> Option<std::cmp::Ordering> {
        Some(self.as_ref().cmp(other.downcast_ref::<Self>()?))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sql())
    }
}
