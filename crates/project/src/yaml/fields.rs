//! Reads the keys of a mapping one by one; what was never asked for is an unknown key.

use std::str::FromStr;

use forebay_core::{Diagnostic, Location, suggest};
use serde_json::Value as Json;

use super::{Entry, Mark, Value, Yaml};
use crate::config::is_setting;
use crate::problems::Problems;

/// A file that is being read.
#[derive(Clone, Copy)]
pub(crate) struct Doc<'a> {
    pub file: &'a str,
    pub problems: &'a Problems,
}

impl Doc<'_> {
    pub fn error(&self, message: impl Into<String>, at: Mark) {
        self.problems
            .push(Diagnostic::error(message).at(at.in_file(self.file)));
    }

    pub fn warning(&self, message: impl Into<String>, at: Mark) {
        self.problems
            .push(Diagnostic::warning(message).at(at.in_file(self.file)));
    }
}

/// What an unknown key is: an error in our files, a warning where dbt tolerates it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unknown {
    Error,
    Warn,
}

/// What is written behind keys that have to be there.
const FORMS: &[(&str, &str)] = &[
    ("expect", "expect: {rows: [{a_column: 1}]}"),
    (
        "given",
        "given: [{input: ref('a_model'), rows: [{a_column: 1}]}]",
    ),
    ("label", "label: and how it is shown"),
    ("search_order", "search_order: and a list of packages"),
    ("tables", "tables: [{name: ...}]"),
    ("data_type", "data_type: integer"),
    ("model", "model: ref('a_model')"),
    ("name", "name: and a word, such as orders"),
    ("owner", "owner: {name: ..., email: ...}"),
    (
        "profile",
        "profile: and the name of a profile in profiles.yml",
    ),
    (
        "type",
        "type: and its kind, such as dashboard for an exposure or simple for a metric",
    ),
    ("type_params", "type_params: {measure: ...}"),
];

/// What to write where something else stands.
pub(crate) fn form_of(wanted: &str) -> Option<String> {
    let form = match wanted {
        "a list" => "each item of a list has a hyphen before it: - name: ...",
        "a mapping" | "a mapping (key: value)" => {
            "a mapping has lines of key: value, further in than its own key"
        }
        "a text" => "put it in quotes",
        "a text or a list of texts" => "one in quotes, or a list: ['a', 'b']",
        "true or false" => "write true or false, without quotes",
        _ => return None,
    };
    Some(form.to_owned())
}

/// How many known keys a hint names.
const LISTED: usize = 12;

/// The keys of one mapping. A key with nothing behind it counts as absent.
pub(crate) struct Fields<'a> {
    pub doc: Doc<'a>,
    /// The thing that the mapping describes, for messages: `feature view 'weather'`.
    pub what: String,
    pub at: Mark,
    entries: &'a [Entry],
    known: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// `None` (and a problem) where the value is no mapping.
    pub fn of(doc: Doc<'a>, yaml: &'a Yaml, what: impl Into<String>) -> Option<Self> {
        let what = what.into();
        let Some(entries) = yaml.as_map() else {
            let found = yaml.kind();
            let message = format!("{what} must be a mapping (key: value), not {found}");
            let problem = Diagnostic::error(message).at(yaml.at.in_file(doc.file));
            doc.problems.push(problem.maybe_hint(form_of("a mapping")));
            return None;
        };
        Some(Self {
            doc,
            what,
            at: yaml.at,
            entries,
            known: Vec::new(),
        })
    }

    fn entry(&mut self, key: &'static str) -> Option<&'a Entry> {
        self.known.push(key);
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The value, which is still to be read by whoever wants it.
    pub fn peek(&self, key: &str) -> Option<&'a Yaml> {
        let entry = self.entries.iter().find(|entry| entry.key == key)?;
        Some(&entry.value)
    }

    pub fn get(&mut self, key: &'static str) -> Option<&'a Yaml> {
        let entry = self.entry(key)?;
        (!entry.value.is_null()).then_some(&entry.value)
    }

    /// The value even where it is null: null may switch something off.
    pub fn get_or_null(&mut self, key: &'static str) -> Option<&'a Yaml> {
        Some(&self.entry(key)?.value)
    }

    pub fn at(&self, key: &str) -> Mark {
        let entry = self.entries.iter().find(|entry| entry.key == key);
        entry.map_or(self.at, |entry| entry.value.at)
    }

    /// The place of the first of the keys that is there.
    pub fn at_first(&self, keys: &[&str]) -> Location {
        let found = keys.iter().find_map(|key| self.peek(key));
        found.map_or(self.at, |yaml| yaml.at).in_file(self.doc.file)
    }

    /// Keys that are allowed here and say nothing to us.
    pub fn ignore(&mut self, keys: &[&'static str]) {
        self.known.extend_from_slice(keys);
    }

    /// Every key that nobody has asked for yet.
    pub fn rest(&self) -> impl Iterator<Item = &'a Entry> + use<'a> {
        let known = self.known.clone();
        self.entries
            .iter()
            .filter(move |entry| !known.contains(&entry.key.as_str()))
    }

    pub fn error(&self, message: impl Into<String>, at: Mark) {
        self.doc.error(message, at);
    }

    fn wrong(&self, key: &str, wanted: &str, found: &Yaml) {
        let (what, kind) = (&self.what, found.kind());
        let message = format!("'{key}' of {what} must be {wanted}, not {kind}");
        let problem = Diagnostic::error(message).at(found.at.in_file(self.doc.file));
        self.doc.problems.push(problem.maybe_hint(form_of(wanted)));
    }

    pub fn text(&mut self, key: &'static str) -> Option<String> {
        let yaml = self.get(key)?;
        let text = yaml.as_text();
        if text.is_none() {
            self.wrong(key, "a text", yaml);
        }
        text.map(str::to_owned)
    }

    /// No number either, which else is taken as it is written.
    pub fn only_text(&mut self, key: &'static str) -> Option<String> {
        let yaml = self.get(key)?;
        match yaml.to_json() {
            Json::String(text) => Some(text),
            _ => {
                self.wrong(key, "a text", yaml);
                None
            }
        }
    }

    /// A text before its Jinja was rendered.
    pub fn written(&mut self, key: &'static str) -> Option<String> {
        let yaml = self.get(key)?;
        let written = yaml.written.as_deref().or(yaml.as_text());
        written.map(str::to_owned)
    }

    pub fn required(&mut self, key: &'static str) -> Option<String> {
        let before = self.get(key).is_some();
        let text = self.text(key);
        if !before {
            self.missing(key);
        }
        text.filter(|text| !text.is_empty())
    }

    pub fn missing(&self, key: &str) {
        let problem = Diagnostic::error(format!("{} has no '{key}'", self.what));
        let forms = FORMS.iter();
        let form = forms
            .filter(|(known, _)| *known == key)
            .map(|(_, form)| *form);
        let hint = form.map(str::to_owned).next();
        let problem = problem.at(self.at.in_file(self.doc.file));
        self.doc.problems.push(problem.maybe_hint(hint));
    }

    pub fn flag(&mut self, key: &'static str) -> Option<bool> {
        let yaml = self.get(key)?;
        let flag = yaml.to_json().as_bool();
        if flag.is_none() {
            self.wrong(key, "true or false", yaml);
        }
        flag
    }

    pub fn number(&mut self, key: &'static str) -> Option<f64> {
        let yaml = self.get(key)?;
        // `1e9` is a text by the rules that dbt's YAML follows, and a number wherever one is asked for.
        let text = || yaml.as_text()?.parse().ok();
        let number = yaml
            .to_json()
            .as_f64()
            .or_else(text)
            .filter(|number: &f64| number.is_finite());
        if number.is_none() {
            self.wrong(key, "a number", yaml);
        }
        number
    }

    pub fn whole(&mut self, key: &'static str) -> Option<u64> {
        let yaml = self.get(key)?;
        let number = yaml.to_json().as_u64();
        if number.is_none() {
            self.wrong(key, "a whole number from 0 up", yaml);
        }
        number
    }

    /// Reads a text into `T`; the type's own error is the message.
    pub fn parsed<T: FromStr<Err = String>>(&mut self, key: &'static str) -> Option<T> {
        let text = self.text(key)?;
        text.parse()
            .map_err(|problem| {
                let what = &self.what;
                self.error(format!("'{key}' of {what}: {problem}"), self.at(key));
            })
            .ok()
    }

    pub fn list(&mut self, key: &'static str) -> &'a [Yaml] {
        match self.get(key).map(|yaml| (yaml, &yaml.value)) {
            None => &[],
            Some((_, Value::List(items))) => items,
            Some((yaml, _)) => {
                self.wrong(key, "a list", yaml);
                &[]
            }
        }
    }

    pub fn map(&mut self, key: &'static str) -> &'a [Entry] {
        match self.get(key).map(|yaml| (yaml, &yaml.value)) {
            None => &[],
            Some((_, Value::Map(entries))) => entries,
            Some((yaml, _)) => {
                self.wrong(key, "a mapping (key: value)", yaml);
                &[]
            }
        }
    }

    /// A list of texts; a single text is a list of one.
    pub fn texts(&mut self, key: &'static str) -> Vec<String> {
        let texts = self.placed_texts(key).into_iter();
        texts.map(|(text, _)| text).collect()
    }

    /// The same, each with its place.
    pub fn placed_texts(&mut self, key: &'static str) -> Vec<(String, Location)> {
        let Some(yaml) = self.get(key) else {
            return Vec::new();
        };
        let items = match &yaml.value {
            Value::List(items) => items.as_slice(),
            _ => std::slice::from_ref(yaml),
        };
        let texts = items.iter().filter_map(|item| {
            if item.as_text().is_none() {
                self.wrong(key, "a text or a list of texts", item);
            }
            let at = item.at.in_file(self.doc.file);
            item.as_text().map(|text| (text.to_owned(), at))
        });
        texts.collect()
    }

    /// A text out of a fixed choice.
    pub fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        self.chosen(key, text, choices)
    }

    pub fn choice_in_any_case<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let text = self.text(key)?.to_lowercase();
        self.chosen(key, text, choices)
    }

    fn chosen<T: Copy>(
        &mut self,
        key: &'static str,
        text: String,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let found = choices.iter().find(|(name, _)| *name == text);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let message = format!("'{text}' is no '{key}' of {}", self.what);
            self.doc.problems.push(
                Diagnostic::error(message)
                    .at(self.at(key).in_file(self.doc.file))
                    .maybe_hint(suggest::nearest(&text, names.iter().copied()))
                    .hint(format!("one of: {}", names.join(", "))),
            );
        }
        found.map(|(_, value)| *value)
    }

    pub fn json(&mut self, key: &'static str) -> Option<Json> {
        self.get(key).map(Yaml::to_json)
    }

    /// Reports the keys that nobody asked for.
    pub fn finish(self, unknown: Unknown) {
        for entry in self.rest() {
            let message = format!("unknown key '{}' in {}", entry.key, self.what);
            let diagnostic = match unknown {
                Unknown::Error => Diagnostic::error(message),
                Unknown::Warn => Diagnostic::warning(message),
            };
            self.doc.problems.push(
                diagnostic
                    .at(entry.key_at.in_file(self.doc.file))
                    .hint(self.suggest(&entry.key)),
            );
        }
    }

    fn suggest(&self, wrong: &str) -> String {
        if self.known.contains(&"config") && is_setting(wrong) {
            return format!("it is a setting: config: {{{wrong}: ...}}");
        }
        suggest::nearest(wrong, self.known.iter().copied()).unwrap_or_else(|| self.list_known())
    }

    fn list_known(&self) -> String {
        let mut keys: Vec<&str> = Vec::new();
        for key in &self.known {
            if !keys.contains(key) {
                keys.push(key);
            }
        }
        let more = if keys.len() > LISTED { ", ..." } else { "" };
        keys.truncate(LISTED);
        format!("known keys: {}{more}", keys.join(", "))
    }
}
