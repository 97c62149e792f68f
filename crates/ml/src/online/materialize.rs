//! Puts the newest row of every entity from a feature table into the online store.

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::datatypes::TimestampMicrosecondType;
use forebay_core::ml::FeatureView;
use forebay_core::{Diagnostic, Node, digest, quote};
use forebay_lake::{Lake, Rows};
use futures::TryStreamExt;

use super::array::from_array;
use super::{EntityKey, OnlineRow, OnlineStore, Value};
use crate::feature_view::{CREATED, EVENT_TIMESTAMP};

/// What a materialisation did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// Entities with a row.
    pub entities: u64,
    /// The store had these rows already.
    pub unchanged: bool,
}

/// Brings the view's entities up to the present version of its table. Killed anywhere and called
/// again it leaves what one call does; a version that is there already is not read again.
///
/// Rows under another definition of the view mean something else, so a changed view replaces them.
pub async fn materialize(
    lake: &Lake,
    store: &dyn OnlineStore,
    node: &Node,
    view: &FeatureView,
) -> Result<Pushed, Diagnostic> {
    let relation = crate::feature_view::relation(node);
    let info = lake.info(&relation).await?.ok_or_else(|| {
        Diagnostic::error(format!("feature view '{}' has no table yet", node.name))
            .at(node.location.clone())
    })?;
    let definition = definition(view);
    let before = store.mark(&node.name)?;
    let before = before.as_deref().and_then(|mark| mark.split_once(' '));
    let rows = newest(lake, view, &relation.sql()).await?;
    let entities = rows.len() as u64;
    let mark = format!("{definition} {}", info.version);
    match before {
        Some((known, version)) if known == definition && version == info.version.to_string() => {
            return Ok(Pushed {
                entities,
                unchanged: true,
            });
        }
        Some((known, _)) if known == definition => store.write(&node.name, &rows, &mark)?,
        _ => store.replace(&node.name, &rows, &mark)?,
    };
    Ok(Pushed {
        entities,
        unchanged: false,
    })
}

fn definition(view: &FeatureView) -> String {
    let text = serde_json::json!([view.join_keys(), view.timestamp, view.features]).to_string();
    digest::hex(text.as_bytes())[..16].to_owned()
}

/// The feature table has one row for an entity and a time, so the newest time finds one row.
async fn newest(
    lake: &Lake,
    view: &FeatureView,
    table: &str,
) -> Result<Vec<(EntityKey, OnlineRow)>, Diagnostic> {
    let keys: Vec<String> = view.join_keys().iter().map(|key| quote(key)).collect();
    let time = quote(EVENT_TIMESTAMP);
    let sql = match keys.is_empty() {
        true => format!("select * from {table} order by {time} desc limit 1"),
        false => {
            let equal: Vec<String> = keys
                .iter()
                .map(|key| format!("f.{key} = n.{key}"))
                .collect();
            let keys = keys.join(", ");
            format!(
                "select f.* from {table} f join (select {keys}, max({time}) as newest_time \
                 from {table} group by {keys}) n on {} and f.{time} = n.newest_time",
                equal.join(" and ")
            )
        }
    };
    let Rows { mut stream, .. } = lake.query(&sql).await?;
    let mut rows = Vec::new();
    while let Some(batch) = stream.try_next().await? {
        rows.extend(read(view, &batch)?);
    }
    Ok(rows)
}

fn read(
    view: &FeatureView,
    batch: &RecordBatch,
) -> Result<Vec<(EntityKey, OnlineRow)>, Diagnostic> {
    let times = |name: &str| {
        let column = batch.column_by_name(name)?;
        column.as_primitive_opt::<TimestampMicrosecondType>()
    };
    let event_times = times(EVENT_TIMESTAMP).ok_or_else(|| {
        Diagnostic::internal(format!("the feature table lacks '{EVENT_TIMESTAMP}'"))
    })?;
    let created = times(CREATED);
    let columns: Vec<Vec<Value>> = view
        .features
        .iter()
        .map(|feature| {
            let column = batch.column_by_name(&feature.name).ok_or_else(|| {
                Diagnostic::internal(format!("the feature table lacks '{}'", feature.name))
            })?;
            from_array(&feature.name, column)
        })
        .collect::<Result<_, _>>()?;
    let keys = EntityKey::from_batch(batch, &view.join_keys())?;
    let row = |(row, key): (usize, Option<EntityKey>)| {
        let online = OnlineRow {
            event_time: event_times.value(row),
            created: created.filter(|c| c.is_valid(row)).map(|c| c.value(row)),
            values: columns.iter().map(|column| column[row].clone()).collect(),
        };
        key.map(|key| (key, online))
    };
    Ok(keys.into_iter().enumerate().filter_map(row).collect())
}
