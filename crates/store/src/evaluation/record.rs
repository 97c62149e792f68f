//! Records of evaluation datasets: a question, and what is known of its answer.

use rusqlite::functions::FunctionFlags;
use rusqlite::{Connection, Error::UserFunctionError, OptionalExtension, Row, Transaction, params};
use serde_json::{Map, Value, json};

use super::dataset::{self, USER};
use crate::search::Page;
use crate::{Error, Store, limits};

/// A record to be added, or to be merged into the one of the same inputs.
#[derive(Clone, Debug, Default)]
pub struct NewRecord {
    /// For a record that is new.
    pub id: String,
    pub inputs: Map<String, Value>,
    /// None: not said. Null: there are none.
    pub outputs: Option<Value>,
    pub expectations: Map<String, Value>,
    pub tags: Map<String, Value>,
    /// `{"source_type": ..., "source_data": {...}}`, or null.
    pub source: Value,
}

#[derive(Clone, Debug, PartialEq)]
pub struct EvaluationRecord {
    /// `dr-` and 32 hexadecimal digits.
    pub id: String,
    pub inputs: Value,
    pub outputs: Value,
    pub expectations: Value,
    pub tags: Value,
    pub source: Value,
    pub created_by: String,
    pub updated_by: String,
    pub created_ms: i64,
    pub updated_ms: i64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Upserted {
    pub inserted: u64,
    pub updated: u64,
}

impl Store {
    /// Two records are the same if their inputs are, in whatever order those are written. Of the
    /// same one outputs are replaced, expectations and tags merged.
    pub fn upsert_evaluation_records(
        &self,
        dataset_id: &str,
        records: &[NewRecord],
        now_ms: i64,
    ) -> Result<Upserted, Error> {
        limits::batch("records", records.len(), limits::RECORDS_A_BATCH)?;
        self.change(|t| {
            let dataset = dataset::get(t, dataset_id)?;
            let mut counted = Upserted::default();
            for record in records {
                match put(t, dataset_id, record, now_ms)? {
                    true => counted.inserted += 1,
                    false => counted.updated += 1,
                }
            }
            let user = records.iter().rev().find_map(|record| user(&record.tags));
            t.execute(
                "update evaluation_datasets set schema = ?2, digest = ?3 where id = ?1",
                params![
                    dataset_id,
                    schema(dataset.schema.as_deref(), records).to_string(),
                    dataset::digest_of(&dataset.name, now_ms)
                ],
            )?;
            dataset::touch(t, dataset_id, user.as_ref(), now_ms)?;
            Ok(counted)
        })
    }

    /// In the order in which they came.
    pub fn evaluation_records(
        &self,
        dataset_id: &str,
        limit: usize,
        page_token: &str,
    ) -> Result<Page<EvaluationRecord>, Error> {
        let after = match page_token {
            "" => vec![0.into()],
            token => crate::search::read_token(token, 1)?,
        };
        self.ask(|c| {
            dataset::known(c, dataset_id)?;
            let mut select = c.prepare_cached(
                "select id, inputs, outputs, expectations, tags, source, created_by, updated_by, \
                 created_ms, updated_ms, rowid from evaluation_records \
                 where dataset_id = ?1 and rowid > ?2 order by rowid limit ?3",
            )?;
            let mut rows = select.query(params![dataset_id, after[0], limit as i64 + 1])?;
            let (mut items, mut last, mut next) = (Vec::new(), 0_i64, None);
            while let Some(row) = rows.next()? {
                if items.len() == limit {
                    next = Some(crate::search::write_token(&[last.into()]));
                    break;
                }
                items.push(record(row)?);
                last = row.get(10)?;
            }
            Ok(Page { items, next })
        })
    }

    /// Returns how many were there.
    pub fn delete_evaluation_records(
        &self,
        dataset_id: &str,
        ids: &[String],
        now_ms: i64,
    ) -> Result<usize, Error> {
        self.change(|t| {
            dataset::known(t, dataset_id)?;
            let gone = t.execute(
                "delete from evaluation_records where dataset_id = ?1 \
                 and id in (select value from json_each(?2))",
                params![dataset_id, json!(ids).to_string()],
            )?;
            dataset::touch(t, dataset_id, None, now_ms)?;
            Ok(gone)
        })
    }
}

/// True where the record is new.
fn put(t: &Transaction<'_>, dataset_id: &str, new: &NewRecord, now_ms: i64) -> Result<bool, Error> {
    let inputs = sorted(&Value::Object(new.inputs.clone())).to_string();
    let known = t
        .prepare_cached(
            "select id, inputs, outputs, expectations, tags, source, created_by, updated_by, created_ms, updated_ms \
             from evaluation_records where dataset_id = ?1 and inputs = ?2",
        )?
        .query_row([dataset_id, &inputs], record)
        .optional()?;
    let user = user(&new.tags).unwrap_or_default();
    let Some(known) = known else {
        let outputs = new.outputs.clone().unwrap_or_else(|| json!({}));
        t.execute(
            "insert into evaluation_records values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?8, ?9, ?9)",
            params![
                new.id,
                dataset_id,
                inputs,
                text(&outputs),
                text(&Value::Object(new.expectations.clone())),
                text(&Value::Object(new.tags.clone())),
                text(&new.source),
                user,
                now_ms
            ],
        )?;
        return Ok(true);
    };
    let updated_by = if user.is_empty() {
        known.updated_by
    } else {
        user
    };
    t.execute(
        "update evaluation_records set outputs = ?2, expectations = ?3, tags = ?4, updated_by = ?5, \
         updated_ms = ?6 where id = ?1",
        params![
            known.id,
            text(new.outputs.as_ref().unwrap_or(&known.outputs)),
            text(&merged(known.expectations, &new.expectations)),
            text(&merged(known.tags, &new.tags)),
            updated_by,
            now_ms
        ],
    )?;
    Ok(false)
}

fn user(tags: &Map<String, Value>) -> Option<String> {
    Some(tags.get(USER)?.as_str()?.to_owned())
}

fn merged(known: Value, more: &Map<String, Value>) -> Value {
    let mut all = match known {
        Value::Object(known) => known,
        _ => Map::new(),
    };
    all.extend(more.clone());
    Value::Object(all)
}

/// None where there is nothing.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        value => Some(value.to_string()),
    }
}

fn record(row: &Row<'_>) -> rusqlite::Result<EvaluationRecord> {
    let json = |n: usize| -> rusqlite::Result<Value> {
        let text: Option<String> = row.get(n)?;
        Ok(text
            .and_then(|text| serde_json::from_str(&text).ok())
            .unwrap_or_default())
    };
    Ok(EvaluationRecord {
        id: row.get(0)?,
        inputs: json(1)?,
        outputs: json(2)?,
        expectations: json(3)?,
        tags: json(4)?,
        source: json(5)?,
        created_by: row.get(6)?,
        updated_by: row.get(7)?,
        created_ms: row.get(8)?,
        updated_ms: row.get(9)?,
    })
}

/// Gives SQL the function `sorted_json`, which writes inputs as records have them.
pub(crate) fn sorting(c: &Connection) -> Result<(), Error> {
    let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_DETERMINISTIC;
    Ok(c.create_scalar_function("sorted_json", 1, flags, |call| {
        let text: String = call.get(0)?;
        let value = serde_json::from_str(&text);
        let value: Value = value.map_err(|error| UserFunctionError(error.into()))?;
        Ok(sorted(&value).to_string())
    })?)
}

/// The keys of all objects in it in order.
fn sorted(value: &Value) -> Value {
    match value {
        Value::Array(items) => items.iter().map(sorted).collect(),
        Value::Object(map) => {
            let mut pairs: Vec<_> = map
                .iter()
                .map(|(key, value)| (key.clone(), sorted(value)))
                .collect();
            pairs.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(pairs.into_iter().collect())
        }
        other => other.clone(),
    }
}

/// The fields seen so far with the types that they had first.
fn schema(known: Option<&str>, records: &[NewRecord]) -> Value {
    let fresh = || json!({"inputs": {}, "outputs": {}, "expectations": {}, "version": "1.0"});
    let mut schema = known
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_else(fresh);
    for record in records {
        add_fields(&mut schema["inputs"], &record.inputs);
        add_fields(&mut schema["expectations"], &record.expectations);
        match &record.outputs {
            Some(Value::Object(outputs)) => add_fields(&mut schema["outputs"], outputs),
            None | Some(Value::Null) => {}
            Some(other) if schema["outputs"] == json!({}) => schema["outputs"] = json!(kind(other)),
            Some(_) => {}
        }
    }
    schema
}

fn add_fields(schema: &mut Value, fields: &Map<String, Value>) {
    if let Some(schema) = schema.as_object_mut() {
        for (name, value) in fields {
            schema
                .entry(name.clone())
                .or_insert_with(|| json!(kind(value)));
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "float",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
