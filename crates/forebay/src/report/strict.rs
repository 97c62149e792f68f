//! `--warn-error` and `--warn-error-options`: which warnings are errors, and which are not said.

use forebay_core::{Diagnostic, Severity};
use serde_json::Value as Json;

use crate::args::{Global, switch};

/// Warnings by dbt's names; most of ours have none and go with `all`.
#[derive(Clone, Debug, Default)]
pub struct Strict {
    all: bool,
    errors: Vec<String>,
    warnings: Vec<String>,
    silent: Vec<String>,
}

impl Strict {
    pub fn of(global: &Global) -> Result<Self, Diagnostic> {
        let project = || global.glance.flags.get("warn_error_options").cloned();
        let written = match &global.warn_error_options {
            Some(text) => Some(Json::Object(forebay_project::parse_mapping(
                "--warn-error-options",
                text,
            )?)),
            None => project(),
        };
        let mut strict = Self {
            all: global.on(&switch::WARN_ERROR),
            ..Self::default()
        };
        for (key, value) in written.iter().filter_map(Json::as_object).flatten() {
            match (key.as_str(), value) {
                ("error" | "include", Json::String(text)) if matches!(&**text, "all" | "*") => {
                    strict.all = true;
                }
                ("error" | "include", value) => strict.errors.extend(names(value)),
                ("warn" | "exclude", value) => strict.warnings.extend(names(value)),
                ("silence", value) => strict.silent.extend(names(value)),
                (key, _) => {
                    return Err(Diagnostic::error(format!(
                        "--warn-error-options knows no '{key}'"
                    ))
                    .hint("its keys are: error, warn, silence"));
                }
            }
        }
        Ok(strict)
    }

    pub fn is_error(&self, name: &str) -> bool {
        let named = |names: &[String]| names.iter().any(|known| known == name);
        named(&self.errors) || self.all && !named(&self.warnings) && !named(&self.silent)
    }

    pub fn is_silent(&self, name: &str) -> bool {
        self.silent.iter().any(|known| known == name)
    }

    /// The warning as an error, where it is one.
    pub fn judge(&self, name: &str, warning: Diagnostic) -> Result<Option<Diagnostic>, Diagnostic> {
        if self.is_error(name) {
            let severity = Severity::Error;
            return Err(Diagnostic {
                severity,
                ..warning
            });
        }
        Ok((!self.is_silent(name)).then_some(warning))
    }
}

fn names(value: &Json) -> Vec<String> {
    let items = value.as_array().into_iter().flatten();
    items.filter_map(Json::as_str).map(str::to_owned).collect()
}
