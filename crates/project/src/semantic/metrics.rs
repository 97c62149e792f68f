//! Metrics: numbers over measures, or over other metrics.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use forebay_core::semantic::Metric;
use forebay_core::{Diagnostic, NodeId, ResourceType, Spec, suggest};
use regex::Regex;
use serde_json::{Map, Value as Json, json};

use super::{Semantic, filters};
use crate::nodes::{Content, Entry, Item, Outcome};
use crate::yaml::{Doc, Fields, Mark, Unknown, Yaml};

const KINDS: &[(&str, &str)] = &[
    ("simple", "simple"),
    ("ratio", "ratio"),
    ("cumulative", "cumulative"),
    ("derived", "derived"),
    ("conversion", "conversion"),
];

pub(super) fn read(semantic: &Semantic<'_>, item: &Item) -> Outcome {
    let (cx, kind) = (semantic.cx, ResourceType::Metric);
    let Some(mut entry) = Entry::open(cx, kind, |file| &file.metrics, item) else {
        return Outcome::Broken;
    };
    let content = content(semantic, &mut entry);
    entry.finish(cx, content)
}

fn content(semantic: &Semantic<'_>, entry: &mut Entry<'_>) -> Option<Content> {
    let named = is_name(&entry.name);
    if !named {
        let message = format!("'{}' cannot be the name of a metric", entry.name);
        semantic.cx.problems.push(
            Diagnostic::error(message)
                .at(entry.at().in_file(entry.fields.doc.file))
                .hint("use letters, digits and underscores, beginning with a letter"),
        );
    }
    let name = entry.name.clone();
    let fields = &mut entry.fields;
    let label = fields.required("label");
    if fields.get("type").is_none() {
        fields.missing("type");
    }
    let kind = fields.choice_in_any_case("type", KINDS);
    let (filter, granularity) = (fields.json("filter"), fields.text("time_granularity"));
    check_filter(fields, filter.as_ref());
    let Some(yaml) = fields.get("type_params") else {
        fields.missing("type_params");
        return None;
    };
    let what = fields.what.clone();
    let mut params = Fields::of(fields.doc, yaml, format!("type_params of {what}"))?;
    let kind = kind?;
    let shown = type_params(fields.doc, &mut params, kind);
    params.finish(Unknown::Warn);
    let depends_on = parents(semantic, fields.doc, yaml, kind, &what)?;
    let mut shown = shown?;
    shown.insert("input_measures".into(), inputs(semantic, &name).into());
    let (true, Some(label)) = (named, label) else {
        return None;
    };
    let shown = json!({
        "label": label,
        "type": kind,
        "type_params": shown,
        "filter": filters(filter),
        "metadata": null,
        "time_granularity": granularity,
        "metrics": [],
    });
    let spec = Metric {
        kind: kind.to_owned(),
        label,
    };
    Some(Content {
        spec: Spec::Metric(spec),
        depends_on,
        calls: Vec::new(),
        shown,
    })
}

fn is_name(name: &str) -> bool {
    let word = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    word && name.starts_with(|c: char| c.is_ascii_alphabetic()) && name.len() <= 250
}

fn type_params(doc: Doc<'_>, fields: &mut Fields<'_>, kind: &str) -> Option<Map<String, Json>> {
    let needed: &[&'static str] = match kind {
        "simple" | "cumulative" => &["measure"],
        "ratio" => &["numerator", "denominator"],
        "derived" => &["metrics"],
        _ => &["conversion_type_params"],
    };
    let missing: Vec<_> = needed
        .iter()
        .filter(|key| fields.get(key).is_none())
        .collect();
    missing.iter().for_each(|key| fields.missing(key));
    if !missing.is_empty() {
        return None;
    }
    let expr = fields.json("expr").map(|expr| match expr {
        Json::String(text) => text,
        other => crate::jinja::python_repr(&other),
    });
    let window = fields.text("window");
    let grain = fields.text("grain_to_date");
    let metrics = fields
        .list("metrics")
        .iter()
        .map(|yaml| metric_input(&yaml.to_json()));
    let metrics: Vec<Json> = metrics.collect();
    let json = |json: Option<Json>, read: fn(&Json) -> Json| json.as_ref().map(read);
    let params = json!({
        "measure": json(fields.json("measure"), measure_input),
        "numerator": json(fields.json("numerator"), metric_input),
        "denominator": json(fields.json("denominator"), metric_input),
        "expr": expr,
        "window": window.as_deref().map(|text| period(doc, text, fields.at("window"))),
        "grain_to_date": grain,
        "metrics": metrics,
        "conversion_type_params": json(fields.json("conversion_type_params"), conversion),
        "cumulative_type_params": cumulative(fields.json("cumulative_type_params"), kind, window.as_deref(), grain.as_deref()),
        "metric_aggregation_params": null,
    });
    match params {
        Json::Object(params) => Some(params),
        _ => None,
    }
}

/// A dimension in a filter is named with its entity: `order__status`.
fn check_filter(fields: &Fields<'_>, filter: Option<&Json>) {
    static CALL: LazyLock<Regex> = LazyLock::new(|| {
        let pattern = r#"\b(?:Time)?Dimension\(\s*['"](?<name>[^'"]*)['"]"#;
        Regex::new(pattern).expect("a valid pattern")
    });
    let texts = filter.and_then(Json::as_array).map_or_else(
        || filter.into_iter().collect::<Vec<_>>(),
        |all| all.iter().collect(),
    );
    let texts = texts.into_iter().filter_map(Json::as_str);
    for call in texts.flat_map(|text| CALL.captures_iter(text)) {
        let name = &call["name"];
        if !name.contains("__") && name != "metric_time" {
            let message = format!(
                "the filter of {} names a dimension '{name}' without its entity",
                fields.what
            );
            let at = fields.at("filter").in_file(fields.doc.file);
            let hint = format!("an entity and two underscores stand before it: order__{name}");
            fields
                .doc
                .problems
                .push(Diagnostic::error(message).at(at).hint(hint));
        }
    }
}

/// A measure by its name, or with how it is to be read.
fn measure_input(written: &Json) -> Json {
    let get = |key: &str| written.get(key).cloned().unwrap_or_default();
    json!({
        "name": name(written),
        "filter": filters(written.get("filter").cloned()),
        "alias": get("alias"),
        "join_to_timespine": written.get("join_to_timespine").and_then(Json::as_bool).unwrap_or(false),
        "fill_nulls_with": get("fill_nulls_with"),
    })
}

fn metric_input(written: &Json) -> Json {
    let get = |key: &str| written.get(key).cloned().unwrap_or_default();
    let window = written.get("offset_window").and_then(Json::as_str);
    json!({
        "name": name(written),
        "filter": filters(written.get("filter").cloned()),
        "alias": get("alias"),
        "offset_window": window.and_then(parsed_period),
        "offset_to_grain": get("offset_to_grain"),
    })
}

fn name(written: &Json) -> &str {
    let found = written.as_str().or_else(|| written.get("name")?.as_str());
    found.unwrap_or_default()
}

fn conversion(written: &Json) -> Json {
    let get = |key: &str| written.get(key).cloned().unwrap_or_default();
    let window = written.get("window").and_then(Json::as_str);
    json!({
        "base_measure": measure_input(&get("base_measure")),
        "conversion_measure": measure_input(&get("conversion_measure")),
        "entity": get("entity"),
        "calculation": written.get("calculation").cloned().unwrap_or_else(|| json!("conversion_rate")),
        "window": window.and_then(parsed_period),
        "constant_properties": get("constant_properties"),
    })
}

/// Older projects write window and grain beside these parameters.
fn cumulative(
    written: Option<Json>,
    kind: &str,
    window: Option<&str>,
    grain: Option<&str>,
) -> Json {
    if kind != "cumulative" {
        return Json::Null;
    }
    let written = written.unwrap_or_default();
    let own = |key: &str| written.get(key).and_then(Json::as_str);
    json!({
        "window": own("window").or(window).and_then(parsed_period),
        "grain_to_date": own("grain_to_date").or(grain),
        "period_agg": own("period_agg").unwrap_or("first"),
        "metric": null,
    })
}

/// `28 days`.
fn parsed_period(text: &str) -> Option<Json> {
    let text = text.to_lowercase();
    let (count, grain) = text.split_once(' ')?;
    let count: u64 = count.parse().ok()?;
    let standard = [
        "nanosecond",
        "microsecond",
        "millisecond",
        "second",
        "minute",
        "hour",
        "day",
        "week",
        "month",
        "quarter",
        "year",
    ];
    let single = grain
        .strip_suffix('s')
        .filter(|grain| standard.contains(grain));
    Some(json!({"count": count, "granularity": single.unwrap_or(grain)}))
}

fn period(doc: Doc<'_>, text: &str, at: Mark) -> Json {
    parsed_period(text).unwrap_or_else(|| {
        let message = format!("'{text}' is no window: write a number and a unit, such as 28 days");
        doc.error(message, at);
        Json::Null
    })
}

/// The semantic models of its measures, or the metrics that it is made of.
fn parents(
    semantic: &Semantic<'_>,
    doc: Doc<'_>,
    params: &Yaml,
    kind: &str,
    what: &str,
) -> Option<Vec<NodeId>> {
    let mut found: Vec<NodeId> = Vec::new();
    let mut good = true;
    for yaml in inputs_of(params, kind) {
        let json = yaml.to_json();
        let input = name(&json);
        let (id, thing, known): (_, _, Vec<&String>) = match kind {
            "ratio" | "derived" => {
                let known = semantic.metrics.contains_key(input);
                let id = known.then(|| semantic.metric_id(input));
                (id, "metric", semantic.metrics.keys().collect())
            }
            _ => {
                let id = semantic.measures.get(input).cloned();
                (
                    id,
                    "measure of a semantic model",
                    semantic.measures.keys().collect(),
                )
            }
        };
        let Some(id) = id else {
            good = false;
            let message = format!("no {thing} is called '{input}', which {what} names");
            doc.problems.push(
                Diagnostic::error(message)
                    .at(yaml.at.in_file(doc.file))
                    .maybe_hint(suggest::nearest(
                        input,
                        known.iter().map(|name| name.as_str()),
                    )),
            );
            continue;
        };
        if !found.contains(&id) {
            found.push(id);
        }
    }
    good.then_some(found)
}

fn inputs_of<'y>(params: &'y Yaml, kind: &str) -> Vec<&'y Yaml> {
    let get = |key: &str| params.get(key);
    match kind {
        "simple" | "cumulative" => get("measure").into_iter().collect(),
        "ratio" => [get("numerator"), get("denominator")]
            .into_iter()
            .flatten()
            .collect(),
        "derived" => get("metrics")
            .and_then(Yaml::as_list)
            .unwrap_or_default()
            .iter()
            .collect(),
        _ => {
            let conversion = get("conversion_type_params");
            let of = |key: &str| conversion.and_then(|params| params.get(key));
            [of("base_measure"), of("conversion_measure")]
                .into_iter()
                .flatten()
                .collect()
        }
    }
}

/// All measures below a metric, each once.
fn inputs(semantic: &Semantic<'_>, metric: &str) -> Vec<Json> {
    let mut found = Vec::new();
    collect(semantic, metric, &mut found, &mut BTreeSet::new());
    found
}

fn collect(
    semantic: &Semantic<'_>,
    metric: &str,
    found: &mut Vec<Json>,
    seen: &mut BTreeSet<String>,
) {
    let Some(written) = semantic.metrics.get(metric) else {
        return;
    };
    if !seen.insert(metric.to_owned()) {
        return;
    }
    let params = &written["type_params"];
    let mut measure = |written: &Json| {
        let input = measure_input(written);
        if !written.is_null() && !found.contains(&input) {
            found.push(input);
        }
    };
    match &*written["type"].as_str().unwrap_or_default().to_lowercase() {
        "simple" | "cumulative" => measure(&params["measure"]),
        "conversion" => {
            measure(&params["conversion_type_params"]["base_measure"]);
            measure(&params["conversion_type_params"]["conversion_measure"]);
        }
        "ratio" => {
            for key in ["numerator", "denominator"] {
                collect(semantic, name(&params[key]), found, seen);
            }
        }
        _ => {
            for input in params["metrics"].as_array().into_iter().flatten() {
                collect(semantic, name(input), found, seen);
            }
        }
    }
}
