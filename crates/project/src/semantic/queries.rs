//! Saved queries: metrics by dimensions, and where their answers go.

use forebay_core::semantic::SavedQuery;
use forebay_core::{Diagnostic, ResourceType, Spec, suggest};
use serde_json::{Value as Json, json};

use super::{Semantic, filters};
use crate::nodes::{Content, Entry, Item, Outcome};
use crate::yaml::{Doc, Fields, Unknown, Yaml};

pub(super) fn read(semantic: &Semantic<'_>, item: &Item) -> Outcome {
    let (cx, kind) = (semantic.cx, ResourceType::SavedQuery);
    let Some(mut entry) = Entry::open(cx, kind, |file| &file.saved_queries, item) else {
        return Outcome::Broken;
    };
    let content = content(semantic, &mut entry.fields);
    entry.finish(cx, content)
}

fn content(semantic: &Semantic<'_>, fields: &mut Fields<'_>) -> Option<Content> {
    let (doc, what) = (fields.doc, fields.what.clone());
    let Some(yaml) = fields.get("query_params") else {
        fields.missing("query_params");
        return None;
    };
    let label = fields.text("label");
    let exports = fields.list("exports").iter();
    let exports: Vec<Json> = exports
        .filter_map(|yaml| export(semantic, doc, yaml, &what))
        .collect();
    let mut params = Fields::of(doc, yaml, format!("query_params of {what}"))?;
    let metrics = params.texts("metrics");
    let group_by = params.texts("group_by");
    let shown = json!({
        "metrics": metrics,
        "group_by": group_by,
        "where": filters(params.json("where")),
        "order_by": params.texts("order_by"),
        "limit": params.whole("limit"),
    });
    params.finish(Unknown::Warn);
    let mut depends_on = Vec::new();
    for metric in &metrics {
        if semantic.metrics.contains_key(metric) {
            depends_on.push(semantic.metric_id(metric));
            continue;
        }
        let names = semantic.metrics.keys().map(String::as_str);
        doc.problems.push(
            Diagnostic::error(format!(
                "no metric is called '{metric}', which {what} names"
            ))
            .at(yaml.at.in_file(doc.file))
            .hint(suggest::nearest(metric, names).unwrap_or_else(|| {
                "metrics are defined in property files: metrics: - name: ...".to_owned()
            })),
        );
    }
    Some(Content {
        spec: Spec::SavedQuery(SavedQuery { metrics, group_by }),
        depends_on,
        calls: Vec::new(),
        shown: json!({
            "query_params": shown,
            "exports": exports,
            "label": label,
            "metadata": null,
        }),
    })
}

fn export(semantic: &Semantic<'_>, doc: Doc<'_>, yaml: &Yaml, what: &str) -> Option<Json> {
    let mut fields = Fields::of(doc, yaml, format!("an export of {what}"))?;
    let name = fields.required("name")?;
    let written = fields.json("config").unwrap_or_else(|| json!({}));
    fields.finish(Unknown::Warn);
    let get = |key: &str| written.get(key).and_then(Json::as_str);
    let schema = get("schema").or(get("schema_name"));
    Some(json!({
        "name": name,
        "config": {
            "export_as": get("export_as").unwrap_or("view"),
            "schema_name": schema.unwrap_or(&semantic.cx.shared.target.schema),
            "alias": get("alias").unwrap_or(&name),
            "database": &semantic.cx.shared.target.database,
        },
        "unrendered_config": written,
    }))
}
