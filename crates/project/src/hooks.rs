//! Hooks: SQL that runs around a node or around a whole run. A hook stays text until its turn comes.

use forebay_core::{Diagnostic, Location, NodeId};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

use crate::compile::outcome;
use crate::config::Setting;
use crate::jinja::{Mode, NodeScope, called_from};
use crate::package::Package;
use crate::{CompileState, Compiled, Project};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    Before,
    After,
}

/// A hook as it is written, and where.
#[derive(Clone, Debug)]
pub(crate) struct HookText {
    pub text: String,
    /// Of the transaction of its node.
    pub inside: bool,
    pub at: Location,
}

impl When {
    pub const BOTH: [Self; 2] = [Self::Before, Self::After];

    /// The setting of a node for what runs around its step.
    pub(crate) fn setting(self) -> &'static str {
        match self {
            When::Before => "pre_hook",
            When::After => "post_hook",
        }
    }

    /// The key of `dbt_project.yml` for what runs around a whole run.
    pub(crate) fn key(self) -> &'static str {
        match self {
            When::Before => "on-run-start",
            When::After => "on-run-end",
        }
    }
}

/// A text with Jinja that runs outside of any model's query, and what it can see.
#[derive(Clone, Debug)]
pub struct Hook {
    text: String,
    inside: bool,
    scope: Arc<NodeScope>,
    /// None: an operation, or a text of the command line.
    at: Option<Location>,
}

/// One of `on-run-start` or `on-run-end`.
#[derive(Clone, Debug)]
pub struct RunHook {
    pub hook: Hook,
    /// As the manifest has it.
    pub id: NodeId,
    pub name: String,
    /// What the log calls it: numbered over all packages.
    pub label: String,
}

impl Hook {
    /// As it is written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether its node is to be as it was where it fails.
    pub fn is_inside(&self) -> bool {
        self.inside
    }

    /// A problem of it, at its place.
    pub fn placed(&self, mut problem: Diagnostic) -> Diagnostic {
        let Some(at) = &self.at else {
            return problem;
        };
        match problem.location.clone() {
            None => problem.location = Some(at.clone()),
            Some(own) if own.file != at.file => called_from(&mut problem, at),
            Some(_) => {}
        }
        problem.hint(format!("in the hook {}", self.text.trim()))
    }
}

impl Project {
    /// `pre_hook` or `post_hook` of the node, in the order in which they run. What `sql_header` says comes
    /// directly before the node.
    pub fn hooks(&self, id: &NodeId, when: When) -> Vec<Hook> {
        let Some(detail) = self.details.get(id) else {
            return Vec::new();
        };
        let hook = |hook: &HookText| Hook {
            text: hook.text.clone(),
            inside: hook.inside,
            scope: Arc::clone(&detail.scope),
            at: Some(hook.at.clone()),
        };
        let mut all: Vec<Hook> = detail.hooks[when as usize].iter().map(hook).collect();
        let header = detail.config.get("sql_header");
        if when == When::Before && header.is_some_and(|header| !header.is_null()) {
            all.push(Hook {
                text: "{{ config.get('sql_header') }}".to_owned(),
                inside: true,
                scope: Arc::clone(&detail.scope),
                at: None,
            });
        }
        all
    }

    /// `on-run-start` or `on-run-end` of the project, then, as in dbt, those of all packages by their names; `variables`
    /// are seen by their names, such as `results`.
    pub fn run_hooks(&self, when: When, variables: &Map<String, Json>) -> Vec<RunHook> {
        let (project, used) = self
            .packages
            .split_first()
            .expect("the project is a package");
        let mut packages: Vec<&Package> = used.iter().collect();
        packages.sort_by_key(|package| &package.name);
        packages.insert(0, project);
        let mut found = Vec::new();
        for package in packages {
            let scope = Arc::new(NodeScope {
                package: package.name.clone(),
                variables: variables.clone(),
                ..NodeScope::default()
            });
            for (index, hook) in package.run_hooks(when).iter().enumerate() {
                let name = package.run_hook_name(when, index);
                found.push(RunHook {
                    hook: Hook {
                        text: hook.text.clone(),
                        inside: hook.inside,
                        scope: Arc::clone(&scope),
                        at: Some(hook.at.clone()),
                    },
                    id: NodeId::new(format!("operation.{}.{name}", package.name)),
                    name,
                    label: format!("{}.{}.{}", package.name, when.key(), found.len()),
                });
            }
        }
        found
    }

    /// What the run does where one of `on-run-start` fails.
    pub fn stops_where_start_fails(&self) -> bool {
        self.packages[0].file.stops_where_start_fails
    }

    /// `flags: {source_freshness_run_project_hooks: ...}`.
    pub fn has_hooks_around_freshness(&self) -> bool {
        let any = |when| !self.run_hooks(when, &Map::new()).is_empty();
        let wanted = self.packages[0].file.hooks_around_freshness;
        wanted && (any(When::Before) || any(When::After))
    }

    /// The text of a fixture, in the scope of the node that it is for.
    pub fn fixture(&self, id: &NodeId, text: &str) -> Hook {
        let detail = self.details.get(id);
        Hook {
            text: text.to_owned(),
            inside: false,
            scope: detail.map_or_else(Arc::default, |detail| Arc::clone(&detail.scope)),
            at: None,
        }
    }

    /// A call of a macro, `name` or `package.name`, with arguments by name.
    pub fn operation(&self, name: &str, arguments: Map<String, Json>) -> Hook {
        let variables = Map::from_iter([("_arguments".to_owned(), Json::Object(arguments))]);
        Hook {
            text: format!("{{{{ {name}(**_arguments) }}}}"),
            inside: false,
            scope: Arc::new(NodeScope {
                variables,
                ..NodeScope::default()
            }),
            at: None,
        }
    }

    /// The macro to call, `name` or `package.name`, as the manifest names it.
    ///
    /// # Errors
    /// There is none.
    pub fn operation_id(&self, name: &str) -> Result<NodeId, Diagnostic> {
        let macros = &self.shared.macros;
        let found = match name.split_once('.') {
            Some((package, name)) => macros.get(package, name),
            None => macros.find(&self.name, &self.name, name),
        };
        match found {
            Some(found) => Ok(NodeId::new(format!(
                "macro.{}.{}",
                found.package, found.name
            ))),
            None => Err(Diagnostic::error(format!("no macro is called '{name}'"))
                .hint("an operation is a macro, as `name` or `package.name`")),
        }
    }

    /// A text of the command line, as if it were a hook of the project.
    pub fn inline(&self, text: &str) -> Hook {
        Hook {
            text: text.to_owned(),
            inside: false,
            scope: Arc::new(NodeScope::default()),
            at: None,
        }
    }

    /// The SQL of a hook, which may be empty; or what has to be known first. What the template has
    /// printed takes the place of what is in `printed`.
    ///
    /// # Errors
    /// Its template fails.
    pub fn compile_hook(
        &self,
        hook: &Hook,
        state: &CompileState,
        printed: &mut Vec<String>,
    ) -> Result<Compiled, Diagnostic> {
        let compiled = self.compile_text(&hook.text, &hook.scope, state, printed);
        compiled.map_err(|problem| hook.placed(problem))
    }

    /// A text outside of any file.
    pub(crate) fn compile_text(
        &self,
        text: &str,
        scope: &Arc<NodeScope>,
        state: &CompileState,
        printed: &mut Vec<String>,
    ) -> Result<Compiled, Diagnostic> {
        let mode = Mode::Compile(state.clone());
        let rendered = self.with_graph(&mode, || {
            self.engine.render_text(text, &self.shared, scope, &mode)
        });
        match rendered {
            Ok((sql, record)) => {
                *printed = record.printed;
                outcome(self.with_ephemerals(sql.trim(), record.ephemerals, &mode))
            }
            Err(failure) => outcome(Err(failure)),
        }
    }
}

impl Package {
    pub(crate) fn run_hooks(&self, when: When) -> &[HookText] {
        match when {
            When::Before => &self.file.on_run_start,
            When::After => &self.file.on_run_end,
        }
    }

    pub(crate) fn run_hook_name(&self, when: When, index: usize) -> String {
        format!("{}-{}-{index}", self.name, when.key())
    }
}

/// The texts of a setting, each with its place.
pub(crate) fn placed(setting: Option<&Setting>) -> Vec<HookText> {
    let items = setting.into_iter().flat_map(Setting::items);
    let hooks = items.flat_map(|(item, at)| {
        let of = move |(text, inside)| HookText {
            text,
            inside,
            at: at.clone(),
        };
        written(Some(&item)).into_iter().map(of)
    });
    hooks.collect()
}

/// As `run_hooks` takes them.
pub(crate) fn list(setting: Option<&Json>) -> Vec<Json> {
    let hook =
        |(text, inside): (String, bool)| json!({"sql": text, "transaction": inside, "index": null});
    written(setting).into_iter().map(hook).collect()
}

/// A hook is a text or `{sql: ..., transaction: ...}`: inside of its node's transaction where it does not say.
fn written(setting: Option<&Json>) -> Vec<(String, bool)> {
    match setting {
        Some(Json::Array(items)) => items.iter().flat_map(|item| written(Some(item))).collect(),
        Some(Json::String(text)) => match serde_json::from_str(text) {
            // `before_begin()` and its like print a mapping.
            Ok(Json::Object(map)) => written(Some(&Json::Object(map))),
            _ => vec![(text.clone(), true)],
        },
        Some(Json::Object(map)) => {
            let inside = map.get("transaction").and_then(Json::as_bool);
            let texts = written(map.get("sql")).into_iter();
            texts
                .map(|(text, _)| (text, inside.unwrap_or(true)))
                .collect()
        }
        _ => Vec::new(),
    }
}
