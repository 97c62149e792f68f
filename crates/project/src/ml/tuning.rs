//! `tune` of a training job.

use forebay_core::Diagnostic;
use forebay_core::ml::{Parameters, Range, Search, Trainer, Tuning};
use forebay_core::suggest;
use indexmap::IndexMap;
use serde_json::Value;

use super::judging::{count, folds};
use crate::config::Bytes;
use crate::yaml::{Doc, Entry, Fields, Unknown, Yaml};

const SEARCHES: [(&str, Search); 3] = [
    ("grid", Search::Grid),
    ("random", Search::Random),
    ("halving", Search::Halving),
];
const TRIALS: usize = 20;
const MOST_TRIALS: usize = 10_000;

/// `{search: random, trials: 20, parameters: {max_leaves: [15, 31], learning_rate: {from: 0.01, to: 0.3, scale: log}}}`.
pub(crate) fn tuning(fields: &mut Fields<'_>, trainer: Option<&Trainer>) -> Option<Tuning> {
    let what = format!("tune of {}", fields.what);
    let mut fields = Fields::of(fields.doc, fields.get("tune")?, what)?;
    let search = match fields.get("search") {
        None => Some(Search::Random),
        Some(_) => fields.choice("search", &SEARCHES),
    };
    let trials = at_least_one(&mut fields, "trials", TRIALS, MOST_TRIALS);
    let parallel = at_least_one(&mut fields, "parallel", 1, 1_000);
    let metric = fields.text("metric").unwrap_or_default();
    let memory = fields.parsed("memory").map(|Bytes(bytes)| bytes as u64);
    let folds = folds(&mut fields);
    if folds > 0 && matches!(trainer, Some(Trainer::Script(_))) {
        let message = format!(
            "'cross_validation' of {} is for built-in trainers: a script sees the rows of one trial once",
            fields.what
        );
        fields.error(message, fields.at("cross_validation"));
    }
    let parameters = parameters(&mut fields, trainer);
    if search == Some(Search::Grid) {
        check_grid(&mut fields, &parameters);
    }
    fields.finish(Unknown::Error);
    Some(Tuning {
        search: search?,
        trials,
        metric,
        parallel,
        memory,
        folds,
        parameters,
    })
}

fn at_least_one(fields: &mut Fields<'_>, key: &'static str, default: usize, most: usize) -> usize {
    let value = count(fields, key, default, most);
    if value == 0 {
        let message = format!("'{key}' of {} must be 1 or more", fields.what);
        fields.error(message, fields.at(key));
    }
    value
}

fn check_grid(fields: &mut Fields<'_>, parameters: &IndexMap<String, Range>) {
    if fields.get("trials").is_some() {
        let message = format!(
            "a grid tries all of its points: leave 'trials' out of {}",
            fields.what
        );
        fields.error(message, fields.at("trials"));
    }
    let mut points = 1_usize;
    for (name, range) in parameters {
        match range {
            Range::Choices(choices) => points = points.saturating_mul(choices.len()),
            Range::Between { .. } => {
                let message = format!("a grid needs a list of values for '{name}', not a range");
                fields.error(message, fields.at("parameters"));
            }
        }
    }
    if points > MOST_TRIALS {
        let message = format!("{} has {points} points; {MOST_TRIALS} at most", fields.what);
        fields.error(message, fields.at("parameters"));
    }
}

fn parameters(fields: &mut Fields<'_>, trainer: Option<&Trainer>) -> IndexMap<String, Range> {
    let at = fields.at("parameters");
    let entries = fields.map("parameters");
    if entries.is_empty() {
        fields.error(format!("{} has no 'parameters' to try", fields.what), at);
    }
    let known = trainer.map(known_parameters).unwrap_or_default();
    let mut found = IndexMap::new();
    for entry in entries {
        if !known.is_empty() && !known.contains(&entry.key) {
            unknown(fields, entry, &known);
        } else if let Some(range) = range(fields.doc, &entry.key, &entry.value) {
            check_values(fields.doc, trainer, entry, &range);
            found.insert(entry.key.clone(), range);
        }
    }
    found
}

/// Empty for a script: it takes any.
fn known_parameters(trainer: &Trainer) -> Vec<String> {
    match (trainer, serde_json::json!(trainer)) {
        (Trainer::Script(_), _) => Vec::new(),
        (_, Value::Object(parameters)) => {
            let fixed = |key: &String| !["algorithm", "task"].contains(&key.as_str());
            parameters
                .keys()
                .filter(|key| fixed(key))
                .cloned()
                .collect()
        }
        _ => Vec::new(),
    }
}

fn unknown(fields: &Fields<'_>, entry: &Entry, known: &[String]) {
    let (name, what) = (&entry.key, &fields.what);
    fields.doc.problems.push(
        Diagnostic::error(format!(
            "'{name}' is no parameter of the trainer that {what} tries"
        ))
        .at(entry.key_at.in_file(fields.doc.file))
        .maybe_hint(suggest::nearest(name, known.iter().map(String::as_str))),
    );
}

/// Values of another type than the parameter's would fail every trial.
fn check_values(doc: Doc<'_>, trainer: Option<&Trainer>, entry: &Entry, range: &Range) {
    for value in range.samples() {
        let parameters = Parameters::from_iter([(entry.key.clone(), value)]);
        if let Some(Err(problem)) = trainer.map(|trainer| trainer.with(&parameters)) {
            let message = format!("parameter '{}': {problem}", entry.key);
            return doc.error(message, entry.value.at);
        }
    }
}

/// `[1, 2, 3]`, or `{from: 0.01, to: 0.3, scale: log}`.
fn range(doc: Doc<'_>, name: &str, yaml: &Yaml) -> Option<Range> {
    if let Some(items) = yaml.as_list() {
        let choices: Vec<Value> = items.iter().map(Yaml::to_json).collect();
        if choices.is_empty() {
            doc.error(format!("parameter '{name}' has no values to try"), yaml.at);
        }
        return Some(Range::Choices(choices));
    }
    let mut fields = Fields::of(doc, yaml, format!("parameter '{name}'"))?;
    let is_whole = |key| {
        yaml.get(key)
            .is_some_and(|end: &Yaml| end.to_json().is_u64())
    };
    let whole = is_whole("from") && is_whole("to");
    let (from, to) = (fields.number("from"), fields.number("to"));
    let log = match fields.get("scale") {
        None => false,
        Some(_) => fields.choice("scale", &[("log", true), ("linear", false)])?,
    };
    for key in ["from", "to"] {
        if yaml.get(key).is_none() {
            fields.missing(key);
        }
    }
    fields.finish(Unknown::Error);
    let (from, to) = (from?, to?);
    if from > to || (log && from <= 0.0) {
        let message = format!("parameter '{name}' goes from {from} to {to}, which is no range");
        doc.error(message, yaml.at);
    }
    Some(Range::Between {
        from,
        to,
        log,
        whole,
    })
}
