//! Models, seeds, snapshots, tests and analyses in the manifest.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;

use forebay_core::contract::{Constraint, ConstraintKind};
use forebay_core::graph::{Model, Test};
use forebay_core::{Node, NodeId, ResourceType, Spec};
use indexmap::IndexSet;
use serde_json::{Map, Value as Json, json};

use super::columns::{Columns, Keys, ModelRules, keys};
use super::config::Config;
use super::{config, contract, created_at, patch_path, version_json};
use crate::Project;
use crate::jinja::RefCall;
use crate::nodes::{Detail, TestDetail};
use crate::package::Package;
use crate::text::BYTE_ORDER_MARK;

/// A node's SQL, and the file that it is in.
pub(super) type Compiled<'a> = (&'a str, &'a Path);

/// Written from what it borrows: of a project's thousands, half of the time to read it would go into values in between.
#[derive(serde::Serialize)]
pub(super) struct Entry<'a> {
    unique_id: &'a NodeId,
    name: &'a str,
    resource_type: &'static str,
    package_name: &'a str,
    path: String,
    original_file_path: String,
    fqn: &'a [String],
    database: &'a str,
    schema: &'a str,
    alias: &'a str,
    relation_name: Option<String>,
    checksum: Checksum<'a>,
    description: &'a str,
    columns: Columns<'a>,
    meta: Json,
    tags: &'a [String],
    group: Option<&'a str>,
    docs: Json,
    config: Config<'a>,
    unrendered_config: &'a Map<String, Json>,
    patch_path: Option<String>,
    build_path: (),
    doc_blocks: &'a [String],
    created_at: f64,
    #[serde(flatten)]
    seed: Option<OfSeed<'a>>,
    #[serde(flatten)]
    sql: Option<OfSql<'a>>,
    #[serde(flatten)]
    model: Option<OfModel<'a>>,
    #[serde(flatten)]
    test: Option<OfTest<'a>>,
    #[serde(flatten)]
    function: Option<&'a Map<String, Json>>,
}

#[derive(serde::Serialize)]
struct Checksum<'a> {
    name: &'static str,
    checksum: Cow<'a, str>,
}

#[derive(serde::Serialize)]
struct OfSeed<'a> {
    root_path: &'a Path,
    raw_code: &'static str,
    depends_on: DependsOn<'a>,
}

/// What those with SQL have.
#[derive(serde::Serialize)]
struct OfSql<'a> {
    raw_code: Cow<'a, str>,
    language: &'static str,
    refs: Vec<Ref<'a>>,
    sources: Vec<[&'a str; 2]>,
    metrics: [(); 0],
    functions: Vec<Vec<&'a str>>,
    depends_on: DependsOn<'a>,
    contract: Contract,
    compiled_path: Option<&'a Path>,
    /// Of a node that has been compiled since the project was read: tools for lineage read its SQL here.
    #[serde(flatten)]
    compiled: Option<CompiledCode<'a>>,
}

#[derive(serde::Serialize)]
struct CompiledCode<'a> {
    compiled: bool,
    compiled_code: &'a str,
    extra_ctes: [(); 0],
    extra_ctes_injected: bool,
}

#[derive(serde::Serialize)]
struct DependsOn<'a> {
    macros: &'a IndexSet<NodeId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<&'a [NodeId]>,
}

#[derive(serde::Serialize)]
struct Contract {
    enforced: bool,
    alias_types: bool,
    checksum: Option<String>,
}

#[derive(serde::Serialize)]
struct OfModel<'a> {
    access: &'static str,
    constraints: ModelRules<'a>,
    version: Option<Json>,
    latest_version: Option<Json>,
    deprecation_date: Option<&'a str>,
    primary_key: Vec<String>,
    time_spine: &'a Json,
}

#[derive(serde::Serialize)]
struct OfTest<'a> {
    column_name: Option<&'a str>,
    attached_node: Option<&'a NodeId>,
    file_key_name: &'a str,
    test_metadata: Json,
}

pub(super) fn entry<'a>(
    project: &'a Project,
    node: &'a Node,
    detail: &'a Detail,
    compiled: Option<Compiled<'a>>,
) -> Entry<'a> {
    let file = project.within(&node.package, &node.location.file, Package::path);
    let config = config::config(node, detail);
    let generic = detail.test.as_ref();
    let schema = match &node.relation {
        Some(relation) => &relation.schema,
        None => &detail.schema,
    };
    let is_seed = node.resource_type() == ResourceType::Seed;
    // As in dbt, of what has been compiled.
    let keys = compiled.map_or_else(Keys::new, |_| keys(project, node));
    let (model, test) = match (&node.spec, generic) {
        (Spec::Model(model), _) => (
            Some(of_model(project, node, model, detail, keys.clone())),
            None,
        ),
        (Spec::Test(test), Some(found)) => (None, Some(of_test(test, found))),
        _ => (None, None),
    };
    let below = project.within(&node.package, &node.location.file, Package::below);
    Entry {
        unique_id: &node.id,
        name: &node.name,
        resource_type: node.resource_type().as_str(),
        package_name: &node.package,
        path: match (node.resource_type(), generic) {
            (_, Some(test)) => test.file_name(),
            (ResourceType::Analysis, _) => format!("analysis/{below}"),
            (ResourceType::Snapshot, _) => project.snapshot_path(node),
            _ => below,
        },
        original_file_path: file,
        fqn: &node.fqn,
        database: project.database(),
        schema,
        alias: &detail.alias,
        // As in dbt, that of a function is not said.
        relation_name: (node.resource_type() != ResourceType::Function)
            .then(|| project.written(node))
            .flatten(),
        checksum: checksum(project, node, detail),
        description: &node.description,
        columns: Columns {
            columns: &node.columns,
            keys: keys.clone(),
        },
        meta: config.get("meta").cloned().unwrap_or_default(),
        tags: &node.tags,
        group: node.group.as_deref(),
        docs: match config.get("docs") {
            Some(docs) => docs.clone(),
            None => config::docs(None),
        },
        config,
        unrendered_config: &detail.written,
        patch_path: patch_path(project, node, detail),
        build_path: (),
        doc_blocks: &detail.docs,
        created_at: created_at(project),
        seed: is_seed.then(|| OfSeed {
            root_path: &project.root,
            raw_code: "",
            depends_on: DependsOn {
                macros: &detail.macros,
                nodes: None,
            },
        }),
        sql: (!is_seed).then(|| of_sql(node, detail, compiled)),
        model,
        test,
        function: match node.spec {
            Spec::Function(_) => detail.shown.as_object(),
            _ => None,
        },
    }
}

fn of_sql<'a>(node: &'a Node, detail: &'a Detail, compiled: Option<Compiled<'a>>) -> OfSql<'a> {
    let (language, contract) = match &node.spec {
        Spec::Model(model) => (model.language.as_str(), Some((&model.contract, model))),
        _ => ("sql", None),
    };
    let enforced = contract.filter(|(contract, _)| contract.enforced);
    OfSql {
        raw_code: match (node.resource_type(), &detail.test) {
            (_, Some(test)) => format!("{}{}", detail.raw, test.config_call).into(),
            (ResourceType::Snapshot, _) => (&*detail.raw).into(),
            _ => whole_text(detail),
        },
        language,
        refs: match &detail.test {
            Some(_) if detail.macros.first().is_some_and(is_short) => refs(&detail.calls),
            Some(test) => refs_of_test(&detail.calls, &test.target),
            None => refs(&detail.calls),
        },
        sources: sources(&detail.calls),
        metrics: [],
        functions: functions(&detail.calls),
        depends_on: DependsOn {
            macros: &detail.macros,
            nodes: Some(&node.depends_on),
        },
        contract: Contract {
            enforced: enforced.is_some(),
            alias_types: true,
            checksum: enforced.map(|(_, model)| contract::checksum(node, model)),
        },
        compiled_path: compiled.map(|(_, file)| file),
        compiled: compiled.map(|(sql, _)| CompiledCode {
            compiled: true,
            compiled_code: sql,
            extra_ctes: [],
            extra_ctes_injected: true,
        }),
    }
}

/// What `model` has of the manifest's entry besides its names and settings.
pub(crate) fn seen_by_templates(node: &Node, detail: &Detail) -> Map<String, Json> {
    let (language, access) = match &node.spec {
        Spec::Model(model) => (model.language.as_str(), Some(model.access.as_str())),
        _ => ("sql", None),
    };
    let setting = |name: &str| detail.config.get(name).cloned();
    Map::from_iter([
        ("language".to_owned(), json!(language)),
        ("access".to_owned(), json!(access)),
        ("group".to_owned(), json!(node.group)),
        ("refs".to_owned(), json!(refs(&detail.calls))),
        ("sources".to_owned(), json!(sources(&detail.calls))),
        (
            "meta".to_owned(),
            setting("meta").unwrap_or_else(|| json!({})),
        ),
        ("docs".to_owned(), config::docs(detail.config.get("docs"))),
        ("unrendered_config".to_owned(), json!(detail.written)),
    ])
}

#[derive(serde::Serialize)]
pub(super) struct Ref<'a> {
    name: &'a str,
    package: Option<&'a str>,
    version: Option<Json>,
}

pub(super) fn refs(calls: &[RefCall]) -> Vec<Ref<'_>> {
    let refs = calls.iter().filter_map(|call| match call {
        RefCall::Ref {
            package,
            name,
            version,
        } => Some(Ref {
            name,
            package: package.as_deref(),
            version: version.as_deref().map(version_json),
        }),
        RefCall::Source { .. } | RefCall::Function { .. } => None,
    });
    refs.collect()
}

/// Whether dbt notes what a test is of without running the test's macro.
fn is_short(test: &NodeId) -> bool {
    matches!(
        test.as_str(),
        "macro.dbt.test_not_null" | "macro.dbt.test_unique"
    )
}

/// As in dbt, the call of what a generic test is declared on names a version as a text; those of its arguments are as
/// they are written.
fn refs_of_test<'a>(calls: &'a [RefCall], target: &RefCall) -> Vec<Ref<'a>> {
    let mut refs = refs(calls);
    let of = calls
        .iter()
        .filter(|call| matches!(call, RefCall::Ref { .. }));
    let own = refs.iter_mut().zip(of).filter(|(_, call)| *call == target);
    for (found, _) in own {
        found.version = match found.version.take() {
            Some(Json::Number(number)) => Some(Json::String(number.to_string())),
            other => other,
        };
    }
    refs
}

pub(super) fn sources(calls: &[RefCall]) -> Vec<[&str; 2]> {
    let sources = calls.iter().filter_map(|call| match call {
        RefCall::Source { source, table } => Some([&**source, &**table]),
        RefCall::Ref { .. } | RefCall::Function { .. } => None,
    });
    sources.collect()
}

/// As they are called: with a package or without.
fn functions(calls: &[RefCall]) -> Vec<Vec<&str>> {
    let functions = calls.iter().filter_map(|call| match call {
        RefCall::Function { package, name } => Some(
            package
                .iter()
                .map(String::as_str)
                .chain([&**name])
                .collect(),
        ),
        _ => None,
    });
    functions.collect()
}

fn of_model<'a>(
    project: &Project,
    node: &Node,
    model: &'a Model,
    detail: &'a Detail,
    keys: Keys<'a>,
) -> OfModel<'a> {
    let version = model.version.as_ref();
    let constraints = &model.contract.constraints;
    OfModel {
        access: model.access.as_str(),
        constraints: ModelRules { constraints, keys },
        version: version.map(|version| version_json(&version.v)),
        latest_version: version.map(|version| version_json(&version.latest)),
        deprecation_date: model.deprecation_date.as_deref(),
        primary_key: primary_key(project, node, model),
        time_spine: &detail.time_spine,
    }
}

/// What identifies a row: by a constraint, else by tests for uniqueness.
fn primary_key(project: &Project, node: &Node, model: &Model) -> Vec<String> {
    let is_key = |c: &Constraint| c.kind == ConstraintKind::PrimaryKey;
    if let Some(key) = model.contract.constraints.iter().find(|c| is_key(c)) {
        return key.columns.clone();
    }
    let mut columns = node.columns.values();
    if let Some(column) = columns.find(|column| column.constraints.iter().any(is_key)) {
        return vec![column.name.clone()];
    }
    let Some(tests) = project.tests_by_node.get(&node.id) else {
        return Vec::new();
    };
    let on = tests.on.iter().filter_map(|id| project.details.get(id));
    let off = tests
        .off
        .iter()
        .map(|index| &project.disabled[*index].detail);
    let all = on
        .map(|detail| (true, detail))
        .chain(off.map(|detail| (false, detail)));
    let (mut unique, mut unique_off) = (BTreeSet::new(), BTreeSet::new());
    let mut not_null = BTreeSet::new();
    for (is_on, detail) in all {
        let Some(test) = &detail.test else { continue };
        match (test.name.as_str(), is_on) {
            ("unique" | "unique_combination_of_columns", true) => unique.extend(test.columns()),
            ("unique" | "unique_combination_of_columns", false) => {
                unique_off.extend(test.columns());
            }
            ("not_null", _) => not_null.extend(test.columns()),
            _ => {}
        }
    }
    let both = unique
        .union(&unique_off)
        .filter(|name| not_null.contains(*name));
    let both: BTreeSet<String> = both.cloned().collect();
    // Tests that are switched off count where no others do.
    let chosen = [both, unique, unique_off];
    let chosen = chosen.into_iter().find(|names| !names.is_empty());
    chosen.into_iter().flatten().collect()
}

fn of_test<'a>(test: &'a Test, found: &'a TestDetail) -> OfTest<'a> {
    let attached = test.attached.as_ref();
    OfTest {
        column_name: test.column.as_deref().filter(|_| found.of_column),
        attached_node: attached.filter(|id| !id.as_str().starts_with("source.")),
        file_key_name: &found.key,
        test_metadata: test_metadata(found),
    }
}

fn test_metadata(test: &TestDetail) -> Json {
    let arguments = test
        .arguments
        .iter()
        .map(|(name, argument)| (name.clone(), argument.value.clone()));
    let arguments: Map<String, Json> = arguments.collect();
    json!({"name": test.name, "kwargs": arguments, "namespace": test.namespace})
}

/// Of the text without the blanks around it.
fn checksum<'a>(project: &Project, node: &Node, detail: &Detail) -> Checksum<'a> {
    let of = |name, checksum| Checksum { name, checksum };
    let sum = |text: &str| {
        let sum = forebay_core::digest::hex(text.trim().as_bytes());
        of("sha256", sum.into())
    };
    let file = || project.root.join(&node.location.file);
    match node.resource_type() {
        _ if detail.test.is_some() => of("none", "".into()),
        ResourceType::Snapshot => {
            let text = std::fs::read_to_string(file());
            sum(text.as_deref().unwrap_or(&detail.raw))
        }
        ResourceType::Seed => {
            let small =
                std::fs::metadata(file()).is_ok_and(|found| found.len() <= crate::scan::LARGE_SEED);
            match small.then(|| std::fs::read_to_string(file())) {
                Some(Ok(text)) => sum(&text),
                _ => {
                    let path = project.within(&node.package, &node.location.file, Package::path);
                    of("path", path.into())
                }
            }
        }
        _ => sum(&whole_text(detail)),
    }
}

/// Without the blanks around it. A byte order mark is none.
fn whole_text(detail: &Detail) -> Cow<'_, str> {
    match detail.has_mark {
        true => format!("{BYTE_ORDER_MARK}{}", detail.raw.trim_end()).into(),
        false => detail.raw.trim().into(),
    }
}
