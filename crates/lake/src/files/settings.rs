//! What a call says besides the path: `header = true, types = {'id': 'varchar'}`.

use std::collections::BTreeMap;

use forebay_core::{Diagnostic, suggest};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Setting {
    Text(String),
    Flag(bool),
    Number(i64),
    List(Vec<String>),
    Fields(Vec<(String, String)>),
}

/// Each is taken once; what is left over at the end was not understood.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    function: String,
    given: BTreeMap<String, Setting>,
    known: Vec<&'static str>,
}

impl Settings {
    pub(super) fn of(function: &str) -> Self {
        Self {
            function: function.to_owned(),
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, key: &str, value: Setting) {
        self.given.insert(key.to_owned(), value);
    }

    fn take(&mut self, keys: &[&'static str]) -> Option<(&'static str, Setting)> {
        self.known.extend(keys);
        let found = keys.iter().find(|key| self.given.contains_key(**key))?;
        self.given.remove(*found).map(|value| (*found, value))
    }

    fn wrong(&self, key: &str, wanted: &str) -> Diagnostic {
        Diagnostic::error(format!("{}(): {key} is {wanted}", self.function))
    }

    pub(super) fn text(&mut self, keys: &[&'static str]) -> Result<Option<String>, Diagnostic> {
        match self.take(keys) {
            None => Ok(None),
            Some((_, Setting::Text(text))) => Ok(Some(text)),
            Some((key, _)) => Err(self.wrong(key, "a text")),
        }
    }

    pub(super) fn flag(&mut self, key: &'static str) -> Result<Option<bool>, Diagnostic> {
        match self.take(&[key]) {
            None => Ok(None),
            Some((_, Setting::Flag(flag))) => Ok(Some(flag)),
            Some((_, Setting::Number(number))) => Ok(Some(number != 0)),
            Some((_, Setting::Text(text))) if text.parse::<bool>().is_ok() => Ok(text.parse().ok()),
            Some(_) => Err(self.wrong(key, "true or false")),
        }
    }

    /// The name of a column that is wanted: the setting's own, or another.
    pub(super) fn flag_or_name(&mut self, key: &'static str) -> Result<Option<String>, Diagnostic> {
        match self.given.get(key) {
            Some(Setting::Text(name)) if name.parse::<bool>().is_err() => self.text(&[key]),
            _ => Ok(self
                .flag(key)?
                .filter(|wanted| *wanted)
                .map(|_| key.to_owned())),
        }
    }

    /// Whether the file is packed, where it is said.
    pub(super) fn packed(&mut self) -> Result<Option<bool>, Diagnostic> {
        match self.text(&["compression"])?.as_deref() {
            None | Some("auto" | "auto_detect") => Ok(None),
            Some("none" | "uncompressed") => Ok(Some(false)),
            Some("gzip") => Ok(Some(true)),
            Some(other) => Err(Diagnostic::error(format!(
                "files packed with '{other}' are not read"
            ))
            .hint("compression = 'gzip' is")),
        }
    }

    pub(super) fn number(&mut self, key: &'static str) -> Result<Option<i64>, Diagnostic> {
        match self.take(&[key]) {
            None => Ok(None),
            Some((_, Setting::Number(number))) => Ok(Some(number)),
            Some(_) => Err(self.wrong(key, "a number")),
        }
    }

    pub(super) fn texts(
        &mut self,
        keys: &[&'static str],
    ) -> Result<Option<Vec<String>>, Diagnostic> {
        match self.take(keys) {
            None => Ok(None),
            Some((_, Setting::Text(text))) => Ok(Some(vec![text])),
            Some((_, Setting::List(texts))) => Ok(Some(texts)),
            Some((key, _)) => Err(self.wrong(key, "a text or a list of texts")),
        }
    }

    /// Names with values, or values alone, which are numbered.
    pub(super) fn fields(
        &mut self,
        keys: &[&'static str],
    ) -> Result<Vec<(Named, String)>, Diagnostic> {
        match self.take(keys) {
            None => Ok(Vec::new()),
            Some((_, Setting::Fields(fields))) => Ok(fields
                .into_iter()
                .map(|(name, value)| (Named::Name(name), value))
                .collect()),
            Some((_, Setting::List(values))) => {
                let numbered = values.into_iter().enumerate();
                Ok(numbered
                    .map(|(at, value)| (Named::Place(at), value))
                    .collect())
            }
            Some((key, _)) => Err(self.wrong(key, "{'column': 'type'}")),
        }
    }

    /// Those that say how to read faster, or what is done anyway.
    pub(super) fn pass_over(&mut self, keys: &[&'static str]) {
        for key in keys {
            self.take(&[key]);
        }
    }

    pub(super) fn end(self) -> Result<(), Diagnostic> {
        let Some(key) = self.given.keys().next() else {
            return Ok(());
        };
        let known = self.known.iter().copied();
        Err(
            Diagnostic::error(format!("{}() does not understand '{key}'", self.function))
                .maybe_hint(suggest::nearest(key, known)),
        )
    }
}

/// A column by its name, or by its place from zero.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Named {
    Name(String),
    Place(usize),
}

impl Named {
    pub(super) fn is(&self, at: usize, name: &str) -> bool {
        match self {
            Self::Name(own) => own.eq_ignore_ascii_case(name),
            Self::Place(place) => *place == at,
        }
    }
}
