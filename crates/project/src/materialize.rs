//! Materialisations as templates: run once, for their effects, with somebody who answers at once.

use std::sync::Arc;

use forebay_core::{Diagnostic, Node, NodeId, Relation, suggest};
use minijinja::Value;
use serde_json::{Map, Value as Json, json};

use crate::jinja::{BUILTIN, Mode, NodeScope, relation_of};
use crate::{CompileState, Project};

/// Those that a model may be meant to have.
const BUILT_IN: &[&str] = &[
    "ephemeral",
    "external",
    "incremental",
    "materialized_view",
    "table",
    "view",
];

/// What a materialisation has made.
#[derive(Clone, Debug, Default)]
pub struct Made {
    pub relations: Vec<Relation>,
    /// The first row of the statement `main`, by column, where it had any.
    pub main: Map<String, Json>,
}

impl Project {
    /// Whether nodes of that kind (`seed`, `snapshot`, `test`) are made by a materialisation of the project's own, or by
    /// ours with macros of its own.
    pub fn made_by_macros(&self, kind: &str) -> bool {
        self.shared.is_overridden(kind, None)
    }

    /// Runs the macros of a materialisation for a node whose query is `sql`. `state` needs somebody who answers
    /// at once.
    ///
    /// # Errors
    /// Nobody knows the materialisation; its template or one of its statements fails. What it has done by then
    /// is done.
    pub fn materialize(
        &self,
        id: &NodeId,
        name: &str,
        sql: &str,
        state: &CompileState,
    ) -> Result<Made, Diagnostic> {
        let found = self.graph.get(id).zip(self.details.get(id));
        let (node, detail) =
            found.ok_or_else(|| Diagnostic::internal(format!("{id} is no node")))?;
        let Some(definition) = self.shared.materialization(name) else {
            return Err(self.no_materialization(node, name));
        };
        self.fill_graph();
        let scope = self.running(&detail.scope, sql);
        let package = &definition.package;
        let call = format!(
            "{{{{ [{package}.{}(), load_result('main')] }}}}",
            definition.name
        );
        let mode = Mode::Compile(state.clone());
        let ran = self
            .engine
            .evaluate(&call, &self.shared, &Arc::new(scope), &mode);
        let ours = definition.package == BUILTIN;
        let (value, _) = ran.map_err(|failure| {
            let problem = failure.at(&node.location);
            match ours {
                true => problem,
                false => problem.hint(format!("in the materialization at {}", definition.location)),
            }
        })?;
        let of = |at| value.get_item_by_index(at).unwrap_or_default();
        Ok(Made {
            relations: made(node, &of(0)),
            main: first_row(&of(1)),
        })
    }

    /// What the node's own template sees, and its query and hooks.
    fn running(&self, scope: &NodeScope, sql: &str) -> NodeScope {
        let mut scope = scope.clone();
        let hooks = |key: &str| json!(crate::hooks::list(scope.config.get(key)));
        let variables = [
            ("sql".to_owned(), json!(sql)),
            ("compiled_code".to_owned(), json!(sql)),
            ("pre_hooks".to_owned(), hooks("pre_hook")),
            ("post_hooks".to_owned(), hooks("post_hook")),
        ];
        let of_graph = scope.model["unique_id"].as_str().and_then(|id| {
            let nodes = self.shared.graph.get()?.get_attr("nodes").ok()?;
            serde_json::to_value(nodes.get_item(&Value::from(id)).ok()?).ok()
        });
        if let Some(model @ Json::Object(_)) = of_graph {
            scope.model = model;
        }
        scope.model["compiled"] = json!(true);
        scope.model["compiled_code"] = json!(sql);
        scope.variables.extend(variables);
        scope
    }

    fn no_materialization(&self, node: &Node, name: &str) -> Diagnostic {
        let kind = &self.shared.target.kind;
        let message = format!(
            "no materialization '{name}' was found for the adapter '{kind}', which '{}' wants",
            node.name
        );
        Diagnostic::error(message)
            .at(node.location.clone())
            .of_setting("materialized")
            .maybe_hint(suggest::nearest(name, BUILT_IN.iter().copied()))
            .hint(format!(
                "write one: {{% materialization {name}, default %}}"
            ))
    }
}

/// The relations that it returns; its node's own where it does not say.
fn made(node: &Node, returned: &Value) -> Vec<Relation> {
    let listed = returned.get_attr("relations").ok();
    let items = listed.as_ref().and_then(|listed| listed.try_iter().ok());
    match items {
        Some(items) => items.filter_map(|item| relation_of(&item)).collect(),
        None => node.relation.clone().into_iter().collect(),
    }
}

fn first_row(result: &Value) -> Map<String, Json> {
    let table = result.get_attr("table").unwrap_or_default();
    let names = table.get_attr("column_names").unwrap_or_default();
    let row = table.get_item_by_index(0).unwrap_or_default();
    let Ok(names) = names.try_iter() else {
        return Map::new();
    };
    let pair = |(at, name): (usize, Value)| {
        let value = row.get_item_by_index(at).unwrap_or_default();
        (
            name.to_string(),
            serde_json::to_value(value).unwrap_or_default(),
        )
    };
    names.enumerate().map(pair).collect()
}
