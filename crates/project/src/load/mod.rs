//! Reads a project from the outside in: its name and target, its files, its nodes, its edges.

mod builder;
mod dispatches;
mod head;
mod lent;
mod packages;
mod patches;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};

use forebay_core::{Diagnostic, Diagnostics, Graph, Location, Node, NodeId, Spec, suggest};

use crate::config::{ProjectFile, Settings, SettingsConfig, Vars};
use crate::cores;
use crate::ignored::Ignored;
use crate::jinja::{Engine, MacroSet, Names, Shared, runtime_config};
use crate::nodes::{self, Cx, Detail, Draft, Outcome};
use crate::operations::{self, Operation};
use crate::package::Package;
use crate::problems::Problems;
use crate::properties::{MacroPatch, Patch, Properties};
use crate::render::Renderer;
use crate::scan::{Scanned, Scanner};
use crate::yaml::{self, Doc, Yaml};
use crate::{
    LoadOptions, Project, TestsOfNode, Unread, docs, files, ingest, link, ml, select, semantic,
    text,
};

use builder::Builder;
use head::{head, shared, used};
use lent::lent;
pub use packages::{WantedPackage, wanted_packages};

const PROJECT_FILE: &str = "dbt_project.yml";
const SETTINGS_FILE: &str = "forebay.yml";
const SELECTORS_FILE: &str = "selectors.yml";

pub(crate) fn load(root: &Path, options: LoadOptions) -> Result<Project, Unread> {
    let root = std::path::absolute(root).map_err(|error| {
        Diagnostic::environment(format!(
            "cannot read the folder '{}': {error}",
            root.display()
        ))
    })?;
    if !root.join(PROJECT_FILE).is_file() {
        return Err(no_project(&root).into());
    }
    let problems = Problems::default();
    let loaded = read(&root, options, &problems);
    match (problems.finish(), loaded) {
        (Ok(warnings), Some((project, _))) => Ok(Project {
            warnings,
            ..project
        }),
        // Only an empty file is no project without having a problem.
        (Ok(_), None) => {
            let problem = Diagnostic::error(format!("'{PROJECT_FILE}' is empty"));
            let problem = problem.at(Location::new(PROJECT_FILE, 1, 1));
            Err(problem
                .hint("it begins with name: and the project's name")
                .into())
        }
        (Err(problems), None) => Err(Unread {
            problems,
            unsaid: Vec::new(),
            rest: None,
        }),
        (Err(problems), Some((project, unsaid))) => Err(Unread {
            problems,
            unsaid,
            rest: Some(Box::new(project)),
        }),
    }
}

fn no_project(root: &Path) -> Diagnostic {
    Diagnostic::error(format!(
        "'{}' is not a project: it has no {PROJECT_FILE}",
        root.display()
    ))
    .hint("go to a project's folder, or name it with --project-dir")
}

pub fn target_path(root: &Path, options: &LoadOptions) -> Option<String> {
    let engine = Engine::new(&mut MacroSet::default()).ok()?;
    let head = head(root, options, &engine, &Problems::default())?;
    head.package.file.target_path
}

/// `None` where `dbt_project.yml` is empty, or a problem was reported. With the problems that come of others.
fn read(
    root: &Path,
    options: LoadOptions,
    problems: &Problems,
) -> Option<(Project, Vec<Diagnostic>)> {
    let mut macros = MacroSet::default();
    let mut engine = Engine::new(&mut macros)
        .map_err(|all| push_all(problems, all))
        .ok()?;
    let head = head(root, &options, &engine, problems)?;
    let mut packages = vec![head.package];
    let reader = packages::Reader {
        root,
        engine: &engine,
        shared: Arc::new(head::with_secrets(&options, head.target.clone())),
        problems,
    };
    for folder in packages::folders(&reader, &packages[0]) {
        let package = used(root, &folder, &options, &engine, &head.target, problems);
        packages::add(&mut packages, package, problems);
    }
    let mut scanned = Vec::new();
    for package in &packages {
        let scanner = Scanner {
            root,
            package,
            problems,
            engine: &mut engine,
            macros: &mut macros,
            ignored: Ignored::of(&root.join(&package.folder)),
            found: Scanned::default(),
        };
        scanned.push(scanner.scan());
    }
    let names = || packages.iter().map(|package| package.name.clone());
    let project = &packages[0];
    let vars = packages
        .iter()
        .map(|package| package.vars(&options.vars, project));
    let docs = scanned
        .iter_mut()
        .map(|found| std::mem::take(&mut found.docs));
    let given = Vars::command_line(options.vars.clone());
    let shared = Arc::new(Shared {
        runtime_config: runtime_config(&packages, &head.target, &given),
        project: project.name.clone(),
        vars: names().zip(vars).collect(),
        docs: names().zip(docs).collect(),
        dispatch: project.file.dispatch.clone(),
        quoting: project.file.quoting,
        explicit_overrides: project.file.explicit_overrides,
        ..shared(&options, head.target, macros)
    });
    dispatches::check(&shared, problems);
    let mut properties = Vec::new();
    for (package, found) in packages.iter().zip(&mut scanned) {
        let renderer = Renderer {
            engine: &engine,
            shared: &shared,
            package: &package.name,
        };
        let read = self::properties(&renderer, problems, found);
        for sql in nodes::yaml_snapshots(&read.snapshots, &package.file.snapshots_in) {
            if !sql.raw().contains("ref(") && !sql.raw().contains("source(") {
                let message = format!("the snapshot '{}' reads no relation", sql.name);
                let problem = Diagnostic::error(message).at(sql.at.clone());
                problems.push(problem.hint("relation: ref('model') or source('source', 'table')"));
                continue;
            }
            // Its text is ours: a problem in it has the place of the relation that the user wrote.
            let added = engine.add_part(&sql.template, "", &sql.text, sql.range.clone());
            let added = added.map_err(|problem| problem.at(sql.at.clone()));
            if problems.keep(added).is_some() {
                found.snapshots.push(sql);
            }
        }
        properties.push(read);
    }
    let unreadable = properties.iter().flat_map(|read| &read.unreadable);
    let unreadable: Vec<&str> = unreadable.map(String::as_str).collect();
    let (told, after) = (problems, Problems::default());
    let problems = match unreadable.is_empty() {
        true => told,
        false => &after,
    };
    add_test_calls(&mut engine, &shared.macros, problems);
    let entries = our_files(root, "ingest", &engine, &shared, problems);
    let entries = entries
        .iter()
        .flat_map(|(file, yaml)| ingest::read(Doc { file, problems }, yaml))
        .collect();
    let ml_files = our_files(root, "ml", &engine, &shared, problems);
    let contents: Vec<_> = packages
        .iter()
        .zip(&scanned)
        .zip(&properties)
        .map(|((package, scanned), properties)| (package, scanned, properties))
        .collect();
    let cx = Cx {
        problems,
        engine: &engine,
        shared: &shared,
        package: project,
        project,
    };
    // Before names are known, so that what they refer to is noted.
    let operations = packages
        .iter()
        .flat_map(|package| operations::read(&Cx { package, ..cx }, package));
    let mut operations: Vec<Operation> = operations.collect();
    let built = build(root, &cx, &contents, entries, &ml_files);
    if let Some(names) = shared.names.get() {
        let linked = operations.iter_mut();
        linked.for_each(|operation| operations::link(&cx, names, operation));
    }
    check_exposures(&cx, &built);
    check_spine(&cx, &built);
    let macro_patches = macro_patches(&cx, &contents);
    if unreadable.is_empty() {
        warn_unused(&project.file, problems);
    }
    let mut settings = settings(root, &project.name, problems);
    if let Some(python) = shared.env.get("FOREBAY_PYTHON") {
        settings.python.clone_from(python);
    }
    let project = Project {
        settings,
        operations,
        macro_entries: OnceLock::new(),
        selectors: selectors(root, &engine, &shared, problems),
        root: root.to_owned(),
        name: project.name.clone(),
        tests_by_node: tests_by_node(&built.graph, &built.disabled),
        graph: built.graph,
        disabled: built.disabled,
        idle: built.idle,
        groups: built.groups,
        macro_patches,
        warnings: Vec::new(),
        engine,
        shared,
        packages,
        details: built.details,
    };
    problems.keep(project.check_query_comment());
    let (others, unsaid) = after.apart_from(&unreadable);
    told.take_in(others);
    Some((project, unsaid))
}

fn push_all(problems: &Problems, all: Diagnostics) {
    all.0.into_iter().for_each(|problem| problems.push(problem));
}

fn properties(renderer: &Renderer<'_>, problems: &Problems, scanned: &Scanned) -> Properties {
    let read = cores::map(&scanned.properties, |(file, content)| {
        let problems = Problems::default();
        let mut yaml = yaml::parse_file(file, content.trim_end(), &problems);
        let unreadable = yaml.is_none() && !problems.is_empty();
        if let Some(yaml) = &mut yaml {
            let problems = &problems;
            renderer.render(Doc { file, problems }, yaml, stays);
        }
        (yaml, unreadable.then(|| content.to_string()), problems)
    });
    let mut properties = Properties::default();
    for ((file, _), (yaml, unreadable, found)) in scanned.properties.iter().zip(read) {
        problems.take_in(found);
        properties.unreadable.extend(unreadable);
        if let Some(yaml) = yaml {
            properties.add(Doc { file, problems }, &yaml);
        }
    }
    properties
}

/// Jinja that is not rendered while the files are read: tests, snapshots and filters of metrics have
/// a language of their own, and hooks are rendered when they run.
fn stays(path: &[&str]) -> bool {
    path.len() > 1 && matches!(path, [.., "tests" | "data_tests"])
        || matches!(
            path,
            [
                ..,
                "pre-hook"
                    | "post-hook"
                    | "pre_hook"
                    | "post_hook"
                    | "relation"
                    | "loaded_at_query"
            ]
        )
        || path
            .iter()
            .any(|key| matches!(*key, "metrics" | "saved_queries"))
            && matches!(path, [.., "filter" | "where"])
}

/// Files of our own folders, parsed and rendered.
fn our_files(
    root: &Path,
    folder: &str,
    engine: &Engine,
    shared: &Arc<Shared>,
    problems: &Problems,
) -> Vec<(String, Yaml)> {
    let renderer = Renderer {
        engine,
        shared,
        package: "",
    };
    let found = problems
        .keep(files::list(root, folder, &["yml", "yaml"]))
        .unwrap_or_default();
    let read = found.into_iter().filter_map(|file| {
        let content = problems.keep(text::read(root, &file))?;
        let mut yaml = yaml::parse(&file, &content, problems)?;
        let doc = Doc {
            file: &file,
            problems,
        };
        // `{{ ref('x') }}` names a node here too: it stays as it is written.
        renderer.render(doc, &mut yaml, |path| {
            matches!(path, [.., "source" | "spine"])
        });
        Some((file, yaml))
    });
    read.collect()
}

fn add_test_calls(engine: &mut Engine, macros: &MacroSet, problems: &Problems) {
    let tests = macros.all().filter(|found| found.name.starts_with("test_"));
    for found in tests {
        let test = found.name.strip_prefix("test_").unwrap_or(&found.name);
        for namespace in [None, Some(found.package.as_str())] {
            let call = nodes::raw_sql(test, namespace);
            let _: Option<()> = problems.keep(engine.add_call(&call));
        }
    }
}

fn settings(root: &Path, name: &str, problems: &Problems) -> Settings {
    let doc = Doc {
        file: SETTINGS_FILE,
        problems,
    };
    let written = root.join(SETTINGS_FILE).is_file();
    let content = written
        .then(|| problems.keep(text::read(root, SETTINGS_FILE)))
        .flatten();
    let yaml = content.and_then(|content| yaml::parse(SETTINGS_FILE, &content, problems));
    let config = yaml.and_then(|yaml| SettingsConfig::from_yaml(doc, &yaml));
    config.unwrap_or_default().resolve(root, name)
}

fn selectors(
    root: &Path,
    engine: &Engine,
    shared: &Arc<Shared>,
    problems: &Problems,
) -> Vec<select::Selector> {
    let doc = Doc {
        file: SELECTORS_FILE,
        problems,
    };
    let written = root.join(SELECTORS_FILE).is_file();
    let Some(mut yaml) = written.then(|| head::open(root, doc)).flatten() else {
        return Vec::new();
    };
    let renderer = Renderer {
        engine,
        shared,
        package: "",
    };
    renderer.render(doc, &mut yaml, |_| false);
    select::read_selectors(doc, &yaml)
}

/// Metrics are known when everything has been read.
fn check_exposures(cx: &Cx<'_>, built: &Built) {
    let is_off = |id: &NodeId| built.disabled.iter().any(|draft| draft.node.id == *id);
    let exposures = built.graph.nodes.values();
    for node in exposures.filter(|node| matches!(node.spec, Spec::Exposure(_))) {
        let missing = node
            .depends_on
            .iter()
            .filter(|id| built.graph.get(id).is_none());
        for id in missing.filter(|id| id.as_str().starts_with("metric.") && !is_off(id)) {
            let name = id.as_str().rsplit('.').next().unwrap_or_default();
            let message = format!("no metric is called '{name}', which {} names", node.id);
            let problem = Diagnostic::error(message).at(node.location.clone());
            let known = built.graph.nodes.values();
            let known = known.filter(|node| matches!(node.spec, Spec::Metric(_)));
            let near = suggest::nearest(name, known.map(|node| node.name.as_str()));
            let rule = || "metrics are defined in property files: metrics: - name: ...".to_owned();
            cx.problems.push(problem.hint(near.unwrap_or_else(rule)));
        }
    }
}

/// As in dbt, semantic models need a model of days.
fn check_spine(cx: &Cx<'_>, built: &Built) {
    const FINE: &[&str] = &[
        "nanosecond",
        "microsecond",
        "millisecond",
        "second",
        "minute",
        "hour",
        "day",
    ];
    let is_spine = |node: &Node| {
        let spine = built.details.get(&node.id).map(|detail| &detail.time_spine);
        let column = spine.and_then(|spine| spine["standard_granularity_column"].as_str());
        let column = column.and_then(|name| node.columns.get(name));
        let granularity = column.and_then(|column| column.granularity.as_deref());
        let fine = granularity.is_some_and(|name| FINE.contains(&name.to_lowercase().as_str()));
        fine || node.name == "metricflow_time_spine"
    };
    let nodes = || built.graph.nodes.values();
    let semantic = nodes().find(|node| matches!(node.spec, Spec::SemanticModel(_)));
    if let Some(semantic) = semantic.filter(|_| !nodes().any(is_spine)) {
        let message = "semantic models need a time spine of days or finer, and there is none";
        let problem = Diagnostic::error(message).at(semantic.location.clone());
        cx.problems
            .push(problem.hint("a model with time_spine: {standard_granularity_column: ...}"));
    }
}

fn warn_unused(file: &ProjectFile, problems: &Problems) {
    file.models.warn_unused("models", problems);
    file.seeds.warn_unused("seeds", problems);
    file.snapshots.warn_unused("snapshots", problems);
    file.sources.warn_unused("sources", problems);
    file.tests.warn_unused("data_tests", problems);
}

/// All nodes, and those that are switched off.
struct Built {
    graph: Graph,
    details: BTreeMap<NodeId, Detail>,
    disabled: Vec<Draft>,
    /// Tests of what is not there.
    idle: Vec<Draft>,
    groups: nodes::Groups,
}

fn build(
    root: &Path,
    cx: &Cx<'_>,
    contents: &[(&Package, &Scanned, &Properties)],
    entries: Vec<ingest::Entry>,
    ml_files: &[(String, Yaml)],
) -> Built {
    let (mut drafts, mut disabled) = (Vec::new(), Vec::new());
    let restricted = contents
        .iter()
        .filter(|(package, ..)| package.file.restricted);
    let mut names = Names {
        project: cx.project.name.clone(),
        own_first: cx.project.file.own_names_first,
        restricted: restricted
            .map(|(package, ..)| package.name.clone())
            .collect(),
        ..Names::default()
    };
    let of = |package| Cx { package, ..*cx };
    // The project last: what its packages say of nodes that they have switched off is then said of
    // the project's own of that name.
    let mut of_off: Vec<&Patch> = Vec::new();
    let lent = lent(contents);
    for ((package, scanned, properties), lent) in contents.iter().zip(&lent).rev() {
        Builder::new(&of(package), &mut drafts, &mut disabled, &mut names)
            .nodes(scanned, properties, &of_off, lent);
        let off = |patch: &&Patch| names.disabled.contains_key(&patch.name);
        of_off.extend(properties.seeds.iter().filter(off));
    }
    ingest::attach(cx, entries, &mut drafts);
    for (package, _, properties) in contents {
        Builder::new(&of(package), &mut drafts, &mut disabled, &mut names)
            .generic_tests(properties);
    }
    builder::register(&drafts, cx.shared.quoting, &mut names);
    // Set before linking: a template that runs again fails at the very call.
    let names = cx.shared.names.get_or_init(|| names);
    let (mut linked, mut idle) = (Vec::with_capacity(drafts.len()), Vec::new());
    let there = cores::map_mut(&mut drafts, |draft| {
        docs::resolve(cx.shared, draft);
        link::link(cx, names, draft)
    });
    for (draft, there) in drafts.into_iter().zip(there) {
        match there {
            true => linked.push(draft),
            false => idle.push(draft),
        }
    }
    let mut drafts = linked;
    let mut unit_tests: Vec<Outcome> = Vec::new();
    for (package, scanned, properties) in contents {
        let reader = nodes::UnitTests {
            cx: &of(package),
            names,
            root,
            drafts: &drafts,
            fixtures: &scanned.fixtures,
        };
        unit_tests.extend(
            properties
                .unit_tests
                .iter()
                .flat_map(|decl| reader.read(decl)),
        );
    }
    for outcome in unit_tests {
        match outcome {
            Outcome::Draft(draft) => drafts.push(*draft),
            Outcome::Disabled(draft) => disabled.extend(draft.map(|draft| *draft)),
            Outcome::Broken => {}
        }
    }
    let mut groups = nodes::Groups::new();
    for (package, _, properties) in contents {
        let cx = of(package);
        for item in &properties.groups {
            nodes::group(&cx, item, &mut groups);
        }
        let exposures = properties.exposures.iter();
        let read = exposures.map(|item| nodes::exposure(&cx, names, item));
        let read = read.chain(semantic::read(&cx, names, &drafts, properties));
        for outcome in read.collect::<Vec<_>>() {
            match outcome {
                Outcome::Draft(draft) => drafts.push(*draft),
                Outcome::Disabled(draft) => disabled.extend(draft.map(|draft| *draft)),
                Outcome::Broken => {}
            }
        }
    }
    for draft in &drafts {
        nodes::check_group(cx, &groups, draft);
    }
    let mut all: Vec<(Node, Detail)> = drafts
        .into_iter()
        .map(|draft| (draft.node, draft.detail))
        .collect();
    let ml = ml::read(&cx.project.name, names, cx.problems, ml_files);
    all.extend(ml.into_iter().map(|node| (node, Detail::default())));
    let (graph, details) = finish(cx, all);
    Built {
        graph,
        details,
        disabled,
        idle,
        groups,
    }
}

fn finish(cx: &Cx<'_>, all: Vec<(Node, Detail)>) -> (Graph, BTreeMap<NodeId, Detail>) {
    let mut graph = Graph {
        project: cx.project.name.clone(),
        ..Graph::default()
    };
    let mut details = BTreeMap::new();
    for (node, detail) in link::keep_unique(cx, all) {
        details.insert(node.id.clone(), detail);
        graph.nodes.insert(node.id.clone(), node);
    }
    link::report_cycles(cx, &graph, &details);
    (graph, details)
}

/// What property files say of macros, by the macros' ids.
fn described_twice(patch: &MacroPatch, other: &MacroPatch) -> Diagnostic {
    Diagnostic::error(format!("the macro '{}' is described twice", patch.name))
        .at(patch.at.clone())
        .hint(format!("the other is at {}", other.at))
}

fn macro_patches(
    cx: &Cx<'_>,
    contents: &[(&Package, &Scanned, &Properties)],
) -> BTreeMap<NodeId, MacroPatch> {
    let macros = &cx.shared.macros;
    let mut found = BTreeMap::new();
    for (package, _, properties) in contents {
        for patch in &properties.macros {
            match macros.get(&package.name, &patch.name) {
                Some(known) => match found.get(&known.id()) {
                    Some(other) => cx.problems.push(described_twice(patch, other)),
                    None => {
                        found.insert(known.id(), patch.clone());
                    }
                },
                None => cx.problems.push(
                    Diagnostic::warning(format!("there is no macro '{}' to describe", patch.name))
                        .at(patch.at.clone()),
                ),
            }
        }
    }
    found
}

/// Generic tests by the node that they are declared on.
fn tests_by_node(graph: &Graph, disabled: &[Draft]) -> BTreeMap<NodeId, TestsOfNode> {
    let attached = |node: &Node| match &node.spec {
        Spec::Test(test) => test.attached.clone(),
        _ => None,
    };
    let mut found: BTreeMap<NodeId, TestsOfNode> = BTreeMap::new();
    for node in graph.nodes.values() {
        if let Some(attached) = attached(node) {
            found.entry(attached).or_default().on.push(node.id.clone());
        }
    }
    for (index, draft) in disabled.iter().enumerate() {
        if let Some(attached) = attached(&draft.node) {
            found.entry(attached).or_default().off.push(index);
        }
    }
    found
}
