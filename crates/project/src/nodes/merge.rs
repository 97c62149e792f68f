//! The settings of dbt-duckdb's merge: single ones, or whole clauses.

use forebay_core::Diagnostic;
use forebay_core::merge::{Action, Clause, Merge, Values};
use serde_json::{Map, Value as Json};

use crate::config::Reader;

/// Settings that make clauses of their own.
const SINGLE: &[&str] = &[
    "merge_update_condition",
    "merge_insert_condition",
    "merge_update_set_expressions",
];

/// None where the model says no more than which columns are updated.
///
/// # Errors
/// Why the model cannot run.
pub(super) fn merge(reader: &Reader<'_>) -> Result<Option<Merge>, Diagnostic> {
    let read = Read { reader };
    let using = read.texts("merge_on_using_columns")?;
    read.texts("merge_returning_columns")?;
    if let Some(clauses) = read.value("merge_clauses") {
        return read.clauses(clauses, using).map(Some);
    }
    if using.is_empty() && SINGLE.iter().all(|name| read.value(name).is_none()) {
        return Ok(None);
    }
    let only = read.texts("merge_update_columns")?;
    let except = read.texts("merge_exclude_columns")?;
    let set = read.pairs(
        "merge_update_set_expressions",
        read.value("merge_update_set_expressions"),
    )?;
    let values = match only.is_empty() && except.is_empty() && set.is_empty() {
        true => Values::ByName,
        false => written(only, except, set),
    };
    let clause = |condition: Option<String>, action| vec![Clause { condition, action }];
    Ok(Some(Merge {
        using,
        matched: clause(read.text("merge_update_condition")?, Action::Update(values)),
        new: clause(
            read.text("merge_insert_condition")?,
            Action::Insert(Values::ByName),
        ),
        gone: Vec::new(),
    }))
}

fn written(only: Vec<String>, except: Vec<String>, set: Vec<(String, String)>) -> Values {
    Values::Written {
        only: Some(only).filter(|only| !only.is_empty()),
        except,
        set,
    }
}

struct Read<'a> {
    reader: &'a Reader<'a>,
}

impl Read<'_> {
    fn value(&self, name: &str) -> Option<&Json> {
        let setting = self.reader.config.get(name)?;
        Some(&setting.value).filter(|value| !value.is_null())
    }

    fn wrong(&self, name: &str, why: &str) -> Diagnostic {
        let setting = name.split('.').next().unwrap_or(name);
        let message = format!("'{name}' of {} {why}", self.reader.what);
        Diagnostic::error(message).at(self.reader.at(setting))
    }

    fn text(&self, name: &str) -> Result<Option<String>, Diagnostic> {
        match self.value(name) {
            None => Ok(None),
            Some(Json::String(text)) => Ok(Some(text.clone())),
            Some(_) => Err(self.wrong(name, "must be a text")),
        }
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, Diagnostic> {
        self.list(name, self.value(name))
    }

    fn list(&self, name: &str, value: Option<&Json>) -> Result<Vec<String>, Diagnostic> {
        let texts = match value {
            None | Some(Json::Null) => return Ok(Vec::new()),
            Some(Json::String(text)) => Some(vec![text.clone()]),
            Some(Json::Array(items)) => {
                let texts = items.iter().map(|item| item.as_str().map(str::to_owned));
                texts.collect()
            }
            Some(_) => None,
        };
        texts.ok_or_else(|| self.wrong(name, "must be a list of texts"))
    }

    /// Columns, and the SQL that each of them takes.
    fn pairs(&self, name: &str, value: Option<&Json>) -> Result<Vec<(String, String)>, Diagnostic> {
        let Some(value) = value.filter(|value| !value.is_null()) else {
            return Ok(Vec::new());
        };
        let map = value.as_object();
        let map = map.ok_or_else(|| self.wrong(name, "must be a mapping of columns"))?;
        let pair = |(column, value): (&String, &Json)| match value {
            Json::String(text) => Ok((column.clone(), text.clone())),
            Json::Number(number) => Ok((column.clone(), number.to_string())),
            Json::Bool(flag) => Ok((column.clone(), flag.to_string())),
            _ => Err(self.wrong(name, "must have SQL for every column")),
        };
        map.iter().map(pair).collect()
    }

    fn clauses(&self, clauses: &Json, using: Vec<String>) -> Result<Merge, Diagnostic> {
        const NAME: &str = "merge_clauses";
        let map = clauses.as_object();
        let map = map.ok_or_else(|| self.wrong(NAME, "must be a mapping"))?;
        let all = ["merge_update_columns", "merge_exclude_columns"];
        if let Some(other) = all
            .iter()
            .chain(SINGLE)
            .find(|name| self.value(name).is_some_and(is_something))
        {
            return Err(self.wrong(other, "does nothing beside merge_clauses"));
        }
        if !map.contains_key("when_matched") && !map.contains_key("when_not_matched") {
            return Err(self.wrong(NAME, "has neither when_matched nor when_not_matched"));
        }
        let default = |action| {
            vec![Clause {
                condition: None,
                action,
            }]
        };
        let mut merge = Merge {
            using,
            matched: default(Action::Update(Values::ByName)),
            new: default(Action::Insert(Values::ByName)),
            gone: Vec::new(),
        };
        if let Some(list) = map.get("when_matched") {
            let name = "merge_clauses.when_matched";
            let read = self.entries(name, list)?.into_iter();
            merge.matched = read
                .map(|entry| self.clause(name, entry))
                .collect::<Result<_, _>>()?;
        }
        if let Some(list) = map.get("when_not_matched") {
            let name = "merge_clauses.when_not_matched";
            merge.new.clear();
            for entry in self.entries(name, list)? {
                let clause = self.clause(name, entry)?;
                match entry
                    .get("by")
                    .and_then(Json::as_str)
                    .map(str::to_lowercase)
                    .as_deref()
                {
                    None | Some("target") => merge.new.push(clause),
                    Some("source") => merge.gone.push(clause),
                    Some(_) => return Err(self.wrong(name, "knows 'by' as target or source")),
                }
            }
        }
        Ok(merge)
    }

    fn entries<'j>(
        &self,
        name: &str,
        list: &'j Json,
    ) -> Result<Vec<&'j Map<String, Json>>, Diagnostic> {
        let entries = list.as_array().filter(|list| !list.is_empty());
        let entries =
            entries.map(|list| list.iter().map(Json::as_object).collect::<Option<Vec<_>>>());
        let entries = entries.flatten();
        entries.ok_or_else(|| self.wrong(name, "must be a list of mappings, with one at least"))
    }

    fn clause(&self, name: &str, entry: &Map<String, Json>) -> Result<Clause, Diagnostic> {
        let conditions = self.list(name, entry.get("condition"))?;
        let condition = match conditions.as_slice() {
            [] => None,
            conditions => Some(conditions.join(") and (")),
        };
        let text = |key: &str| entry.get(key).and_then(Json::as_str);
        let matched = name.ends_with("when_matched");
        let action = match text("action") {
            Some("update") if matched => Action::Update(self.values(name, entry)?),
            Some("update") => {
                let set = self.pairs(name, entry.get("set_expressions"))?;
                Action::Update(Values::Written {
                    only: Some(Vec::new()),
                    except: Vec::new(),
                    set,
                })
            }
            Some("insert") if !matched => Action::Insert(self.values(name, entry)?),
            Some("delete") => Action::Delete,
            Some("do_nothing") => Action::Nothing,
            Some("error") => Action::Error(text("error_message").unwrap_or_default().to_owned()),
            _ => return Err(self.wrong(name, "has a clause without an action that it can do")),
        };
        Ok(Clause { condition, action })
    }

    fn values(&self, name: &str, entry: &Map<String, Json>) -> Result<Values, Diagnostic> {
        let empty = Map::new();
        let part = |key: &str| entry.get(key).and_then(Json::as_object).unwrap_or(&empty);
        Ok(match entry.get("mode").and_then(Json::as_str) {
            Some("by_name") => Values::ByName,
            // A star goes by the places of columns, too.
            Some("by_position" | "star") => Values::ByPosition,
            Some("explicit") if entry.contains_key("insert") => {
                let insert = part("insert");
                let columns = self.list(name, insert.get("columns"))?;
                let values = self.list(name, insert.get("values"))?;
                if columns.len() != values.len() {
                    return Err(
                        self.wrong(name, "inserts another number of values than of columns")
                    );
                }
                let set = columns.into_iter().zip(values).collect();
                Values::Written {
                    only: Some(Vec::new()),
                    except: Vec::new(),
                    set,
                }
            }
            Some("explicit") => {
                let update = part("update");
                let only = self.list(name, update.get("include"))?;
                let except = self.list(name, update.get("exclude"))?;
                written(
                    only,
                    except,
                    self.pairs(name, update.get("set_expressions"))?,
                )
            }
            _ => {
                return Err(self.wrong(
                    name,
                    "knows the modes by_name, by_position, star and explicit",
                ));
            }
        })
    }
}

fn is_something(value: &Json) -> bool {
    match value {
        Json::Array(items) => !items.is_empty(),
        Json::Object(map) => !map.is_empty(),
        _ => true,
    }
}
