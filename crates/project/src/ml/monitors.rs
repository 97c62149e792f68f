//! Monitors: rules over an inference service.

use forebay_core::ml::{Monitor, MonitorRows};
use forebay_core::{Node, ResourceType, Severity, Spec};
use indexmap::IndexMap;

use super::Ml;
use super::training::instant;
use crate::yaml::{Doc, Fields, Unknown, Value, Yaml};

/// Between 10 bins the population stability index of as many rows drawn by chance stays below 0.2 in
/// 999 of 1,000 cases: it is about chi-squared with 9 degrees of freedom over the number of rows.
const MIN_ROWS: u64 = 150;

/// Its name is that of its service where none is given.
pub(crate) fn monitor(ml: &Ml<'_>, doc: Doc<'_>, yaml: &Yaml) -> Option<Node> {
    let mut fields = Fields::of(doc, yaml, "a monitor")?;
    let service = fields.required("service")?;
    let name = fields.text("name").unwrap_or_else(|| service.clone());
    fields.what = format!("monitor '{name}'");
    let found = ml.known(
        doc,
        ResourceType::InferenceService,
        &service,
        fields.at("service"),
    );
    let rows = rows(&mut fields);
    let (drift, delay) = (fields.text("drift"), fields.text("delay"));
    let min_rows = fields.whole("min_rows").unwrap_or(MIN_ROWS);
    let severities = [("warn", Severity::Warning), ("error", Severity::Error)];
    let severity = fields
        .choice("severity", &severities)
        .unwrap_or(Severity::Warning);
    let columns = columns(&mut fields);
    if drift.is_none() && delay.is_none() && columns.is_empty() {
        let message = format!(
            "{} watches nothing: it needs drift, delay or columns",
            fields.what
        );
        fields.error(message, fields.at);
    }
    let id = found?.id.clone();
    let monitor = Monitor {
        service: id.clone(),
        rows: rows?,
        drift,
        min_rows,
        delay,
        severity,
        columns,
    };
    let node = ml.node(&mut fields, name, Spec::Monitor(monitor), vec![id]);
    fields.finish(Unknown::Error);
    Some(node)
}

/// `logged`, or `{from: 2013-12-01, to: 2014-01-01}`.
fn rows(fields: &mut Fields<'_>) -> Option<MonitorRows> {
    let Some(yaml) = fields.get("rows") else {
        return Some(MonitorRows::Logged);
    };
    if !matches!(yaml.value, Value::Map(_)) {
        return fields
            .choice("rows", &[("logged", ())])
            .map(|()| MonitorRows::Logged);
    }
    let mut rows = Fields::of(fields.doc, yaml, format!("rows of {}", fields.what))?;
    let (from, to) = (rows.required("from"), rows.required("to"));
    let read = |text: Option<String>, key| {
        let text = text?;
        let found = instant(&text);
        if found.is_none() {
            rows.error(
                format!("'{text}' is no point in time: write 2013-12-01"),
                rows.at(key),
            );
        }
        found
    };
    let (from, to) = (read(from, "from"), read(to, "to"));
    if from.is_some() && to.is_some() && from >= to {
        rows.error(
            format!("rows of {} end before they begin", fields.what),
            yaml.at,
        );
    }
    rows.finish(Unknown::Error);
    Some(MonitorRows::Replay {
        from: from?,
        to: to?,
    })
}

fn columns(fields: &mut Fields<'_>) -> IndexMap<String, String> {
    let entries = fields.map("columns").iter();
    let pairs = entries.filter_map(|entry| {
        let rule = entry.value.as_text();
        if rule.is_none() {
            let message = format!(
                "the rule of column '{}' in {} must be a text",
                entry.key, fields.what
            );
            fields.error(message, entry.value.at);
        }
        Some((entry.key.clone(), rule?.to_owned()))
    });
    pairs.collect()
}
