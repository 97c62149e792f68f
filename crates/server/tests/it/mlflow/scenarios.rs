//! The same requests as were asked of an MLflow server: our answers are its answers, but for the
//! differences that `tests/mlflow/differences.txt` gives reasons for.
//!
//! `tests/mlflow/record.py` asks a server again and writes its answers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value, json};

use super::{API, Server, server};
use crate::fake::text;

/// `label: METHOD path [body] [-> name=/pointer]`
struct Step {
    label: String,
    method: String,
    path: String,
    /// JSON, or a text in angle brackets.
    body: String,
    /// A part of the answer that later steps name.
    keep: Option<(String, String)>,
}

type Kept = BTreeMap<String, String>;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mlflow")
}

fn steps(text: &str) -> Vec<Step> {
    let line =
        Regex::new(r"^([\w-]+): (\w+) (\S+)(?: (\{.*\}|<.*>))?(?: -> (\w+)=(\S+))?$").unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let step = |text: &str| {
        let found = line
            .captures(text)
            .unwrap_or_else(|| panic!("no step: {text}"));
        let part = |n: usize| found.get(n).map_or("", |part| part.as_str()).to_owned();
        Step {
            label: part(1),
            method: part(2),
            path: part(3),
            body: part(4),
            keep: found.get(5).map(|_| (part(5), part(6))),
        }
    };
    lines.map(step).collect()
}

/// `$name` is what was kept under that name.
fn fill(text: &str, kept: &Kept) -> String {
    let name = Regex::new(r"\$(\w+)").unwrap();
    name.replace_all(text, |found: &regex::Captures<'_>| kept[&found[1]].clone())
        .into_owned()
}

/// `@repeat v 5`, `@pairs 5` and `@metrics 5` stand for what is too long to be written.
fn expand(value: Value) -> Value {
    match value {
        Value::Array(items) => items.into_iter().map(expand).collect(),
        Value::Object(map) => Value::Object(
            map.into_iter()
                .map(|(key, value)| (key, expand(value)))
                .collect(),
        ),
        Value::String(text) => match text.split(' ').collect::<Vec<_>>()[..] {
            ["@repeat", what, count] => json!(what.repeat(count.parse().unwrap())),
            ["@pairs", count] => {
                let pair = |n: u32| json!({"key": format!("k{n}"), "value": "v"});
                (0..count.parse().unwrap()).map(pair).collect()
            }
            ["@metrics", count] => {
                let metric = |n: u32| json!({"key": "m", "value": n, "timestamp": 1, "step": n});
                (0..count.parse().unwrap()).map(metric).collect()
            }
            _ => json!(text),
        },
        other => other,
    }
}

async fn ask(server: &Server, step: &Step, kept: &Kept) -> Value {
    let path = fill(&step.path, kept);
    let path = if path.starts_with('/') {
        path
    } else {
        format!("{API}/{path}")
    };
    let body = match step.body.strip_prefix('<') {
        Some(text) => text.trim_end_matches('>').to_owned(),
        None if step.body.is_empty() => String::new(),
        None => expand(serde_json::from_str(&fill(&step.body, kept)).unwrap()).to_string(),
    };
    let (status, response) = server.send(&step.method, &path, body).await;
    let said = text(response).await;
    let body = serde_json::from_str(&said).unwrap_or(Value::String(said));
    json!({"status": status, "body": body})
}

/// Without what differs each time: ids, times, tokens, the order of pairs, and the words of errors;
/// and without what differs everywhere, which is said at the top of the list of differences.
fn normal(answer: &Value, kept: &Kept) -> Value {
    if answer["status"].as_u64() >= Some(400) {
        return json!({"status": answer["status"], "error": answer["body"]["error_code"]});
    }
    let mut body = plain(&answer["body"], kept);
    if body == json!("") {
        body = json!({});
    }
    json!({"status": answer["status"], "body": body})
}

fn plain(value: &Value, kept: &Kept) -> Value {
    match value {
        Value::Number(number) if number.as_f64() >= Some(f64::MAX) => json!("Infinity"),
        Value::Number(number) if number.as_f64() <= Some(f64::MIN) => json!("-Infinity"),
        Value::Number(number) if number.as_i64() > Some(1_600_000_000_000) => json!("<time>"),
        Value::String(text) => plain_text(text, kept),
        Value::Array(items) => {
            let items: Value = items.iter().map(|item| plain(item, kept)).collect();
            by(&items, "key")
        }
        Value::Object(map) => {
            let member = |(key, value): (&String, &Value)| {
                let value = match key.as_str() {
                    "creation_time" | "last_update_time" => json!("<time>"),
                    "next_page_token" => json!("<token>"),
                    "latest_versions" => by(&plain(value, kept), "version"),
                    _ => plain(value, kept),
                };
                (key.clone(), value)
            };
            let mut plain: Map<_, _> = map.iter().map(member).collect();
            let is_version = plain.contains_key("current_stage");
            plain.retain(|key, value| match key.as_str() {
                "workspace" | "mlflow.trace.infoFinalized" => false,
                "model_id" | "aliases" => !is_version,
                _ => *value != json!({}),
            });
            Value::Object(plain)
        }
        other => other.clone(),
    }
}

/// Sorted by a text that all have, where they do.
fn by(items: &Value, name: &str) -> Value {
    let mut items = items.as_array().cloned().unwrap_or_default();
    if items.iter().all(|item| item.get(name).is_some()) {
        items.sort_by_key(|item| item[name].as_str().map(str::to_owned));
    }
    Value::Array(items)
}

static ID: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new("[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|^[0-9a-f]{8}$").unwrap()
});
static TIME: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"^20[2-9]\d-\d\d-\d\dT[\d:.]+Z$").unwrap());

fn plain_text(text: &str, kept: &Kept) -> Value {
    if let Ok(inner @ (Value::Array(_) | Value::Object(_))) = serde_json::from_str(text) {
        return plain(&inner, kept);
    }
    let mut text = text.to_owned();
    for (name, value) in kept.iter().filter(|(_, value)| value.len() > 7) {
        text = text.replace(value, &format!("${name}"));
    }
    let text = ID.replace_all(&text, "<id>").into_owned();
    json!(TIME.replace_all(&text, "<time>"))
}

/// Where two answers part, member by member.
fn differing(path: &str, theirs: &Value, ours: &Value, found: &mut Vec<String>) {
    match (theirs, ours) {
        (Value::Object(a), Value::Object(b)) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                differing(&format!("{path}/{name}"), &theirs[name], &ours[name], found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (n, (a, b)) in a.iter().zip(b).enumerate() {
                differing(&format!("{path}/{n}"), a, b, found);
            }
        }
        (a, b) if a == b => {}
        (a, b) => {
            let short = |value: &Value| value.to_string().chars().take(300).collect::<String>();
            found.push(format!("{path}: theirs {}, ours {}", short(a), short(b)));
        }
    }
}

/// `file/label: reason`
fn differences() -> BTreeMap<String, String> {
    let text = std::fs::read_to_string(folder().join("differences.txt")).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    let pair = |line: &str| {
        let (label, reason) = line
            .split_once(": ")
            .unwrap_or_else(|| panic!("no reason: {line}"));
        (label.to_owned(), reason.to_owned())
    };
    lines.map(pair).collect()
}

#[tokio::test]
async fn answers_are_mlflows_but_for_the_listed_differences() {
    let server = server();
    let known = differences();
    let (mut theirs, mut ours) = (Kept::new(), Kept::new());
    let (mut wrong, mut seen) = (Vec::new(), BTreeSet::new());
    let mut files: Vec<PathBuf> = std::fs::read_dir(folder().join("scenarios"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    for file in files {
        let name = file.file_stem().unwrap().to_str().unwrap();
        let steps = steps(&std::fs::read_to_string(&file).unwrap());
        let answers = folder().join("answers").join(format!("{name}.jsonl"));
        let answers = std::fs::read_to_string(answers).unwrap();
        let answers: Vec<Value> = answers
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        assert_eq!(
            steps.len(),
            answers.len(),
            "{name} was recorded before it was written"
        );
        for (step, recorded) in steps.iter().zip(&answers) {
            assert_eq!(
                step.label, recorded["label"],
                "{name} was recorded in another order"
            );
            let answered = ask(&server, step, &ours).await;
            if let Some((key, pointer)) = &step.keep {
                let value = answered["body"].pointer(pointer).and_then(Value::as_str);
                let value = value.unwrap_or_else(|| panic!("{name}/{}: {answered}", step.label));
                ours.insert(key.clone(), value.to_owned());
                theirs.insert(
                    key.clone(),
                    recorded["kept"][key].as_str().unwrap().to_owned(),
                );
            }
            let (expected, found) = (normal(recorded, &theirs), normal(&answered, &ours));
            let label = format!("{name}/{}", step.label);
            match (expected == found, known.contains_key(&label)) {
                (true, false) => {}
                (true, true) => {
                    wrong.push(format!("{label} differs no more: leave it out of the list"))
                }
                (false, true) => drop(seen.insert(label)),
                (false, false) => {
                    let mut parts = vec![label];
                    differing("", &expected, &found, &mut parts);
                    wrong.push(parts.join("\n  "));
                }
            }
        }
    }
    wrong.extend(
        known
            .keys()
            .filter(|label| !seen.contains(*label))
            .map(|label| format!("{label} is no step")),
    );
    assert!(
        wrong.is_empty(),
        "{} differences:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
