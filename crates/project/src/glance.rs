//! What `dbt_project.yml` says about the command line, read before the project itself is.

use std::path::Path;

use serde_json::{Map, Value as Json};

use crate::problems::Problems;
use crate::yaml::{self, Yaml};

/// All of it empty where the file is not there or cannot be read: reading the project says so.
#[derive(Clone, Debug, Default)]
pub struct Glance {
    pub name: Option<String>,
    /// `flags:`, by names in small letters.
    pub flags: Map<String, Json>,
    pub clean_targets: Option<Vec<String>>,
    /// As it is written, Jinja and all.
    pub target_path: Option<String>,
    pub log_path: Option<String>,
    pub packages_in: Option<String>,
}

/// Reads the few keys. Jinja is not rendered: none of the others may have any in dbt either.
pub fn glance(root: &Path) -> Glance {
    const FILE: &str = "dbt_project.yml";
    let problems = Problems::default();
    let text = std::fs::read_to_string(root.join(FILE)).unwrap_or_default();
    let Some(yaml) = yaml::parse_file(FILE, &text, &problems) else {
        return Glance::default();
    };
    let text = |key: &str| yaml.get(key).and_then(Yaml::as_text).map(str::to_owned);
    let texts = |items: &[Yaml]| {
        items
            .iter()
            .filter_map(Yaml::as_text)
            .map(str::to_owned)
            .collect()
    };
    Glance {
        name: text("name"),
        flags: flags(yaml.get("flags")),
        clean_targets: yaml.get("clean-targets").and_then(Yaml::as_list).map(texts),
        target_path: text("target-path"),
        log_path: text("log-path").filter(|path| !path.contains("{{")),
        packages_in: text("packages-install-path"),
    }
}

fn flags(yaml: Option<&Yaml>) -> Map<String, Json> {
    match yaml.map(Yaml::to_json) {
        Some(Json::Object(flags)) => {
            let pairs = flags.into_iter();
            pairs
                .map(|(name, value)| (name.to_lowercase().replace('-', "_"), value))
                .collect()
        }
        _ => Map::new(),
    }
}
