//! What templates make of the rows of a query: agate's methods of tables.

use std::sync::Arc;

use minijinja::value::from_args;
use minijinja::{Error, State, Value};

use super::errors::failed;
use super::filters::json_text;
use super::named::placed;
use super::table::{Named, Table};

impl Table {
    /// Another table, or a text of it.
    pub(super) fn derived(
        &self,
        state: &mut State<'_, '_>,
        method: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match method {
            "select" => self.of_columns(args, true),
            "exclude" => self.of_columns(args, false),
            "limit" => self.limited(args),
            "order_by" => self.ordered(state, args),
            "distinct" => self.distinct(args),
            "where" => self.filtered(state, args),
            "to_json" => Ok(Value::from(self.json()?)),
            _ => Ok(Value::from(self.shown())),
        }
    }

    fn of_rows(&self, rows: Vec<Value>) -> Value {
        let names = self.names.clone();
        Value::from_object(Self { names, rows })
    }

    fn of_columns(&self, args: &[Value], kept: bool) -> Result<Value, Error> {
        let args = placed("select", &["key"], args)?;
        let (key,): (Value,) = from_args(&args)?;
        let named = texts(&key)?;
        let places: Vec<usize> = match kept {
            true => named
                .iter()
                .map(|name| self.place(name))
                .collect::<Result<_, _>>()?,
            false => (0..self.names.len())
                .filter(|at| !named.contains(&self.names[*at]))
                .collect(),
        };
        let names: Arc<[String]> = places.iter().map(|at| self.names[*at].clone()).collect();
        let row = |row: &Value| {
            let cell = |at: &usize| row.get_item_by_index(*at).unwrap_or_default();
            Value::from_object(Named {
                names: names.clone(),
                values: places.iter().map(cell).collect(),
            })
        };
        Ok(Value::from_object(Self {
            rows: self.rows.iter().map(row).collect(),
            names: names.clone(),
        }))
    }

    fn place(&self, name: &str) -> Result<usize, Error> {
        let found = self.names.iter().position(|own| own == name);
        found.ok_or_else(|| {
            failed(format!(
                "the table has no column '{name}'; it has {}",
                self.names.join(", ")
            ))
        })
    }

    /// `limit(stop)`, or `limit(start, stop, step)`.
    fn limited(&self, args: &[Value]) -> Result<Value, Error> {
        let args = placed("limit", &["start_or_stop", "stop", "step"], args)?;
        let (first, stop, step): (Option<usize>, Option<usize>, Option<usize>) = from_args(&args)?;
        let (start, stop) = match stop {
            Some(stop) => (first.unwrap_or(0), Some(stop)),
            None => (0, first),
        };
        let rows = self
            .rows
            .iter()
            .take(stop.unwrap_or(usize::MAX))
            .skip(start);
        let rows = rows.step_by(step.unwrap_or(1).max(1));
        Ok(self.of_rows(rows.cloned().collect()))
    }

    /// The values that a key gives for each row: a column, several, or a function.
    fn keys(&self, state: &mut State<'_, '_>, key: &Value) -> Result<Vec<Vec<Value>>, Error> {
        if let Ok(names) = texts(key) {
            let places: Vec<usize> = names
                .iter()
                .map(|name| self.place(name))
                .collect::<Result<_, _>>()?;
            let of = |row: &Value| {
                let cell = |at: &usize| row.get_item_by_index(*at).unwrap_or_default();
                places.iter().map(cell).collect()
            };
            return Ok(self.rows.iter().map(of).collect());
        }
        let of = |row: &Value| Ok(vec![key.call(state, std::slice::from_ref(row))?]);
        self.rows.iter().map(of).collect()
    }

    /// Nothing comes last.
    fn ordered(&self, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let args = placed("order_by", &["key", "reverse"], args)?;
        let (key, reverse): (Value, Option<bool>) = from_args(&args)?;
        let mut rows: Vec<_> = self
            .keys(state, &key)?
            .into_iter()
            .zip(&self.rows)
            .collect();
        let nothing = |keys: &[Value]| keys.iter().map(Value::is_none).collect::<Vec<_>>();
        rows.sort_by(|(a, _), (b, _)| nothing(a).cmp(&nothing(b)).then_with(|| a.cmp(b)));
        if reverse == Some(true) {
            rows.reverse();
        }
        Ok(self.of_rows(rows.into_iter().map(|(_, row)| row.clone()).collect()))
    }

    fn distinct(&self, args: &[Value]) -> Result<Value, Error> {
        let args = placed("distinct", &["key"], args)?;
        let (key,): (Option<Value>,) = from_args(&args)?;
        let names = match key.filter(|key| !key.is_none()) {
            Some(key) => texts(&key)?,
            None => self.names.to_vec(),
        };
        let places: Vec<usize> = names
            .iter()
            .map(|name| self.place(name))
            .collect::<Result<_, _>>()?;
        let (mut seen, mut rows) = (Vec::new(), Vec::new());
        for row in &self.rows {
            let cell = |at: &usize| row.get_item_by_index(*at).unwrap_or_default();
            let key: Vec<Value> = places.iter().map(cell).collect();
            if !seen.contains(&key) {
                seen.push(key);
                rows.push(row.clone());
            }
        }
        Ok(self.of_rows(rows))
    }

    fn filtered(&self, state: &mut State<'_, '_>, args: &[Value]) -> Result<Value, Error> {
        let (test,): (Value,) = from_args(args)?;
        let mut rows = Vec::new();
        for row in &self.rows {
            if test.call(state, std::slice::from_ref(row))?.is_true() {
                rows.push(row.clone());
            }
        }
        Ok(self.of_rows(rows))
    }

    fn json(&self) -> Result<String, Error> {
        let mut rows = Vec::with_capacity(self.rows.len());
        for row in &self.rows {
            let cells = self.names.iter().zip(row.try_iter()?);
            let cells = cells.map(|(name, cell)| {
                let json = serde_json::to_value(&cell).ok();
                (
                    name.clone(),
                    json.unwrap_or_else(|| cell.to_string().into()),
                )
            });
            rows.push(serde_json::Value::Object(cells.collect()));
        }
        Ok(json_text(&rows.into(), false, None))
    }

    /// As it is printed, a column as wide as the widest of its cells.
    pub(super) fn shown(&self) -> String {
        let row = |row: &Value| -> Vec<String> {
            let cells = row.try_iter().into_iter().flatten();
            cells
                .map(|cell| {
                    if cell.is_none() {
                        String::new()
                    } else {
                        cell.to_string()
                    }
                })
                .collect()
        };
        let rows: Vec<Vec<String>> = self.rows.iter().take(20).map(row).collect();
        let width = |at: usize| {
            let cells = rows.iter().map(|row| row[at].chars().count());
            cells
                .chain([self.names[at].chars().count()])
                .max()
                .unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.names.len()).map(width).collect();
        let line = |cells: &[String]| {
            let cells = cells
                .iter()
                .zip(&widths)
                .map(|(cell, width)| format!("{cell:<width$}"));
            format!("| {} |", cells.collect::<Vec<_>>().join(" | "))
        };
        let rule: Vec<String> = widths.iter().map(|width| "-".repeat(*width)).collect();
        let head = [line(&self.names), line(&rule)];
        let lines = head.into_iter().chain(rows.iter().map(|row| line(row)));
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// A text, or a list of them.
fn texts(value: &Value) -> Result<Vec<String>, Error> {
    if let Some(text) = value.as_str() {
        return Ok(vec![text.to_owned()]);
    }
    let text = |item: Value| item.as_str().map(str::to_owned);
    let texts: Option<Vec<String>> = value.try_iter()?.map(text).collect();
    texts.ok_or_else(|| failed("columns are named by texts"))
}
