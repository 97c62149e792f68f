//! `on-run-start` and `on-run-end` while the project is read: as in dbt each is a node of the manifest with edges, and one
//! whose template fails keeps everything from running.

use std::collections::BTreeSet;
use std::sync::Arc;

use forebay_core::{Diagnostic, NodeId, ResourceType};
use indexmap::IndexSet;

use crate::When;
use crate::config::Config;
use crate::hooks::HookText;
use crate::jinja::{Asker, Names, NodeScope, Record, RefCall};
use crate::link;
use crate::nodes::{self, Cx, Naming, Section};
use crate::package::Package;

/// One of them, and what it refers to.
#[derive(Clone, Debug)]
pub(crate) struct Operation {
    pub id: NodeId,
    pub package: String,
    pub name: String,
    pub when: When,
    pub index: usize,
    pub hook: HookText,
    pub calls: Vec<RefCall>,
    pub macros: IndexSet<NodeId>,
    pub depends_on: Vec<NodeId>,
    pub fqn: Vec<String>,
    /// As in dbt, those of models by its place.
    pub settings: Config,
    pub schema: String,
}

/// What a run gives them by name. While the project is read, whatever is made of it is nothing.
const OF_A_RUN: &[&str] = &["database_schemas", "results", "schemas"];

/// Those of a package. Names are not known yet.
pub(crate) fn read(cx: &Cx<'_>, package: &Package) -> Vec<Operation> {
    let of = |when: When| {
        let hooks = package.run_hooks(when).iter().enumerate();
        hooks.filter_map(move |(index, hook)| {
            let record = parsed(cx, hook)?;
            let name = package.run_hook_name(when, index);
            let fqn = [&*package.name, "hooks", &*name]
                .map(str::to_owned)
                .to_vec();
            let settings = settings(cx, &fqn);
            let schema = schema(cx, (&name, &fqn), &settings, hook)?;
            Some(Operation {
                fqn,
                settings,
                schema,
                id: NodeId::new(format!("operation.{}.{name}", package.name)),
                package: package.name.clone(),
                name,
                when,
                index,
                hook: hook.clone(),
                calls: record.calls,
                macros: record.macros,
                depends_on: Vec::new(),
            })
        })
    };
    When::BOTH.into_iter().flat_map(of).collect()
}

fn settings(cx: &Cx<'_>, fqn: &[String]) -> Config {
    let models: Section = |file| &file.models;
    let mut settings = cx.settings(models, fqn, None);
    cx.override_settings(models, fqn, &mut settings);
    settings
}

fn schema(
    cx: &Cx<'_>,
    (name, fqn): (&str, &[String]),
    settings: &Config,
    hook: &HookText,
) -> Option<String> {
    let reader = nodes::reader(cx, settings, format!("hook '{name}'"));
    let naming = Naming {
        kind: ResourceType::Operation,
        name,
        version: None,
        location: &hook.at,
        fqn,
    };
    nodes::schema(cx, &naming, &reader, reader.text("schema"))
}

fn parsed(cx: &Cx<'_>, hook: &HookText) -> Option<Record> {
    // What is no template has been told.
    cx.engine.check_text(&hook.text).ok()?;
    let unknown: BTreeSet<String> = OF_A_RUN.iter().map(|name| (*name).to_owned()).collect();
    let scope = Arc::new(NodeScope {
        of_node: true,
        unknown,
        ..cx.node_scope()
    });
    let within = |problem: Diagnostic| problem.hint(format!("in the hook {}", hook.text.trim()));
    let ran = cx.engine.parse_text(&hook.text, cx.shared, &scope);
    let mut record = cx
        .problems
        .keep(ran.map_err(|failure| within(failure.at(&hook.at))))?;
    for warning in std::mem::take(&mut record.warnings) {
        cx.problems.push(within(warning.at(hook.at.clone())));
    }
    Some(record)
}

/// Its parents, with a problem for each that does not exist.
pub(crate) fn link(cx: &Cx<'_>, names: &Names, operation: &mut Operation) {
    let asker = Asker {
        package: &operation.package,
        group: None,
    };
    for call in &operation.calls {
        let found = link::resolve(names, asker, call);
        let found = found.map_err(|problem| {
            let hint = format!("in the hook {}", operation.hook.text.trim());
            problem.at(operation.hook.at.clone()).hint(hint)
        });
        if let Some(id) = cx.problems.keep(found)
            && !operation.depends_on.contains(&id)
        {
            operation.depends_on.push(id);
        }
    }
}
