//! The rows of a query as templates see them: `results.columns[0].values()`, `row['name']`.

use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Kwargs, Object, ObjectRepr, Tuple, ValueKind, from_args};
use minijinja::{Error, ErrorKind, State, Value};

use super::collections;
use super::filters::json_text;
use super::moment::Moment;
use crate::ask::{Rows, TextKind};

#[derive(Debug)]
pub(super) struct Table {
    pub(super) names: Arc<[String]>,
    pub(super) rows: Vec<Value>,
}

/// One row, or the table's columns: values by place and by name.
#[derive(Debug)]
pub(super) struct Named {
    pub(super) names: Arc<[String]>,
    pub(super) values: Vec<Value>,
}

#[derive(Debug)]
struct Column {
    name: String,
    values: Vec<Value>,
}

pub(crate) fn value(rows: &Rows) -> Value {
    let names: Arc<[String]> = rows.columns.clone().into();
    let cell = |(at, cell): (usize, &serde_json::Value)| {
        let kind = rows.kinds.get(&at).zip(cell.as_str());
        let read = kind.and_then(|(kind, text)| read(text, *kind));
        read.unwrap_or_else(|| collections::from_json(cell))
    };
    let row = |row: &Vec<serde_json::Value>| {
        Value::from_object(Named {
            names: names.clone(),
            values: row.iter().enumerate().map(cell).collect(),
        })
    };
    Value::from_object(Table {
        names: names.clone(),
        rows: rows.rows.iter().map(row).collect(),
    })
}

/// What the text of a cell stands for. Lists and structures are texts, as Python spaces them.
fn read(text: &str, kind: TextKind) -> Option<Value> {
    match kind {
        TextKind::Whole => text.parse::<i128>().ok().map(Value::from),
        TextKind::Json => {
            let json = serde_json::from_str(text).ok()?;
            Some(Value::from(json_text(&json, false, None)))
        }
        time => Moment::read(text, time).map(Moment::value),
    }
}

/// What `load_result` gives.
pub(crate) fn result(table: Value) -> Value {
    result_saying(table, Value::from("OK"))
}

pub(crate) fn result_saying(table: Value, response: Value) -> Value {
    let data = table.get_attr("rows").unwrap_or_default();
    let pairs = [("table", table), ("data", data), ("response", response)];
    Value::from_pairs(pairs)
}

fn tuple(values: impl IntoIterator<Item = Value>) -> Value {
    Value::from(Tuple::from(values.into_iter().collect::<Vec<_>>()))
}

fn names(names: &[String]) -> Value {
    tuple(names.iter().map(|name| Value::from(&**name)))
}

impl Table {
    fn columns(&self) -> Value {
        let column = |(at, name): (usize, &String)| {
            let values = self.rows.iter().map(|row| row.get_item_by_index(at));
            Value::from_object(Column {
                name: name.clone(),
                values: values.map(Result::unwrap_or_default).collect(),
            })
        };
        Value::from_object(Named {
            names: self.names.clone(),
            values: self.names.iter().enumerate().map(column).collect(),
        })
    }
}

impl Table {
    /// With other names: all of them in a list, or some by their old ones.
    fn renamed(&self, args: &[Value]) -> Result<Value, Error> {
        let (names, kwargs): (Option<Value>, Kwargs) = from_args(args)?;
        let given = match names {
            Some(names) => names,
            None => kwargs.get("column_names")?,
        };
        let name = |(at, old): (usize, &String)| {
            let new = match given.kind() {
                ValueKind::Map => given.get_item(&Value::from(&**old)),
                _ => given.get_item_by_index(at),
            };
            let new = new.ok().filter(|new| !new.is_undefined());
            new.map_or_else(|| old.clone(), |new| new.to_string())
        };
        let names: Arc<[String]> = self.names.iter().enumerate().map(name).collect();
        let row = |row: &Value| {
            Value::from_object(Named {
                names: names.clone(),
                values: row.try_iter().into_iter().flatten().collect(),
            })
        };
        Ok(Value::from_object(Table {
            rows: self.rows.iter().map(row).collect(),
            names: names.clone(),
        }))
    }
}

impl Object for Table {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some("columns") => Some(self.columns()),
            Some("rows") => Some(collections::list(self.rows.iter().cloned())),
            Some("column_names") => Some(names(&self.names)),
            Some(_) => None,
            None => self.rows.get(key.as_usize()?).cloned(),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.rows.len())
    }

    fn call_method(
        self: &Arc<Self>,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "rename" => self.renamed(args),
            "select" | "exclude" | "limit" | "order_by" | "distinct" | "where" | "to_json"
            | "print_table" => self.derived(state, method, args),
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

impl Object for Named {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = match key.as_str() {
            Some(wanted) => self.names.iter().position(|name| name == wanted)?,
            None => {
                let length = self.values.len() as i64;
                let index = key.as_i64()?;
                usize::try_from(if index < 0 { index + length } else { index }).ok()?
            }
        };
        self.values.get(at).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.values.len())
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        let pairs = || {
            let names = self.names.iter().map(|name| Value::from(&**name));
            names.zip(self.values.iter().cloned())
        };
        match method {
            "values" => Ok(tuple(self.values.iter().cloned())),
            "keys" => Ok(names(&self.names)),
            "items" => Ok(collections::list(pairs().map(|(k, v)| tuple([k, v])))),
            "dict" => Ok(collections::dict(pairs())),
            "get" => {
                let found = args.first().and_then(|key| self.get_value(key));
                Ok(found.or(args.get(1).cloned()).unwrap_or(Value::from(())))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }
}

impl Object for Column {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        match key.as_str() {
            Some("name") => Some(Value::from(&*self.name)),
            Some(_) => None,
            None => self.values.get(key.as_usize()?).cloned(),
        }
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.values.len())
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        method: &str,
        _: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "values" => Ok(tuple(self.values.iter().cloned())),
            "values_sorted" => {
                let mut values = self.values.clone();
                values.sort();
                Ok(tuple(values))
            }
            "values_without_nulls" => {
                let values = self.values.iter().filter(|value| !value.is_none());
                Ok(tuple(values.cloned()))
            }
            "values_distinct" => {
                let mut seen: Vec<Value> = Vec::new();
                for value in &self.values {
                    if !seen.contains(value) {
                        seen.push(value.clone());
                    }
                }
                Ok(tuple(seen))
            }
            _ => Err(Error::from(ErrorKind::UnknownMethod)),
        }
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "<column {}>", self.name)
    }
}
