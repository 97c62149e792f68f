//! What can happen in the registry, and how it is told.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::Problem;
use super::super::Tracking;

/// In protobuf's words: `MODEL_VERSION`, `CREATED`.
#[derive(Deserialize)]
pub struct Event {
    entity: Option<String>,
    action: Option<String>,
}

/// `entity.action`.
const EVENTS: [&str; 14] = [
    "registered_model.created",
    "model_version.created",
    "model_version_tag.set",
    "model_version_tag.deleted",
    "model_version_alias.created",
    "model_version_alias.deleted",
    "prompt.created",
    "prompt_version.created",
    "prompt_tag.set",
    "prompt_tag.deleted",
    "prompt_version_tag.set",
    "prompt_version_tag.deleted",
    "prompt_alias.created",
    "prompt_alias.deleted",
];

pub fn name(event: &Event) -> Result<String, Problem> {
    let word = |word: &Option<String>| word.as_deref().unwrap_or_default().to_lowercase();
    let name = format!("{}.{}", word(&event.entity), word(&event.action));
    match EVENTS.contains(&name.as_str()) {
        true => Ok(name),
        false => Err(Problem::invalid(format!(
            "there is no event '{name}': write one of {}",
            EVENTS.join(", ")
        ))),
    }
}

pub fn names(events: &[Event]) -> Result<BTreeSet<String>, Problem> {
    events.iter().map(name).collect()
}

pub fn forms(events: &BTreeSet<String>) -> Vec<Value> {
    let form = |event: &String| {
        let (entity, action) = event.split_once('.').unwrap_or((event, ""));
        json!({"entity": entity.to_uppercase(), "action": action.to_uppercase()})
    };
    events.iter().map(form).collect()
}

/// The body of a delivery.
pub fn message(event: &str, data: &Value, at: DateTime<Utc>) -> String {
    let (entity, action) = event.split_once('.').unwrap_or((event, ""));
    let at = at.to_rfc3339();
    json!({"entity": entity, "action": action, "timestamp": at, "data": data}).to_string()
}

/// What a test sends in the place of something that happened.
pub fn example(event: &str) -> Value {
    let mut data = json!({"name": "example"});
    let (entity, action) = event.split_once('.').unwrap_or((event, ""));
    // An alias that is gone names no version any more.
    let is_of_version = match entity.ends_with("alias") {
        true => action == "created",
        false => entity.contains("version"),
    };
    if is_of_version {
        data["version"] = json!("1");
    }
    match entity.rsplit('_').next() {
        Some("alias") => data["alias"] = json!("example_alias"),
        Some("tag") => data["key"] = json!("example_key"),
        _ => {
            data["tags"] = json!({"example_key": "example_value"});
            data["description"] = json!("an example");
        }
    }
    match event {
        "model_version.created" => {
            data["source"] = json!("models:/m-1");
            data["run_id"] = Value::Null;
        }
        "prompt_version.created" => data["template"] = json!("Hello {{name}}!"),
        _ if action == "set" => data["value"] = json!("example_value"),
        _ => {}
    }
    data
}

/// Tells those who want to know. What goes wrong with it is logged: the change itself was made.
pub fn announce(tracking: &Tracking, event: &str, data: &Value) {
    match tracking.store.webhooks_of(event) {
        Ok(webhooks) => {
            let now = tracking.clock.now();
            for webhook in webhooks {
                tracking
                    .deliveries
                    .start(webhook, message(event, data, now), now);
            }
        }
        Err(error) => tracing::error!("webhooks of {event}: {error:?}"),
    }
}

/// Of a registered model that exists: a prompt's events have names of their own.
pub fn announce_of(tracking: &Tracking, model: &str, events: (&str, &str), data: &Value) {
    let event = match tracking.store.is_prompt(model) {
        Ok(true) => events.1,
        _ => events.0,
    };
    if !event.is_empty() {
        announce(tracking, event, data);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_named_in_protobufs_words_and_told_in_small_ones() {
        let event = |entity: &str, action: &str| Event {
            entity: Some(entity.to_owned()),
            action: Some(action.to_owned()),
        };
        let known = name(&event("MODEL_VERSION_TAG", "SET")).unwrap();
        assert_eq!(known, "model_version_tag.set");
        assert!(name(&event("MODEL_VERSION", "SET")).is_err());
        let forms = forms(&[known].into());
        assert_eq!(
            forms,
            [json!({"entity": "MODEL_VERSION_TAG", "action": "SET"})]
        );
    }

    #[test]
    fn examples_have_what_their_event_has() {
        let keys = |event| -> Vec<String> {
            let example = example(event);
            let mut keys: Vec<_> = example.as_object().unwrap().keys().cloned().collect();
            keys.sort();
            keys
        };
        assert_eq!(
            keys("model_version_tag.set"),
            ["key", "name", "value", "version"]
        );
        assert_eq!(keys("model_version_alias.deleted"), ["alias", "name"]);
        assert_eq!(keys("prompt_alias.created"), ["alias", "name", "version"]);
        assert_eq!(
            keys("registered_model.created"),
            ["description", "name", "tags"]
        );
        let version = ["description", "name", "run_id", "source", "tags", "version"];
        assert_eq!(keys("model_version.created"), version);
        assert_eq!(keys("prompt_tag.deleted"), ["key", "name"]);
    }
}
