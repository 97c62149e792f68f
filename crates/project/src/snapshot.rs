//! Snapshots by a strategy of the project's own: `snapshot_<name>_strategy` says in SQL what makes a new version.

use std::sync::Arc;

use forebay_core::graph::{Snapshot, SnapshotTerms};
use forebay_core::{Diagnostic, Node};
use minijinja::Value;
use serde_json::json;

use crate::jinja::{BUILTIN, Macro, MacroSet, Mode, NodeScope};
use crate::{CompileState, Project};

/// The project's macro of a strategy, which a package may be named for: `custom`, `my_package.custom`.
pub(crate) fn strategy_macro<'a>(
    macros: &'a MacroSet,
    package: &str,
    project: &str,
    strategy: &str,
) -> Option<&'a Arc<Macro>> {
    let (of, name) = match strategy.split_once('.') {
        Some((package, name)) => (Some(package), name),
        None => (None, strategy),
    };
    let name = format!("snapshot_{name}_strategy");
    let found = match of {
        Some(package) => macros.get(package, &name),
        None => macros.find(package, project, &name),
    };
    found.filter(|found| found.package != BUILTIN)
}

impl Project {
    /// What the macro of strategy `name` says. In its SQL the snapshot is `old`, and the query's rows are `new`;
    /// `there` is whether the snapshot's table is there. `state` needs somebody who answers at once.
    ///
    /// # Errors
    /// There is no such macro, it fails, or it does not return what dbt asks of it.
    pub fn snapshot_terms(
        &self,
        node: &Node,
        spec: &Snapshot,
        name: &str,
        (old, new, there): (&str, &str, bool),
        state: &CompileState,
    ) -> Result<SnapshotTerms, Diagnostic> {
        let macros = &self.shared.macros;
        let found = strategy_macro(macros, &node.package, &self.name, name);
        let missing = || Diagnostic::error(format!("no snapshot strategy is called '{name}'"));
        let found = found.ok_or_else(|| missing().at(node.location.clone()))?;
        let call = format!(
            "{{{{ {}.{}(model, '{old}', '{new}', model.config, _there) }}}}",
            found.package, found.name
        );
        let scope = self.details.get(&node.id).map(|detail| &detail.scope);
        let mut scope = scope.map_or_else(NodeScope::default, |scope| NodeScope::clone(scope));
        scope.variables.insert("_there".to_owned(), json!(there));
        let mode = Mode::Compile(state.clone());
        let ran = self
            .engine
            .evaluate(&call, &self.shared, &Arc::new(scope), &mode);
        let (value, _) = ran.map_err(|failure| failure.at(&node.location))?;
        let text = |key: &str| {
            let term = value.get_attr(key).unwrap_or_default();
            let lacks = || {
                let message = format!("the macro {} returns no '{key}'", found.name);
                Diagnostic::error(message)
                    .at(found.location.clone())
                    .hint("it returns {unique_key, updated_at, row_changed, scd_id}")
            };
            (!term.is_none() && !term.is_undefined())
                .then(|| term.to_string())
                .ok_or_else(lacks)
        };
        Ok(SnapshotTerms {
            unique_key: keys(&value).unwrap_or_else(|| spec.unique_key.clone()),
            updated_at: text("updated_at")?,
            row_changed: text("row_changed")?,
            scd_id: text("scd_id")?,
        })
    }
}

/// One key or a list of them.
fn keys(returned: &Value) -> Option<Vec<String>> {
    let key = returned.get_attr("unique_key").ok()?;
    match key.as_str() {
        Some(key) => Some(vec![key.to_owned()]),
        None => {
            let keys: Vec<String> = key.try_iter().ok()?.map(|key| key.to_string()).collect();
            (!keys.is_empty()).then_some(keys)
        }
    }
}
