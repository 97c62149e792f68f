//! From files and property files to the nodes that dbt knows.

mod analyses;
mod contracts;
mod exposures;
mod external;
mod fixtures;
mod functions;
mod generic_tests;
mod groups;
mod incremental;
mod item;
mod locations;
mod merge;
mod models;
mod naming;
mod seeds;
mod singular_tests;
mod snapshots;
mod sources;
mod test_arguments;
mod test_detail;
mod test_names;
mod test_settings;
mod unit_tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use forebay_core::graph::Version;
use forebay_core::{Diagnostic, Location, Node, NodeId, Relation, ResourceType, Spec, suggest};
use indexmap::IndexSet;
use serde_json::{Map, Value as Json, json};

use crate::config::{Config, ProjectFile, Reader, Tree, from_json, merge, to_json, to_written};
use crate::hooks::{HookText, When};
use crate::jinja::{Engine, NodeScope, Record, RefCall, Shared};
use crate::package::Package;
use crate::problems::Problems;
use crate::properties::{Ages, Patch, SourceTable};
use crate::scan::SqlFile;
use crate::text;

pub(crate) use analyses::analysis;
pub(crate) use exposures::exposure;
pub(crate) use functions::function;
pub(crate) use generic_tests::{GenericTests, Target, raw_sql};
pub(crate) use groups::{Groups, check as check_group, group};
pub(crate) use item::{Content, Entry, Item, meta_only, settled, shaped};
pub(crate) use models::model;
pub(crate) use naming::{Naming, relation, schema};
pub(crate) use seeds::seed;
pub(crate) use singular_tests::singular_test;
pub(crate) use snapshots::{snapshot, yaml_snapshots};
pub(crate) use sources::{id as source_id, source};
pub(crate) use test_arguments::run;
pub(crate) use test_detail::TestDetail;
pub(crate) use unit_tests::{UnitTestDetail, UnitTests};

/// What building a node needs to know.
pub(crate) struct Cx<'a> {
    pub problems: &'a Problems,
    pub engine: &'a Engine,
    pub shared: &'a Arc<Shared>,
    /// The package that nodes are read of.
    pub package: &'a Package,
    /// The project, whose settings for a package's nodes win over all others.
    pub project: &'a Package,
}

impl Cx<'_> {
    pub fn id(&self, kind: ResourceType, name: &str, version: Option<&Version>) -> NodeId {
        let package = &self.package.name;
        NodeId::new(match version {
            Some(Version { v, .. }) => format!("{kind}.{package}.{name}.v{v}"),
            None => format!("{kind}.{package}.{name}"),
        })
    }

    /// The settings of a node by its place, and those of its property entry.
    pub fn settings(&self, of: Section, fqn: &[String], entry: Option<&Config>) -> Config {
        let mut config = of(&self.package.file).settings(fqn);
        merge(&mut config, entry.cloned().unwrap_or_default());
        config
    }

    /// Lays what the project says of its packages' nodes over everything else.
    pub fn override_settings(&self, of: Section, fqn: &[String], config: &mut Config) {
        if self.package.name != self.project.name {
            merge(config, of(&self.project.file).settings(fqn));
        }
    }

    pub fn node_scope(&self) -> NodeScope {
        NodeScope {
            package: self.package.name.clone(),
            ..NodeScope::default()
        }
    }
}

/// Names with blanks could not be selected.
fn without_blanks(cx: &Cx<'_>, name: &str, what: &str, location: &Location) {
    if name.contains(' ') {
        let message = format!("{what} has a blank in its name");
        let problem = Diagnostic::error(message).at(location.clone());
        cx.problems.push(problem.hint("rename its file"));
    }
}

/// One section of `dbt_project.yml`: `models:`.
pub(crate) type Section = fn(&ProjectFile) -> &Tree;

/// A node and what belongs to it but not into the graph. Its parents are still calls.
#[derive(Debug)]
pub(crate) struct Draft {
    pub node: Node,
    pub detail: Detail,
}

/// What compiling and the manifest need of a node.
#[derive(Clone, Debug, Default)]
pub(crate) struct Detail {
    /// The engine's template, where it has SQL.
    pub template: Option<String>,
    /// The text as written.
    pub raw: String,
    /// Its file begins with a byte order mark.
    pub has_mark: bool,
    /// The scope of its templates, with the parents once they are known.
    pub scope: Arc<NodeScope>,
    pub config: Map<String, Json>,
    /// The same before its Jinja was rendered.
    pub written: Map<String, Json>,
    pub alias: String,
    /// The blocks of docs that its description takes in.
    pub docs: Vec<String>,
    /// Where its settings are written.
    pub places: Places,
    /// What its template refers to.
    pub calls: Vec<RefCall>,
    pub macros: IndexSet<NodeId>,
    pub patch_file: Option<String>,
    pub time_spine: Json,
    /// What keeps it from running, though the project can be read: its own error when it is compiled or run.
    pub broken: Option<Diagnostic>,
    /// What runs before its step, and after it.
    pub hooks: [Vec<HookText>; 2],
    pub test: Option<TestDetail>,
    pub unit_test: Option<UnitTestDetail>,
    /// What the manifest shows of a node without SQL.
    pub shown: Json,
    /// Of a node without a relation: where it would be.
    pub schema: String,
    /// A source's own description and `meta`, not the table's.
    pub source_description: String,
    pub source_meta: Json,
    pub external: Json,
    /// SQL, still with its Jinja, that gives the moment of a source's newest row.
    pub loaded_at_query: Option<String>,
    pub quoting: Json,
    /// A source's `schema`, where it has one.
    pub written_schema: Option<String>,
    /// When a source is stale, as it is written.
    pub ages: Ages,
    /// A source whose freshness is switched off.
    pub never_stale: bool,
    pub loader: String,
    /// The SQL text that reads a source which is files.
    pub location: Option<String>,
}

/// Switched off by `enabled: false`, or not readable: known by name only.
pub(crate) enum Outcome {
    Draft(Box<Draft>),
    /// With what is known of it all the same.
    Disabled(Option<Box<Draft>>),
    Broken,
}

/// A node that is about to be read.
pub(crate) struct Subject<'a> {
    pub kind: ResourceType,
    pub sql: &'a SqlFile,
    pub patch: Option<&'a Patch>,
    pub fqn: Vec<String>,
    /// Settings from outside of its file.
    pub config: Config,
    pub section: Section,
}

/// A node after its template has run once.
pub(crate) struct Parsed {
    pub config: Config,
    pub calls: Vec<RefCall>,
    pub macros: IndexSet<NodeId>,
    pub unknown: BTreeSet<String>,
}

impl Parsed {
    /// Of a template that was not run.
    pub fn unread(config: Config) -> Self {
        Self {
            config,
            calls: Vec::new(),
            macros: IndexSet::new(),
            unknown: BTreeSet::new(),
        }
    }

    /// What its hooks refer to, it refers to.
    pub fn with_hooks(mut self, cx: &Cx<'_>, scope: &Arc<NodeScope>) -> Option<Self> {
        for hook in hooks(&self.config) {
            let record = parsed_hook(cx, scope, &hook)?;
            for call in record.calls {
                if !self.calls.contains(&call) {
                    self.calls.push(call);
                }
            }
            self.macros.extend(record.macros);
        }
        Some(self)
    }
}

impl<'a> Subject<'a> {
    pub fn new(
        cx: &Cx<'_>,
        kind: ResourceType,
        section: Section,
        sql: &'a SqlFile,
        patch: Option<&'a Patch>,
    ) -> Self {
        let name = patch.map_or(&sql.name, |patch| &patch.name);
        let version = patch.and_then(|patch| patch.version.as_ref());
        let mut fqn = fqn(cx, &sql.file, &sql.folder, name);
        fqn.extend(version.map(|version| format!("v{}", version.v)));
        Self {
            kind,
            sql,
            patch,
            config: cx.settings(section, &fqn, patch.map(|patch| &patch.config)),
            fqn,
            section,
        }
    }

    /// Puts one more folder into its path: settings by folder go by that path.
    pub fn below(mut self, cx: &Cx<'_>, at: usize, folder: &str) -> Self {
        self.fqn.insert(at, folder.to_owned());
        let entry = self.patch.map(|patch| &patch.config);
        self.config = cx.settings(self.section, &self.fqn, entry);
        self
    }

    pub fn what(&self) -> String {
        format!("{} '{}'", self.kind, self.name())
    }

    /// Of the node: a version's file may have another.
    pub fn name(&self) -> &'a str {
        self.patch.map_or(&self.sql.name, |patch| &patch.name)
    }

    pub fn version(&self) -> Option<&'a Version> {
        self.patch.and_then(|patch| patch.version.as_ref())
    }

    pub fn naming(&self) -> Naming<'_> {
        Naming {
            kind: self.kind,
            name: self.name(),
            version: self.version(),
            location: &self.sql.at,
            fqn: &self.fqn,
        }
    }

    /// Runs the template to see what it refers to and how it configures itself.
    pub fn parse(&self, cx: &Cx<'_>) -> Option<Parsed> {
        let scope = self.scope(cx);
        let rendered = cx.engine.parse(&self.sql.template, cx.shared, &scope);
        let location = self.sql.at.clone();
        without_blanks(cx, self.name(), &self.what(), &location);
        let record = cx
            .problems
            .keep(rendered.map_err(|failure| failure.at(&location)))?;
        for mut warning in record.warnings {
            warning.location.get_or_insert_with(|| location.clone());
            cx.problems.push(warning);
        }
        for name in &record.missing {
            cx.problems.push(self.no_value(cx, name));
        }
        for name in &record.undefined {
            let message = format!("'{name}' of {} is given what is not defined", self.what());
            let problem = Diagnostic::error(message).at(self.config_key(name));
            let hint = "a word without quotes is a variable, and has no value here";
            cx.problems.push(problem.hint(hint));
        }
        let mut config = self.config.clone();
        for inline in &record.configs {
            merge(&mut config, from_json(inline, |name| self.config_key(name)));
        }
        cx.override_settings(self.section, &self.fqn, &mut config);
        let parsed = Parsed {
            config,
            calls: record.calls,
            macros: record.macros,
            unknown: record.unknown,
        };
        parsed.with_hooks(cx, &scope)
    }

    /// What its template sees while it is only read.
    pub fn scope(&self, cx: &Cx<'_>) -> Arc<NodeScope> {
        Arc::new(NodeScope {
            this: Some(Relation::new(&cx.shared.target.schema, self.name())),
            model: self.model(cx),
            config: to_json(&self.config),
            of_node: true,
            ..cx.node_scope()
        })
    }

    /// What the variable `model` shows while the template is only read.
    fn model(&self, cx: &Cx<'_>) -> Json {
        let path = cx.package.path(&self.sql.file);
        json!({
            "unique_id": cx.id(self.kind, self.name(), self.version()),
            "name": self.name(),
            "alias": self.name(),
            "schema": cx.shared.target.schema,
            "database": cx.shared.target.database,
            "resource_type": self.kind.as_str(),
            "package_name": cx.package.name,
            "original_file_path": path,
            "path": path.split_once('/').map_or(path, |(_, below)| below),
            "fqn": self.fqn,
            "config": to_json(&self.config),
            "tags": [],
            "columns": {},
            "depends_on": {"macros": [], "nodes": []},
            "refs": [],
            "sources": [],
            "raw_code": self.sql.raw(),
        })
    }

    fn no_value(&self, cx: &Cx<'_>, name: &str) -> Diagnostic {
        let raw = self.sql.raw();
        let quoted = [format!("'{name}'"), format!("\"{name}\"")];
        let offset = quoted.iter().find_map(|quoted| raw.find(quoted));
        let place = offset
            .map(|at| text::locate(&self.sql.file, &self.sql.text, self.sql.range.start + at));
        let vars = cx.shared.vars.get(&cx.package.name);
        let known = vars.into_iter().flat_map(|vars| vars.names());
        let message = format!(
            "{} needs the variable '{name}', which has no value",
            self.what()
        );
        Diagnostic::warning(message)
            .at(place.unwrap_or_else(|| self.sql.at.clone()))
            .maybe_hint(suggest::nearest(name, known))
            .hint(format!(
                "give it one under vars: in dbt_project.yml, or by --vars '{{{name}: ...}}'"
            ))
    }

    /// Where the file gives `config(...)` a setting; the call, where the setting's name is not in it.
    fn config_key(&self, name: &str) -> Location {
        let raw = self.sql.raw();
        let key = config_key(raw, name).or_else(|| raw.find("config("));
        let offset = self.sql.range.start + key.unwrap_or(0);
        text::locate(&self.sql.file, &self.sql.text, offset)
    }

    /// The parts of a node that all kinds fill in the same way.
    /// `place` is where its table is, or would be if it had one.
    pub fn draft(
        self,
        cx: &Cx<'_>,
        parsed: Parsed,
        relation: Option<Relation>,
        place: Relation,
        spec: Spec,
    ) -> Draft {
        let reader = reader(cx, &parsed.config, self.what());
        reader.check_types();
        let tags = tags_in_order(&self, &reader);
        let id = cx.id(self.kind, self.name(), self.version());
        // One of another type is no group, which has been told.
        let group = reader
            .get("group")
            .and_then(|setting| setting.value.as_str());
        let group = group.map(str::to_owned);
        let patch = self.patch;
        let node = Node {
            id: id.clone(),
            name: self.name().to_owned(),
            package: cx.package.name.clone(),
            location: self.sql.at.clone(),
            fqn: self.fqn,
            tags,
            group,
            description: patch.map(|p| p.description.clone()).unwrap_or_default(),
            columns: patch.map(|p| p.columns.clone()).unwrap_or_default(),
            relation,
            depends_on: Vec::new(),
            spec,
        };
        let config = to_json(&parsed.config);
        let scope = NodeScope {
            unknown: parsed.unknown,
            ..node_scope(cx, &node, &config, &place, self.sql.raw())
        };
        let detail = Detail {
            template: Some(self.sql.template.clone()),
            raw: self.sql.raw().to_owned(),
            has_mark: self.sql.has_mark,
            scope: Arc::new(scope),
            written: to_written(&parsed.config),
            config,
            alias: place.name,
            schema: place.schema,
            calls: parsed.calls,
            macros: parsed.macros,
            patch_file: patch.map(|p| p.file.clone()),
            time_spine: patch.map(|p| p.time_spine.clone()).unwrap_or_default(),
            places: places(&parsed.config),
            docs: patch.map(|p| p.docs.clone()).unwrap_or_default(),
            hooks: When::BOTH.map(|when| crate::hooks::placed(parsed.config.get(when.setting()))),
            ..Detail::default()
        };
        Draft { node, detail }
    }
}

/// Places of settings by their names, those inside of a mapping as `docs.show`.
pub(crate) type Places = BTreeMap<String, Location>;

pub(crate) fn places(config: &Config) -> Places {
    let settings = config.iter();
    settings
        .flat_map(|(name, setting)| setting.places(name))
        .collect()
}

/// Where a template gives `config(...)` a setting.
pub(crate) fn config_key(raw: &str, name: &str) -> Option<usize> {
    let call = raw.find("config(")?;
    let is_key = |at: &usize| {
        let before = raw[..*at].chars().next_back();
        let after = raw[at + name.len()..].trim_start_matches(['\'', '"']);
        let apart = !before.is_some_and(|c| c.is_alphanumeric() || c == '_');
        apart && after.trim_start().starts_with(['=', ':'])
    };
    let named = raw[call..].match_indices(name);
    named.map(|(at, _)| call + at).find(is_key)
}

/// What a hook refers to, its node depends on.
fn parsed_hook(cx: &Cx<'_>, scope: &Arc<NodeScope>, hook: &HookText) -> Option<Record> {
    let within = |problem: Diagnostic| problem.hint(format!("in the hook {}", hook.text.trim()));
    let ran = cx.engine.parse_text(&hook.text, cx.shared, scope);
    let ran = ran.map_err(|failure| within(failure.at(&hook.at)));
    let mut record = cx.problems.keep(ran)?;
    for warning in std::mem::take(&mut record.warnings) {
        cx.problems.push(within(warning.at(hook.at.clone())));
    }
    Some(record)
}

/// Hooks with Jinja.
fn hooks(config: &Config) -> Vec<HookText> {
    let written = When::BOTH
        .into_iter()
        .map(|when| config.get(when.setting()));
    let hooks = written.flat_map(crate::hooks::placed);
    hooks
        .filter(|hook| crate::render::has_jinja(&hook.text))
        .collect()
}

/// As in dbt, a file that defines a generic test is known all the same, and an error when it runs.
fn definition(cx: &Cx<'_>, sql: &SqlFile) -> Option<Diagnostic> {
    let at = sql.defines_test()?;
    let problem = Diagnostic::error("a generic test is defined here, where a query is wanted");
    let problem = problem.at(text::locate(&sql.file, &sql.text, sql.range.start + at));
    let problem = problem.hint("generic tests are read from tests/generic/ and from macros/");
    Some(cx.problems.postpone(problem))
}

/// What the node's template can see of it.
pub(crate) fn node_scope(
    cx: &Cx<'_>,
    node: &Node,
    config: &Map<String, Json>,
    place: &Relation,
    raw: &str,
) -> NodeScope {
    NodeScope {
        of_node: true,
        group: node.group.clone(),
        this: Some(place.clone()),
        model: json!({
            "unique_id": node.id,
            "name": node.name,
            "alias": place.name,
            "schema": place.schema,
            "database": cx.shared.target.database,
            "resource_type": node.resource_type().as_str(),
            "package_name": node.package,
            "original_file_path": cx.package.path(&node.location.file.to_string_lossy()),
            "path": below(cx, &node.location),
            "fqn": node.fqn,
            "tags": node.tags,
            "description": node.description,
            "columns": crate::manifest::shown_columns(node),
            "config": config,
            "raw_code": raw,
        }),
        config: config.clone(),
        ..cx.node_scope()
    }
}

/// The path below the first folder: `staging/m.sql` of `models/staging/m.sql`.
fn below(cx: &Cx<'_>, at: &Location) -> String {
    let file = at.file.to_string_lossy();
    let path = cx.package.path(&file);
    path.split_once('/')
        .map_or(path, |(_, below)| below)
        .to_owned()
}

pub(crate) fn reader<'a>(cx: &'a Cx<'_>, config: &'a Config, what: String) -> Reader<'a> {
    Reader {
        config,
        what,
        problems: cx.problems,
    }
}

fn tags(reader: &Reader<'_>) -> Vec<String> {
    let mut tags = reader.texts("tags");
    tags.sort();
    tags.dedup();
    tags
}

/// As dbt adds them up: those of `dbt_project.yml`, of its own file, then of a property file.
fn tags_in_order(subject: &Subject<'_>, reader: &Reader<'_>) -> Vec<String> {
    let counted = |config: &Config| {
        config
            .get("tags")
            .map_or(0, |setting| setting.items().count())
    };
    let outside = counted(&subject.config);
    let described = subject.patch.map_or(0, |patch| counted(&patch.config));
    let mut tags = reader.texts("tags");
    if let Some(place) = outside
        .checked_sub(described)
        .filter(|_| outside <= tags.len())
    {
        tags[place..].rotate_left(described);
    }
    let mut seen = BTreeSet::new();
    tags.retain(|tag| seen.insert(tag.clone()));
    tags
}

/// Package, folders below the configured one, name.
pub(crate) fn fqn(cx: &Cx<'_>, file: &str, folder: &str, name: &str) -> Vec<String> {
    let below = file
        .strip_prefix(folder)
        .unwrap_or(file)
        .trim_start_matches('/');
    let mut fqn = vec![cx.package.name.clone()];
    let parts: Vec<&str> = below.split('/').collect();
    fqn.extend(
        parts[..parts.len() - 1]
            .iter()
            .map(|part| (*part).to_owned()),
    );
    fqn.push(name.to_owned());
    fqn
}

/// Of what an entry of a property file declares: dbt takes but the first folder away.
fn fqn_of_entry(cx: &Cx<'_>, file: &str, name: &str) -> Vec<String> {
    let within = cx.package.path(file);
    let folder = within.split_once('/').map_or("", |(folder, _)| folder);
    fqn(cx, within, folder, name)
}
