//! What names and values may be. Too long is refused, never cut.
//!
//! The figures are MLflow's; characters are counted, not bytes.

use std::collections::BTreeMap;

use crate::Error;

pub const METRICS_A_BATCH: usize = 1000;
pub const PAIRS_A_BATCH: usize = 100;
pub const ENTITIES_A_BATCH: usize = 1000;
pub const RECORDS_A_BATCH: usize = 10_000;
const KEY: usize = 250;
const PARAM: usize = 6000;
const RUN_TAG: usize = 8000;
const EXPERIMENT_TAG: usize = 20_000;
const REGISTRY_TAG: usize = 100_000;
const EXPERIMENT_NAME: usize = 500;
const MODEL_NAME: usize = 256;
const ALIAS: usize = 255;
const DESCRIPTION: usize = 100_000;
const LOCATION: usize = 2048;

fn at_most(what: &str, limit: usize, text: &str) -> Result<(), Error> {
    // Bytes are never fewer than characters: the count is needed for long texts only.
    if text.len() <= limit || text.chars().count() <= limit {
        return Ok(());
    }
    Err(Error::invalid(format!(
        "{what} is longer than {limit} characters"
    )))
}

/// Keys become paths in some stores, so MLflow lets none look like a path that means another.
fn key(what: &str, key: &str) -> Result<(), Error> {
    let is_allowed = |c: char| c.is_alphanumeric() || "_/.-: ".contains(c);
    if key.is_empty() {
        return Err(Error::invalid(format!("a {what} needs a name")));
    }
    if let Some(odd) = key.chars().find(|c| !is_allowed(*c)) {
        return Err(Error::invalid(format!(
            "the {what} name {key:?} has the character {odd:?}: letters, digits, spaces and _ - . : / are allowed"
        )));
    }
    if !is_plain_path(key) {
        return Err(Error::invalid(format!(
            "the {what} name '{key}' is not plain: no '//', no '.' or '..' between slashes, none at the ends"
        )));
    }
    at_most(&format!("the {what} name"), KEY, key)
}

fn is_plain_path(text: &str) -> bool {
    text.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

pub fn metric(metric: &crate::Metric) -> Result<(), Error> {
    key("metric", &metric.key)?;
    match metric.timestamp_ms < 0 {
        true => Err(Error::invalid(format!(
            "metric '{}' has the time {}: it is milliseconds since 1970",
            metric.key, metric.timestamp_ms
        ))),
        false => Ok(()),
    }
}

pub fn params(params: &BTreeMap<String, String>) -> Result<(), Error> {
    params.iter().try_for_each(|(name, value)| {
        key("parameter", name)?;
        at_most(&format!("the value of parameter '{name}'"), PARAM, value)
    })
}

pub fn run_tags(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    self::tags(tags, RUN_TAG)
}

pub fn experiment_tags(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    self::tags(tags, EXPERIMENT_TAG)
}

pub fn registry_tags(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    self::tags(tags, REGISTRY_TAG)
}

fn tags(tags: &BTreeMap<String, String>, limit: usize) -> Result<(), Error> {
    tags.iter().try_for_each(|(name, value)| {
        key("tag", name)?;
        at_most(&format!("the value of tag '{name}'"), limit, value)
    })
}

/// Of a trace that is there already.
pub fn trace_tags(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    self::tags(tags, RUN_TAG)
}

/// Of a trace: tags and metadata. Its metadata hold previews of what went in and out.
pub fn trace_pairs(pairs: &BTreeMap<String, String>) -> Result<(), Error> {
    pairs.iter().try_for_each(|(name, value)| {
        if name.is_empty() {
            return Err(Error::invalid("a trace's tag needs a name"));
        }
        at_most("the name of a trace's tag", KEY, name)?;
        at_most(&format!("the value of '{name}'"), RUN_TAG, value)
    })
}

pub fn evaluation_dataset_name(name: &str) -> Result<(), Error> {
    match name.trim().is_empty() {
        true => Err(Error::invalid("an evaluation dataset needs a name")),
        false => at_most("the dataset's name", 255, name),
    }
}

pub fn evaluation_tags(tags: &BTreeMap<String, String>) -> Result<(), Error> {
    tags.iter().try_for_each(|(name, value)| {
        at_most("the name of a dataset's tag", 255, name)?;
        at_most(&format!("the value of tag '{name}'"), 5000, value)
    })
}

pub fn scorer(name: &str, serialized: &str) -> Result<(), Error> {
    if name.trim().is_empty() {
        return Err(Error::invalid("a scorer needs a name"));
    }
    if serde_json::from_str::<serde::de::IgnoredAny>(serialized).is_err() {
        return Err(Error::invalid(format!(
            "the scorer '{name}' must be the text of a JSON value"
        )));
    }
    at_most("the scorer's name", 256, name)?;
    at_most("the scorer", 16_777_215, serialized)
}

/// Ids become folders of artifacts.
pub fn trace_id(id: &str) -> Result<(), Error> {
    let digits = id.strip_prefix("tr-").unwrap_or(id);
    let is_id = !digits.is_empty()
        && digits
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || c == '-');
    match is_id {
        true => at_most("the trace's id", 50, id),
        false => Err(Error::invalid(format!(
            "{id:?} is no trace id: write tr- and hexadecimal digits"
        ))),
    }
}

pub fn assessment_name(name: &str) -> Result<(), Error> {
    match name.is_empty() {
        true => Err(Error::invalid("an assessment needs a name")),
        false => at_most("the assessment's name", KEY, name),
    }
}

pub fn experiment_name(name: &str) -> Result<(), Error> {
    match name.trim().is_empty() {
        true => Err(Error::invalid("an experiment needs a name")),
        false => at_most("the experiment's name", EXPERIMENT_NAME, name),
    }
}

pub fn location(location: &str) -> Result<(), Error> {
    at_most("the artifact location", LOCATION, location)
}

pub fn model_name(name: &str) -> Result<(), Error> {
    if name.trim().is_empty() {
        return Err(Error::invalid("a registered model needs a name"));
    }
    if name.contains(['/', ':']) || !is_plain_path(name) {
        return Err(Error::invalid(format!(
            "the model name '{name}' may have no '/' or ':', and be neither '.' nor '..'"
        )));
    }
    at_most("the model's name", MODEL_NAME, name)
}

pub fn logged_model_name(name: &str) -> Result<(), Error> {
    if name.is_empty() || name.contains(['/', ':', '.', '%', '"', '\'']) {
        return Err(Error::invalid(format!(
            "the model name {name:?} must not be empty, nor have any of / : . % \" '"
        )));
    }
    at_most("the model's name", EXPERIMENT_NAME, name)
}

pub fn description(text: &str) -> Result<(), Error> {
    at_most("the description", DESCRIPTION, text)
}

/// `models:/name@alias` and `models:/name/3` are told apart by what an alias may not be.
pub fn alias(alias: &str) -> Result<(), Error> {
    let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if alias.is_empty() || !alias.chars().all(is_word) {
        return Err(Error::invalid(format!(
            "the alias '{alias}' may have letters, digits, '_' and '-' only"
        )));
    }
    let digits = alias.strip_prefix(['v', 'V']);
    let is_version = digits.is_some_and(|d| !d.is_empty() && d.chars().all(|c| c.is_ascii_digit()));
    if is_version || alias.eq_ignore_ascii_case("latest") {
        return Err(Error::invalid(format!("the alias '{alias}' is reserved")));
    }
    at_most("the alias", ALIAS, alias)
}

pub fn webhook(webhook: &crate::registry::Webhook) -> Result<(), Error> {
    let name = &webhook.name;
    let is_end = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !is_end(name.chars().next()) || !is_end(name.chars().last()) || !name.chars().all(is_part) {
        return Err(Error::invalid(format!(
            "the webhook name {name:?} must be letters, digits, '.', '_' and '-', a letter or digit at its ends"
        )));
    }
    if webhook.events.is_empty() {
        return Err(Error::invalid("a webhook needs events to be told of"));
    }
    at_most("the webhook's name", 63, name)?;
    at_most("the webhook's address", 500, &webhook.url)?;
    at_most("the webhook's description", 1000, &webhook.description)?;
    at_most("the webhook's secret", 1000, &webhook.secret.0)
}

pub fn batch(what: &str, count: usize, limit: usize) -> Result<(), Error> {
    match count > limit {
        true => Err(Error::invalid(format!(
            "a batch may have {limit} {what} at most, this one has {count}"
        ))),
        false => Ok(()),
    }
}

/// Of an input: its figures are those of MLflow's columns.
pub fn dataset(dataset: &crate::Dataset, tags: &BTreeMap<String, String>) -> Result<(), Error> {
    if dataset.name.is_empty() || dataset.digest.is_empty() {
        return Err(Error::invalid("a dataset needs a name and a digest"));
    }
    at_most("the dataset's name", 500, &dataset.name)?;
    at_most("the dataset's digest", 36, &dataset.digest)?;
    at_most("the dataset's source", 65_535, &dataset.source)?;
    at_most(
        "the dataset's schema",
        1_048_575,
        dataset.schema.as_deref().unwrap_or_default(),
    )?;
    at_most(
        "the dataset's profile",
        16_777_215,
        dataset.profile.as_deref().unwrap_or_default(),
    )?;
    tags.iter().try_for_each(|(key, value)| {
        at_most("an input tag's name", 255, key)?;
        at_most("an input tag's value", 500, value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_may_not_look_like_another_path() {
        for good in [
            "a",
            "val/loss",
            "x.y-z:1",
            "learning rate",
            "größe",
            "mlflow.source.name",
        ] {
            assert_eq!(key("metric", good), Ok(()), "{good}");
        }
        for bad in [
            "", "/a", "a/", "a//b", "../a", "a/../b", ".", "a\\b", "a%2fb", "a\0", "a;b",
        ] {
            assert!(key("metric", bad).is_err(), "{bad}");
        }
        let of_length = |length| key("metric", &"k".repeat(length));
        assert!(of_length(250).is_ok() && of_length(251).is_err());
    }

    #[test]
    fn lengths_are_counted_in_characters_and_refused_beyond() {
        let param = |value: String| params(&BTreeMap::from([("p".to_owned(), value)]));
        assert!(param("ü".repeat(6000)).is_ok());
        assert!(param("ü".repeat(6001)).is_err());
    }

    #[test]
    fn an_alias_is_neither_a_version_nor_the_latest() {
        for good in ["champion", "v", "v1a", "a-b_c", "2"] {
            assert_eq!(alias(good), Ok(()), "{good}");
        }
        for bad in ["", "v1", "V12", "latest", "Latest", "a b", "a/b", "a.b"] {
            assert!(alias(bad).is_err(), "{bad}");
        }
    }
}
