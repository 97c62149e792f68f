//! What `ref`, `source` and `this` give: a relation that prints as quoted SQL.

use std::fmt;
use std::sync::Arc;

use forebay_core::Relation;
use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::collections;
use super::named::placed;
use super::scope::Scope;
use crate::ask::RelationKind;
use crate::config::{PARTS, Quoting};

/// A relation inside a template.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct RelationValue {
    database: Arc<str>,
    pub quoted: Quoting,
    pub relation: Relation,
    /// An ephemeral model: the name of its common table expression.
    pub cte: Option<String>,
    /// A source that is files: the SQL text that reads them.
    pub location: Option<String>,
    /// Which rows are read: SQL behind `where`.
    pub wanted: Option<String>,
    /// Which of database, schema and name are written: `.include(...)` leaves some out.
    shown: [bool; 3],
    /// `table` or `view`, where it was looked up.
    kind: Option<&'static str>,
}

impl RelationValue {
    pub fn new(scope: &Scope, relation: Relation) -> Self {
        Self {
            database: scope.shared.target.database.clone(),
            quoted: scope.shared.quoting,
            relation,
            cte: None,
            location: None,
            wanted: None,
            shown: [true; 3],
            kind: None,
        }
    }

    pub fn of_kind(self, kind: RelationKind) -> Self {
        let kind = match kind {
            RelationKind::Table => "table",
            RelationKind::View => "view",
        };
        Self {
            kind: Some(kind),
            ..self
        }
    }

    /// What a database says of itself is quoted always.
    pub fn found(scope: &Scope, relation: Relation, kind: RelationKind) -> Self {
        let value = Self::new(scope, relation).of_kind(kind);
        Self {
            quoted: Quoting::default(),
            ..value
        }
    }

    pub fn cte(scope: &Scope, relation: Relation, name: String) -> Self {
        Self {
            cte: Some(name),
            ..Self::new(scope, relation)
        }
    }

    pub fn is_view(&self) -> bool {
        self.kind == Some("view")
    }

    /// With all of its rows.
    fn name(&self) -> String {
        self.cte.clone().unwrap_or_else(|| self.path())
    }

    fn sql(&self) -> String {
        let name = self.name();
        match &self.wanted {
            Some(wanted) if self.shown[2] => format!("(select * from {name} where {wanted})"),
            _ => name,
        }
    }

    fn path(&self) -> String {
        let written = || {
            let (database, relation) = (&self.database, &self.relation);
            self.quoted.write(database, relation, self.shown)
        };
        match (&self.location, self.shown) {
            (Some(location), [_, true, true]) => location.clone(),
            _ => written(),
        }
    }

    /// Writes none of the other parts.
    pub fn showing(self, shown: [bool; 3]) -> Self {
        Self { shown, ..self }
    }

    /// There is but one: what is in another is nowhere, and refused when it is read.
    pub fn in_database(self, name: Option<String>) -> Self {
        let database = name.map_or(self.database, Arc::from);
        Self { database, ..self }
    }

    /// What is said of each part of its name.
    fn parts(&self, part: impl Fn(usize) -> Value) -> Value {
        let parts = PARTS.iter().enumerate();
        collections::dict(parts.map(|(at, name)| (Value::from(*name), part(at))))
    }

    /// Whether it has the parts that are given, whatever their case where they are not quoted.
    fn matches(&self, args: &[Value]) -> Result<bool, Error> {
        let args = placed("matches", &PARTS, args)?;
        let (database, schema, name): (Option<&str>, Option<&str>, Option<&str>) =
            from_args(&args)?;
        let own = [&*self.database, &*self.relation.schema, &self.relation.name];
        let mut pairs = [database, schema, name].into_iter().zip(own);
        Ok(pairs.all(|(wanted, own)| wanted.is_none_or(|wanted| wanted.eq_ignore_ascii_case(own))))
    }

    /// The same in another database or schema, or of another name: keywords, or a mapping.
    fn at(&self, path: &Value) -> Value {
        let part = |key: &str| {
            let part = path.get_attr(key).ok()?;
            part.as_str().map(str::to_owned)
        };
        let mut relation = self.clone().in_database(part("database"));
        let Relation { schema, name } = relation.relation;
        relation.relation = Relation::new(
            part("schema").unwrap_or(schema),
            part("identifier").unwrap_or(name),
        );
        Value::from_object(relation)
    }
}

impl fmt::Display for RelationValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sql())
    }
}

const KEYS: &[&str] = &[
    "database",
    "schema",
    "identifier",
    "name",
    "table",
    "type",
    "is_cte",
    "is_table",
    "is_view",
];

/// The relation that a value is.
pub(crate) fn relation_of(value: &Value) -> Option<Relation> {
    let found = value.downcast_object_ref::<RelationValue>()?;
    Some(found.relation.clone())
}

impl Object for RelationValue {
    /// Packages tell a relation by its being a mapping with `metadata`.
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Map
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }

    fn is_true(self: &Arc<Self>) -> bool {
        true
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        if let Some((_, kind)) = super::adapter::RELATION_KINDS
            .iter()
            .find(|(name, _)| *name == key)
        {
            return Some(Value::from(*kind));
        }
        Some(match key {
            "database" => Value::from(&*self.database),
            "schema" => Value::from(&*self.relation.schema),
            "identifier" | "name" | "table" => Value::from(&*self.relation.name),
            "type" => Value::from(match self.cte {
                Some(_) => Some("cte"),
                None => self.kind,
            }),
            "is_cte" => Value::from(self.cte.is_some()),
            "is_table" => Value::from(self.kind == Some("table")),
            "is_view" => Value::from(self.kind == Some("view")),
            "is_materialized_view" | "is_dynamic_table" | "is_pointer" => Value::from(false),
            "can_be_renamed" | "can_be_replaced" => Value::from(true),
            "path" => self.parts(|at| match at {
                0 => Value::from(&*self.database),
                1 => Value::from(&*self.relation.schema),
                _ => Value::from(&*self.relation.name),
            }),
            "quote_policy" => self.parts(|at| Value::from(self.quoted.0[at])),
            "include_policy" => self.parts(|at| Value::from(self.shown[at])),
            "quote_character" => Value::from("\""),
            "metadata" => Value::from_pairs([("type", "ForebayRelation")]),
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
            // As in dbt, the way to all rows in a batch, a sample or an empty run.
            "render" => Ok(Value::from(self.name())),
            "get" => {
                let (key, default): (&str, Option<Value>) = from_args(args)?;
                let found = self.get_value_by_str(key);
                Ok(found.or(default).unwrap_or(Value::from(())))
            }
            "quoted" => {
                let (name,): (&str,) = from_args(args)?;
                Ok(Value::from(forebay_core::quote(name)))
            }
            "information_schema_only" => {
                let database = forebay_core::quote(&self.database);
                Ok(Value::from(format!("{database}.INFORMATION_SCHEMA")))
            }
            "matches" => self.matches(args).map(Value::from),
            "to_dict" => {
                let keys = [
                    "path",
                    "type",
                    "quote_character",
                    "include_policy",
                    "quote_policy",
                ];
                let part = |key| Some((Value::from(key), self.get_value_by_str(key)?));
                Ok(collections::dict(keys.into_iter().filter_map(part)))
            }
            "without_identifier" => {
                let [database, schema, _] = self.shown;
                let relation = Self::clone(self).showing([database, schema, false]);
                Ok(Value::from_object(relation))
            }
            "information_schema" => {
                let (view,): (Option<&str>,) = from_args(args)?;
                let view = view.map(|view| format!(".{view}")).unwrap_or_default();
                let database = forebay_core::quote(&self.database);
                Ok(Value::from(format!("{database}.INFORMATION_SCHEMA{view}")))
            }
            "replace_path" => Ok(self.at(args.first().unwrap_or(&Value::UNDEFINED))),
            "incorporate" => {
                let (kwargs,): (Kwargs,) = from_args(args)?;
                let mut relation = Self::clone(self);
                if let Some(kind) = kwargs.get::<Option<Value>>("type")? {
                    relation.kind = match kind.to_string().as_str() {
                        "table" => Some("table"),
                        "view" => Some("view"),
                        _ => None,
                    };
                }
                let path = kwargs.get::<Option<Value>>("path")?;
                Ok(relation.at(&path.unwrap_or_default()))
            }
            "quote" | "include" => {
                let (kwargs,): (Kwargs,) = from_args(args)?;
                let mut relation = Self::clone(self);
                let parts = match method {
                    "include" => &mut relation.shown,
                    _ => &mut relation.quoted.0,
                };
                for (name, part) in PARTS.iter().zip(parts) {
                    *part = kwargs.get::<Option<bool>>(name)?.unwrap_or(*part);
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
