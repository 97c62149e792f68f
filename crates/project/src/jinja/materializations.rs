//! `{% materialization name, adapter='duckdb' %}`: macros by another name, and which of them a node uses.

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock, PoisonError};

use regex::Regex;

use super::adapter::strategy_macro_name;
use super::blocks::Block;
use super::macros::{BUILTIN, Macro};
use super::scope::Shared;

/// The name that dbt gives the macro: `materialization_table_default`.
pub(super) fn macro_name(text: &str, block: &Block) -> String {
    static ADAPTER: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r#"(?-u)\badapter\s*=\s*['"](\w+)['"]"#).expect("a valid pattern")
    });
    let head = &text[block.open.clone()];
    let adapter = ADAPTER.captures(head).map(|found| found[1].to_owned());
    let adapter = adapter.unwrap_or_else(|| "default".to_owned());
    format!("materialization_{}_{adapter}", block.name)
}

/// The languages of the models that it takes: SQL alone where it names none.
pub(super) fn languages(text: &str, block: &Block) -> Vec<String> {
    static LIST: LazyLock<Regex> = LazyLock::new(|| {
        Regex::new(r"(?-u:\bsupported_languages\s*=\s*)\[([^\]]*)\]").expect("a valid pattern")
    });
    let Some(found) = LIST.captures(&text[block.open.clone()]) else {
        return vec!["sql".to_owned()];
    };
    let items = found[1].split(',');
    let items = items.map(|item| item.trim().trim_matches(['\'', '"']).to_owned());
    items.filter(|item| !item.is_empty()).collect()
}

/// Whose a materialisation is; a later one wins over an earlier one of the same adapter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Ours,
    Package,
    Project,
}

/// What a snapshot of ours calls by a name that it is told. Those of the project are strategies of its own, which are no
/// reason to build by macros.
const STRATEGIES_OF_SNAPSHOTS: &[&str] =
    &["snapshot_timestamp_strategy", "snapshot_check_strategy"];

impl Shared {
    /// The macro that builds a node of that materialisation: the nearest adapter's, then the project's own before
    /// a package's before ours. As in dbt, a package takes the place of one of ours only where the flag
    /// `require_explicit_package_overrides_for_builtin_materializations` is off.
    pub fn materialization(&self, name: &str) -> Option<&Arc<Macro>> {
        let mut kinds = vec!["forebay", self.target.kind.as_str(), "default"];
        kinds.dedup();
        let mut found: Vec<(usize, Origin, &Arc<Macro>)> = Vec::new();
        for (distance, kind) in kinds.iter().rev().enumerate() {
            let wanted = format!("materialization_{name}_{kind}");
            let named = self.macros.named(&wanted);
            found.extend(named.map(|known| (distance, self.origin(known), known)));
        }
        let ours = found.iter().any(|(_, origin, _)| *origin == Origin::Ours);
        if ours && self.explicit_overrides {
            found.retain(|(_, origin, _)| *origin != Origin::Package);
        }
        let nearest = found
            .into_iter()
            .max_by_key(|(distance, origin, _)| (*distance, *origin));
        nearest.map(|(.., found)| found)
    }

    fn origin(&self, found: &Macro) -> Origin {
        match found.package.as_str() {
            BUILTIN => Origin::Ours,
            package if package == self.project => Origin::Project,
            _ => Origin::Package,
        }
    }

    /// Whether a node has to be built by the macros of its materialisation: one of the project's own, or one of ours
    /// where the project has put a macro of its own in the place of one that it calls, the strategy's among them.
    pub fn is_overridden(&self, name: &str, strategy: Option<&str>) -> bool {
        let key = (name.to_owned(), strategy.map(str::to_owned));
        let mut known = self
            .overridden
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = known.get(&key) {
            return *known;
        }
        let overridden = self.materialization(name).is_some_and(|found| {
            let strategy = (name == "incremental").then(|| strategy.unwrap_or("default"));
            let strategy = strategy.map(strategy_macro_name);
            let new = strategy.as_ref().is_some_and(|name| {
                let known = self.macros.get(BUILTIN, name).is_some();
                !known && self.macros.named(name).next().is_some()
            });
            let told = match name {
                "snapshot" => STRATEGIES_OF_SNAPSHOTS,
                _ => &[],
            };
            let own = |name: &String| !told.contains(&&**name) && self.has_own(name);
            let more = told.iter().map(|name| (*name).to_owned()).chain(strategy);
            let called = || self.used_by(found, more).iter().any(own);
            found.package != BUILTIN || new || called()
        });
        known.insert(key, overridden);
        overridden
    }

    /// Whether the project has a macro of its own for an incremental strategy.
    pub fn is_strategy_overridden(&self, strategy: &str) -> bool {
        self.has_own(&strategy_macro_name(strategy))
    }

    /// Whether a macro takes the place of one of ours: the project's of that name, or what ours dispatches to.
    pub fn has_own(&self, name: &str) -> bool {
        let dispatched = self.dispatched(BUILTIN, name, Some(BUILTIN));
        self.macros.get(&self.project, name).is_some()
            || dispatched.is_some_and(|found| found.package != BUILTIN)
    }

    /// Names of the built-in macros that one calls, with `more`, and those call in turn.
    fn used_by(&self, found: &Arc<Macro>, more: impl Iterator<Item = String>) -> BTreeSet<String> {
        let called_in = |text: &str| {
            let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
            let ours = words.filter(|word| self.macros.get(BUILTIN, word).is_some());
            ours.map(str::to_owned).collect::<Vec<String>>()
        };
        let (mut names, mut waiting) = (BTreeSet::new(), called_in(&found.text));
        waiting.extend(more);
        while let Some(name) = waiting.pop() {
            let bodies = [name.clone(), format!("default__{name}")];
            if names.insert(name) {
                let bodies = bodies
                    .iter()
                    .filter_map(|name| self.macros.get(BUILTIN, name));
                waiting.extend(bodies.flat_map(|found| called_in(&found.text)));
            }
        }
        names
    }
}
