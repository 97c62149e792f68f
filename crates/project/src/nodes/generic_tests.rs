//! Generic tests: declared in YAML on a model, source, seed or snapshot, defined by a macro.

use std::collections::BTreeSet;
use std::sync::Arc;

use forebay_core::graph::Test;
use forebay_core::{Diagnostic, Location, Node, NodeId, ResourceType, Spec, suggest};
use indexmap::{IndexMap, IndexSet};
use serde_json::{Map, Value as Json};

use super::test_names::{self, TestName};
use super::{Cx, Detail, Draft, Naming, Outcome, Section, TestDetail, node_scope, reader, tags};
use super::{test_arguments, test_settings};
use crate::config::{Config, Reader, Setting, from_json, merge, to_json, to_written};
use crate::jinja::{BUILTIN, Macro, Mode, NodeScope, Param, Record, RefCall, no_package};
use crate::manifest::reached;
use crate::properties::{Argument, INLINE, TestDecl};
use crate::render::{Renderer, has_jinja};
use crate::yaml::{Doc, Mark};

/// The node that tests are declared on.
pub(crate) struct Target<'a> {
    /// None where there is no such node.
    pub id: Option<NodeId>,
    /// How a template names it: `ref('orders')`.
    pub call: RefCall,
    pub file: &'a str,
    pub tests: &'a [TestDecl],
    /// Section and name under which they are declared: `models.orders`.
    pub key: String,
    /// Its group: the tests belong to it too.
    pub group: Option<String>,
}

impl Target<'_> {
    fn name(&self) -> String {
        match &self.call {
            RefCall::Ref {
                name,
                version: Some(v),
                ..
            } => format!("{name}_v{v}"),
            RefCall::Ref { name, .. } | RefCall::Function { name, .. } => name.clone(),
            RefCall::Source { source, table } => format!("{source}_{table}"),
        }
    }
}

/// Built-in tests that refer to their node alone: there is nothing to run them for.
const SIMPLE: &[&str] = &["test_not_null", "test_unique"];

/// What `where` goes through: dbt names it among the macros of all other tests.
const FILTER: &str = "get_where_subquery";

pub(crate) struct GenericTests<'a> {
    pub cx: &'a Cx<'a>,
}

impl GenericTests<'_> {
    pub fn of(&self, target: &Target<'_>) -> Vec<Outcome> {
        let tests = target.tests.iter();
        tests
            .filter_map(|decl| self.outcome(target, decl))
            .collect()
    }

    fn outcome(&self, target: &Target<'_>, decl: &TestDecl) -> Option<Outcome> {
        let cx = self.cx;
        let found = self.definition(decl);
        let broken = match &found {
            Some(found) => self.accepts(found, decl)?.into_iter().next(),
            None => Some(self.undefined(decl)),
        };
        let broken = broken.map(|problem| cx.problems.postpone(problem));
        if let Some(found) = &found {
            self.check_values(found, decl);
        }
        let arguments = test_arguments::of(target, decl);
        let plain: Vec<(String, Json)> = arguments
            .iter()
            .map(|(name, argument)| (name.clone(), argument.value.clone()))
            .collect();
        let names = test_name(target, decl, &plain);
        let id = test_names::hash(&names.full, decl.namespace.as_deref(), &decl.test, &plain);
        let id = NodeId::new(format!("test.{}.{}.{id}", cx.package.name, names.full));
        let fqn = super::fqn_of_entry(self.cx, target.file, &names.full);
        let mut own = self.rendered(decl);
        let file = names.short.clone();
        if names.short != names.full && !own.contains_key("alias") {
            let short = Json::String(names.short);
            own.insert("alias".to_owned(), Setting::plain(short, decl.at.clone()));
        }
        let test = TestDetail {
            namespace: decl.namespace.clone(),
            name: decl.test.clone(),
            arguments,
            config_call: config_call(&own),
            of_column: decl.of_column,
            key: target.key.clone(),
            file,
            target: target.call.clone(),
        };
        let again = !found
            .as_ref()
            .is_some_and(|found| found.package == BUILTIN && SIMPLE.contains(&&*found.name));
        let mut config = self.settings(&fqn, &[], &own, again);
        let off = self.reader(&config, &names.full).flag("enabled") == Some(false);
        let raw = raw_sql(&decl.test, decl.namespace.as_deref());
        let ran = match &found {
            Some(found) if !off && broken.is_none() => {
                self.ran(target, decl, found, &test, &raw)?
            }
            None if !off => self.named(target, &test),
            _ => Record {
                calls: vec![target.call.clone()],
                ..Record::default()
            },
        };
        if !ran.configs.is_empty() {
            config = self.settings(&fqn, &ran.configs, &own, again);
        }
        let reader = self.reader(&config, &names.full);
        // The test's macro may switch all of its tests off.
        let off = reader.flag("enabled") == Some(false);
        reader.misspelt();
        reader.check_materialized("test");
        let naming = Naming {
            kind: ResourceType::Test,
            name: &names.full,
            version: None,
            location: &decl.at,
            fqn: &fqn,
        };
        let place = test_settings::place(cx, &naming, &reader)?;
        let mut tags = tags(&reader);
        tags.extend(decl.column_tags.iter().cloned());
        tags.sort();
        tags.dedup();
        let spec = Test {
            generic: Some(decl.test.clone()),
            attached: target.id.clone(),
            column: decl.column.clone(),
            ..test_settings::test_spec(cx, &reader, raw.clone())
        };
        let node = Node {
            id,
            package: cx.package.name.clone(),
            location: decl.at.clone(),
            fqn,
            tags,
            group: target.group.clone(),
            description: self.description(decl),
            columns: IndexMap::new(),
            relation: test_settings::store_failures(cx, &reader).map(|_| place.clone()),
            depends_on: Vec::new(),
            spec: Spec::Test(spec),
            name: names.full.clone(),
        };
        let settings = to_json(&config);
        let detail = Detail {
            template: Some(raw.clone()),
            scope: Arc::new(NodeScope {
                of_generic_test: true,
                ..node_scope(cx, &node, &settings, &place, &raw)
            }),
            raw,
            written: to_written(&config),
            config: settings,
            alias: place.name,
            schema: place.schema,
            calls: ran.calls,
            macros: ran.macros,
            broken,
            test: Some(test),
            ..Detail::default()
        };
        let draft = Box::new(Draft { node, detail });
        Some(match off {
            true => Outcome::Disabled(Some(draft)),
            false => Outcome::Draft(draft),
        })
    }

    /// What `accepted_values` accepts is gone through.
    fn check_values(&self, found: &Macro, decl: &TestDecl) {
        let ours = found.package == BUILTIN && found.name == "test_accepted_values";
        let values = decl.arguments.get("values").filter(|_| ours);
        if let Some(argument) = values.filter(|a| a.value.is_number() || a.value.is_boolean()) {
            let message = format!(
                "'values' of accepted_values must be a list, not {}",
                argument.value
            );
            let problem = Diagnostic::error(message).at(argument.at.clone());
            self.cx.problems.push(problem);
        }
    }

    /// Of the project by place, of the test's macro, of the test itself, and the project's last word.
    /// dbt renders tests `again`, all but the simplest: what they add to stands there twice.
    fn settings(
        &self,
        fqn: &[String],
        of_macro: &[Map<String, Json>],
        own: &Config,
        again: bool,
    ) -> Config {
        let section: Section = |file| &file.tests;
        let mut config = self.cx.settings(section, fqn, None);
        let mut said = Config::new();
        if again && let Some(tags) = own.get("tags") {
            said.insert("tags".to_owned(), tags.clone());
        }
        for written in of_macro {
            merge(&mut said, from_json(written, |_| Location::default()));
        }
        merge(&mut said, own.clone());
        if let Some(tags) = said.get_mut("tags") {
            tags.written = None;
        }
        merge(&mut config, said);
        self.cx.override_settings(section, fqn, &mut config);
        config
    }

    fn reader<'c>(&'c self, config: &'c Config, name: &str) -> Reader<'c> {
        reader(self.cx, config, format!("test '{name}'"))
    }

    /// Runs the test's macro to see what it refers to, and how it configures all of its tests.
    fn ran(
        &self,
        target: &Target<'_>,
        decl: &TestDecl,
        found: &Macro,
        test: &TestDetail,
        raw: &str,
    ) -> Option<Record> {
        let cx = self.cx;
        if found.package == BUILTIN && self.is_plain(found, test) {
            let (package, project) = (&cx.package.name, &cx.project.name);
            let wanted = !SIMPLE.contains(&&*found.name);
            let filter = wanted.then(|| cx.shared.macros.find(package, project, FILTER));
            let macros = filter.flatten().map(|found| found.id());
            return Some(Record {
                calls: vec![target.call.clone()],
                macros: [found.id()].into_iter().chain(macros).collect(),
                ..Record::default()
            });
        }
        let detail = Detail {
            template: Some(raw.to_owned()),
            test: Some(test.clone()),
            ..Detail::default()
        };
        let scope = Arc::new(NodeScope {
            of_node: true,
            of_generic_test: true,
            ..cx.node_scope()
        });
        let ran = test_arguments::run(cx.engine, cx.shared, &detail, &scope, &Mode::Parse);
        let ran = ran.map_err(|failure| failure.at(&decl.at));
        let (_, mut record) = cx.problems.keep(ran)?;
        record.macros = self.depended_on(found, decl, record.macros);
        Some(record)
    }

    /// As in dbt, what the arguments of a test name counts where nobody has its macro, too.
    fn named(&self, target: &Target<'_>, test: &TestDetail) -> Record {
        let cx = self.cx;
        let scope = Arc::new(NodeScope {
            of_node: true,
            of_generic_test: true,
            ..cx.node_scope()
        });
        let read = test_arguments::arguments(cx.engine, cx.shared, test, &scope, &Mode::Parse);
        let calls = read.map_or_else(|_| vec![target.call.clone()], |(_, record)| record.calls);
        Record {
            calls,
            ..Record::default()
        }
    }

    /// As dbt notes them: the macro is looked for by its bare name, and what arguments call counts where it is called by
    /// that macro too.
    fn depended_on(
        &self,
        found: &Macro,
        decl: &TestDecl,
        called: IndexSet<NodeId>,
    ) -> IndexSet<NodeId> {
        let (macros, package) = (&self.cx.shared.macros, &self.cx.package.name);
        let name = format!("test_{}", decl.test);
        let own = macros.get(package, &name);
        let noted = own
            .or_else(|| macros.anywhere(&self.cx.project.name, &name))
            .map_or_else(|| found.id(), |noted| noted.id());
        let filter = macros.find(package, &self.cx.project.name, FILTER);
        let filter = filter.map(|filter| filter.id());
        let is_usual = |id: &NodeId| *id == found.id() || Some(id) == filter.as_ref();
        let reached = match called.iter().all(is_usual) {
            true => BTreeSet::new(),
            false => reached(
                self.cx.shared,
                [noted.clone()].into_iter().chain(filter.clone()),
            ),
        };
        let counted = called
            .into_iter()
            .filter(|id| Some(id) == filter.as_ref() || reached.contains(id));
        [noted].into_iter().chain(counted).collect()
    }

    /// Nothing but its node can be referred to.
    fn is_plain(&self, found: &Macro, test: &TestDetail) -> bool {
        let macros = &self.cx.shared.macros;
        let (package, project) = (&self.cx.package.name, &self.cx.project.name);
        let filter = macros.find(package, project, FILTER);
        let of_builtin = filter.is_some_and(|filter| filter.package == BUILTIN);
        let mut arguments = test.arguments.iter().filter(|(name, _)| name != "model");
        SIMPLE.contains(&&*found.name)
            || found.name == "test_accepted_values"
                && of_builtin
                && arguments.all(|(name, argument)| {
                    test_arguments::expression(name, &argument.value).is_none()
                })
    }

    fn definition(&self, decl: &TestDecl) -> Option<Arc<Macro>> {
        let macros = &self.cx.shared.macros;
        let name = format!("test_{}", decl.test);
        let found = match &decl.namespace {
            Some(package) => macros.get(package, &name),
            None => macros.find(&self.cx.package.name, &self.cx.project.name, &name),
        };
        found.cloned()
    }

    fn undefined(&self, decl: &TestDecl) -> Diagnostic {
        let test = &decl.test;
        let macros = &self.cx.shared.macros;
        let problem = |name: &str| {
            Diagnostic::error(format!("no generic test is called '{name}'")).at(decl.at.clone())
        };
        match &decl.namespace {
            Some(package) if !macros.has_package(package) => {
                problem(&format!("{package}.{test}")).hint(no_package(package))
            }
            package => problem(
                &package
                    .iter()
                    .map(|p| format!("{p}."))
                    .chain([test.clone()])
                    .collect::<String>(),
            )
            .maybe_hint(suggest::nearest(test, macros.tests()))
            .hint("define one in tests/generic: {% test name(model, column_name) %}"),
        }
    }

    /// What keeps the macro from being run with the arguments. None where that is an error at once: dbt does not
    /// run built-in tests of one column while it reads a project, nor asks what any of them misses.
    fn accepts(&self, found: &Macro, decl: &TestDecl) -> Option<Vec<Diagnostic>> {
        let (missing, unknown) = (self.missing(found, decl), self.unknown(found, decl));
        if SIMPLE.contains(&&*found.name) || unknown.is_empty() {
            return Some([missing, unknown].concat());
        }
        for problem in [missing, unknown].concat() {
            self.cx.problems.push(problem);
        }
        None
    }

    fn unknown(&self, found: &Macro, decl: &TestDecl) -> Vec<Diagnostic> {
        let known: Vec<&str> = found.params.iter().map(|p| p.name.as_str()).collect();
        let arguments = decl.arguments.iter();
        let unknown =
            arguments.filter(|(name, _)| !found.kwargs && !known.contains(&name.as_str()));
        let problem = |(name, argument): (&String, &Argument)| {
            let message = format!("the test '{}' takes no argument '{name}'", decl.test);
            Diagnostic::error(message)
                .at(argument.at.clone())
                .maybe_hint(suggest::nearest(name, known.iter().copied()))
                .hint(format!("it takes {}", known.join(", ")))
        };
        unknown.map(problem).collect()
    }

    /// Of a project's own test, what is not given is undefined in it.
    fn missing(&self, found: &Macro, decl: &TestDecl) -> Vec<Diagnostic> {
        let given = |name: &str| {
            name == "model"
                || decl.arguments.contains_key(name)
                || (name == "column_name" && decl.column.is_some())
        };
        let needed = found.params.iter().filter(|_| found.package == BUILTIN);
        let missing = needed.filter(|p| !p.optional && !given(&p.name));
        let problem = |missing: &Param| {
            let (test, name) = (&decl.test, &missing.name);
            let message = format!("the test '{test}' needs an argument '{name}'");
            let problem = Diagnostic::error(message).at(decl.at.clone());
            match name.as_str() {
                "column_name" => problem.hint("declare it on a column, or give column_name"),
                _ => problem,
            }
        };
        missing.map(problem).collect()
    }

    fn description(&self, decl: &TestDecl) -> String {
        let written = &decl.description;
        let render = || {
            let file = decl.at.file.to_string_lossy();
            self.renderer()
                .description(self.doc(&file), written, mark(&decl.at))
        };
        let rendered = has_jinja(written).then(render);
        match rendered.flatten() {
            Some(Json::String(text)) => text,
            _ => written.clone(),
        }
    }

    fn renderer(&self) -> Renderer<'_> {
        Renderer {
            engine: self.cx.engine,
            shared: self.cx.shared,
            package: &self.cx.package.name,
        }
    }

    fn doc<'f>(&'f self, file: &'f str) -> Doc<'f> {
        Doc {
            file,
            problems: self.cx.problems,
        }
    }

    /// The test's settings with their Jinja rendered; `where` belongs to the test's own SQL.
    fn rendered(&self, decl: &TestDecl) -> Config {
        let mut config = decl.config.clone();
        for (_, setting) in &mut config {
            let Some(text) = setting.value.as_str().filter(|text| has_jinja(text)) else {
                continue;
            };
            let file = setting.at.file.to_string_lossy();
            let rendered = self
                .renderer()
                .text(self.doc(&file), text, mark(&setting.at));
            if let Some(value) = rendered {
                // As in dbt, the manifest has it so, also among what is written.
                (setting.value, setting.written) = (value, None);
            }
        }
        // Nothing takes the place of nothing.
        config.retain(|_, setting| !setting.value.is_null());
        config
    }
}

fn mark(at: &Location) -> Mark {
    Mark {
        line: at.line,
        column: at.column,
    }
}

/// Settings as dbt writes them behind the test's call: `{{ config(severity="warn") }}`.
fn config_call(own: &Config) -> String {
    let leading = INLINE.iter().filter_map(|name| own.get_key_value(*name));
    let others = own
        .iter()
        .filter(|(name, _)| !INLINE.contains(&name.as_str()));
    let alias_last = |(name, _): &(&String, &Setting)| *name == "alias";
    let (alias, pairs): (Vec<_>, Vec<_>) = leading.chain(others).partition(alias_last);
    let pairs = pairs.into_iter().chain(alias);
    let written = pairs.filter(|(_, setting)| !setting.value.is_null());
    let written = written.map(|(name, setting)| match &setting.value {
        Json::String(text) => format!("{name}=\"{}\"", text.replace('"', "\\\"")),
        other => format!("{name}={}", crate::jinja::python_repr(other)),
    });
    match written.collect::<Vec<_>>().join(",") {
        none if none.is_empty() => none,
        pairs => format!("{{{{ config({pairs}) }}}}"),
    }
}

/// `{{ test_not_null(**_dbt_generic_test_kwargs) }}`: also the name of its template.
pub(crate) fn raw_sql(test: &str, namespace: Option<&str>) -> String {
    let package = namespace
        .map(|package| format!("{package}."))
        .unwrap_or_default();
    format!("{{{{ {package}test_{test}(**_dbt_generic_test_kwargs) }}}}")
}

fn test_name(target: &Target<'_>, decl: &TestDecl, arguments: &[(String, Json)]) -> TestName {
    if let Some(name) = &decl.name {
        return TestName {
            full: name.clone(),
            short: name.clone(),
        };
    }
    let mut test = decl.test.clone();
    if matches!(target.call, RefCall::Source { .. }) {
        test = format!("source_{test}");
    }
    if let Some(namespace) = &decl.namespace {
        test = format!("{namespace}_{test}");
    }
    test_names::name(&test, &target.name(), arguments)
}
