//! Exposures: what uses the project's tables from outside.

use forebay_core::exposure::{Exposure, Owner};
use forebay_core::{Diagnostic, ResourceType, Spec};
use serde_json::json;

use super::item::{Content, Entry, Item};
use super::{Cx, Outcome};
use crate::jinja::{Asker, Names, RefCall};
use crate::link;
use crate::yaml::{Doc, Fields};

const KINDS: &[(&str, &str)] = &[
    ("dashboard", "dashboard"),
    ("notebook", "notebook"),
    ("analysis", "analysis"),
    ("ml", "ml"),
    ("application", "application"),
];

const MATURITIES: &[(&str, &str)] = &[("low", "low"), ("medium", "medium"), ("high", "high")];

pub(crate) fn exposure(cx: &Cx<'_>, names: &Names, item: &Item) -> Outcome {
    let kind = ResourceType::Exposure;
    let Some(mut entry) = Entry::open(cx, kind, |file| &file.exposures, item) else {
        return Outcome::Broken;
    };
    let content = content(cx, names, &mut entry.fields);
    entry.finish(cx, content)
}

fn content(cx: &Cx<'_>, names: &Names, fields: &mut Fields<'_>) -> Option<Content> {
    if fields.get("type").is_none() {
        fields.missing("type");
    }
    let kind = fields.choice("type", KINDS);
    let owner = owner(fields);
    let (label, url) = (fields.text("label"), fields.only_text("url"));
    let maturity = fields.choice("maturity", MATURITIES);
    let (mut depends_on, mut calls, mut metrics) = (Vec::new(), Vec::new(), Vec::new());
    let doc = fields.doc;
    for yaml in fields.list("depends_on") {
        let text = yaml.as_text().unwrap_or_default();
        let at = yaml.at.in_file(doc.file);
        if let Some(metric) = metric(text) {
            metrics.push(metric);
            continue;
        }
        let Some(call) = RefCall::parse(text) else {
            let what = &fields.what;
            let message = format!("'{text}' is nothing that {what} can depend on");
            // As in dbt, what calls nothing is nothing.
            let problem = match text.contains('(') {
                true => Diagnostic::error(message),
                false => Diagnostic::warning(message),
            };
            cx.problems.push(
                problem
                    .at(at)
                    .hint("write ref('model'), source('source', 'table') or metric('metric')"),
            );
            continue;
        };
        let asker = Asker {
            package: &cx.package.name,
            group: None,
        };
        let found = link::resolve(names, asker, &call).map_err(|problem| problem.at(at));
        if let Some(id) = cx.problems.keep(found)
            && !depends_on.contains(&id)
        {
            depends_on.push(id);
        }
        calls.push(call);
    }
    let owner = owner?;
    let shown = json!({
        "type": kind,
        "owner": owner,
        "label": label,
        "maturity": maturity,
        "url": url,
        "metrics": metrics.iter().map(|metric| [metric]).collect::<Vec<_>>(),
    });
    let metrics = metrics.iter();
    depends_on.extend(metrics.map(|metric| cx.id(ResourceType::Metric, metric, None)));
    let spec = Exposure {
        kind: kind?.to_owned(),
        owner,
        label,
        url,
        maturity: maturity.map(str::to_owned),
    };
    Some(Content {
        spec: Spec::Exposure(spec),
        depends_on,
        calls,
        shown,
    })
}

/// `metric('revenue')`.
fn metric(text: &str) -> Option<String> {
    let inner = text.trim().strip_prefix("metric(")?.strip_suffix(')')?;
    Some(inner.trim().trim_matches(['\'', '"']).to_owned())
}

/// Has to have a name or an address.
pub(crate) fn owner(fields: &mut Fields<'_>) -> Option<Owner> {
    let doc: Doc<'_> = fields.doc;
    let Some(yaml) = fields.get("owner") else {
        fields.missing("owner");
        return None;
    };
    let mut owner = Fields::of(doc, yaml, format!("the owner of {}", fields.what))?;
    let email = owner.texts("email").join(", ");
    let found = Owner {
        name: owner.text("name"),
        email: (!email.is_empty()).then_some(email),
        more: owner
            .rest()
            .map(|entry| (entry.key.clone(), entry.value.to_json()))
            .collect(),
    };
    if found.name.is_none() && found.email.is_none() {
        let message = format!("{} has neither a name nor an email", owner.what);
        let problem = Diagnostic::error(message).at(yaml.at.in_file(owner.doc.file));
        owner
            .doc
            .problems
            .push(problem.hint("owner: {name: ..., email: ...}"));
        return None;
    }
    Some(found)
}
