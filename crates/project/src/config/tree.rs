//! `models:` and its like in `dbt_project.yml`: settings by folder, inherited downwards.

use std::sync::atomic::{AtomicBool, Ordering};

use forebay_core::{Diagnostic, Location};

use super::node::{Config, from_yaml, merge};
use crate::problems::Problems;
use crate::yaml::{Doc, Value, Yaml};

/// Settings of a folder and of the folders in it.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    settings: Config,
    folders: Vec<(String, Tree)>,
    at: Location,
    used: AtomicBool,
}

impl Tree {
    /// A key with `+`, or with a plain value, is a setting; any other is a folder.
    pub fn from_yaml(doc: Doc<'_>, yaml: &Yaml) -> Self {
        let entries = yaml.as_map().unwrap_or_default();
        let is_folder = |value: &Yaml| matches!(value.value, Value::Map(_));
        let (folders, settings): (Vec<_>, Vec<_>) = entries
            .iter()
            .partition(|entry| !entry.key.starts_with('+') && is_folder(&entry.value));
        let folder = |entry: &crate::yaml::Entry| {
            let mut tree = Self::from_yaml(doc, &entry.value);
            tree.at = entry.key_at.in_file(doc.file);
            (entry.key.clone(), tree)
        };
        Self {
            settings: from_yaml(doc, settings),
            folders: folders.into_iter().map(folder).collect(),
            ..Self::default()
        }
    }

    /// The settings for a node: package, folders and name from the outside in.
    pub fn settings(&self, fqn: &[String]) -> Config {
        let mut config = Config::new();
        self.collect(fqn, &mut config);
        config
    }

    fn collect(&self, fqn: &[String], config: &mut Config) {
        self.used.store(true, Ordering::Relaxed);
        merge(config, self.settings.clone());
        let Some((first, rest)) = fqn.split_first() else {
            return;
        };
        if let Some((_, folder)) = self.folders.iter().find(|(name, _)| name == first) {
            folder.collect(rest, config);
        }
    }

    /// Warns of folders that no node is in: most often a misspelt name.
    pub fn warn_unused(&self, section: &str, problems: &Problems) {
        for (name, folder) in &self.folders {
            let path = format!("{section}.{name}");
            if folder.used.load(Ordering::Relaxed) {
                folder.warn_unused(&path, problems);
            } else {
                problems.push(
                    Diagnostic::warning(format!("'{path}' in dbt_project.yml applies to nothing"))
                        .at(folder.at.clone())
                        .hint(
                            "a folder of settings has the name of the project or of a folder in it",
                        ),
                );
            }
        }
    }
}
