//! Names and types of a point-in-time join: from what the caller wrote to what the operator reads.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use datafusion::common::DFSchema;
use datafusion::logical_expr::{Expr, cast, ident};
use forebay_core::{Diagnostic, suggest};

use super::AsOfView;
use super::newest::Rules;
use super::operator::ViewSpec;
use super::time::{Tick, is_time};

/// The spine's column of event times.
pub(super) fn spine_time(spine: &DFSchema, name: &str) -> Result<usize, Diagnostic> {
    let (index, data_type) = column(spine, name, "the spine")?;
    time_type(&data_type, name, "the spine")?;
    Ok(index)
}

/// A view's specification, and the columns to read of its source in the order that it says.
pub(super) fn view(
    view: &AsOfView,
    source: &DFSchema,
    spine: &DFSchema,
    spine_time: usize,
) -> Result<(ViewSpec, Vec<Expr>), Diagnostic> {
    let whose = format!("feature view '{}'", view.name);
    let time = time_column(source, &view.timestamp, &whose)?;
    let created = view
        .created
        .as_ref()
        .map(|name| time_column(source, name, &whose))
        .transpose()?;
    if view.filter_by_created && created.is_none() {
        return Err(Diagnostic::error(format!(
            "{whose} is to be cut off by created time, but names no created timestamp column"
        )));
    }
    let tick = Tick::of(
        [&time, spine.field(spine_time).data_type()]
            .into_iter()
            .chain(&created),
    );
    let (values, expressions) = values(view, source, &time, &whose)?;
    let spec = ViewSpec {
        name: view.name.clone(),
        keys: keys(view, source, spine, &whose)?,
        tick,
        rules: Rules {
            ttl: view
                .ttl
                .filter(|ttl| ttl.micros() > 0)
                .map(|ttl| tick.span(ttl)),
            cutoff: view.filter_by_created,
        },
        created: created.is_some(),
        values: Arc::new(Schema::new(values)),
    };
    let keys = view.join_keys.iter().map(|key| ident(&key.view));
    let times = [&view.timestamp]
        .into_iter()
        .chain(&view.created)
        .map(ident);
    // Renamed by position: one column may be read twice.
    let read = keys.chain(times).chain(expressions).enumerate();
    Ok((spec, read.map(|(i, e)| e.alias(format!("c{i}"))).collect()))
}

/// No two columns of the answer may share a name.
pub(super) fn distinct_output(spine: &DFSchema, views: &[ViewSpec]) -> Result<(), Diagnostic> {
    let mut seen: BTreeSet<&str> = spine.fields().iter().map(|f| f.name().as_str()).collect();
    for view in views {
        for field in view.values.fields() {
            if !seen.insert(field.name()) {
                return Err(Diagnostic::error(format!(
                    "column '{}' of feature view '{}' is in the answer twice",
                    field.name(),
                    view.name
                ))
                .hint("give it an output name of its own, such as view__feature"));
            }
        }
    }
    Ok(())
}

fn keys(
    view: &AsOfView,
    source: &DFSchema,
    spine: &DFSchema,
    whose: &str,
) -> Result<Vec<(usize, DataType)>, Diagnostic> {
    let key = |key: &super::JoinKey| {
        let (index, left) = column(spine, &key.spine, "the spine")?;
        let (_, right) = column(source, &key.view, whose)?;
        let data_type = comparable(&left, &right).ok_or_else(|| {
            Diagnostic::error(format!(
                "join key '{}' of {whose} is {right}, but '{}' of the spine is {left}",
                key.view, key.spine
            ))
            .hint("cast one of them in the model that it comes from")
        })?;
        Ok((index, data_type))
    };
    view.join_keys.iter().map(key).collect()
}

/// The type that equal keys of both types are equal in. Integers of any width are, and texts of any
/// layout; anything else must be of one type, so that nothing matches by a hidden conversion.
fn comparable(left: &DataType, right: &DataType) -> Option<DataType> {
    let (left, right) = (plain(left), plain(right));
    match (left, right) {
        (DataType::Null, other) | (other, DataType::Null) => Some(other.clone()),
        (DataType::UInt64, DataType::UInt64) => Some(DataType::UInt64),
        (l, r) if l.is_integer() && r.is_integer() => Some(DataType::Int64),
        (l, r) if l.is_string() && r.is_string() => Some(DataType::Utf8View),
        (DataType::Timestamp(..), DataType::Timestamp(..)) => {
            let unit = match Tick::of([left, right]) {
                Tick::Micros => TimeUnit::Microsecond,
                Tick::Nanos => TimeUnit::Nanosecond,
            };
            Some(DataType::Timestamp(unit, Some("UTC".into())))
        }
        (l, r) => (l == r).then(|| l.clone()),
    }
}

fn plain(data_type: &DataType) -> &DataType {
    match data_type {
        DataType::Dictionary(_, values) => values,
        other => other,
    }
}

/// Output fields and what fills them.
fn values(
    view: &AsOfView,
    source: &DFSchema,
    time: &DataType,
    whose: &str,
) -> Result<(Fields, Vec<Expr>), Diagnostic> {
    let mut fields = Vec::new();
    let mut expressions = Vec::new();
    for (name, output) in &view.columns {
        let (_, data_type) = column(source, name, whose)?;
        fields.push(Field::new(output, data_type, true));
        expressions.push(ident(name));
    }
    if let Some(output) = &view.event_time_as {
        let unit = match time {
            DataType::Timestamp(unit, _) => *unit,
            _ => TimeUnit::Microsecond,
        };
        let instant = DataType::Timestamp(unit, Some("UTC".into()));
        fields.push(Field::new(output, instant.clone(), true));
        expressions.push(cast(ident(&view.timestamp), instant));
    }
    Ok((fields.into(), expressions))
}

fn time_column(schema: &DFSchema, name: &str, whose: &str) -> Result<DataType, Diagnostic> {
    let (_, data_type) = column(schema, name, whose)?;
    time_type(&data_type, name, whose)?;
    Ok(data_type)
}

fn time_type(data_type: &DataType, name: &str, whose: &str) -> Result<(), Diagnostic> {
    if is_time(data_type) {
        return Ok(());
    }
    Err(Diagnostic::error(format!(
        "column '{name}' of {whose} is {data_type}, not a timestamp"
    ))
    .hint("cast it to TIMESTAMP in the model that it comes from"))
}

fn column(schema: &DFSchema, name: &str, whose: &str) -> Result<(usize, DataType), Diagnostic> {
    let fields = schema.fields();
    match fields.iter().position(|field| field.name() == name) {
        Some(index) => Ok((index, fields[index].data_type().clone())),
        None => {
            let names = fields.iter().map(|field| field.name().as_str());
            Err(Diagnostic::error(format!("{whose} has no column '{name}'"))
                .maybe_hint(suggest::nearest(name, names)))
        }
    }
}
