//! Where a node's table is: the project's naming macros decide, or dbt's own rules, which need no
//! template.

use forebay_core::graph::Version;
use forebay_core::{Diagnostic, Location, Relation, ResourceType};
use serde_json::{Value as Json, json};

use super::{Cx, below};
use crate::config::{Quoting, Reader, to_json};
use crate::jinja::{BUILTIN, Failure, NodeScope, called_from};

/// What naming depends on besides the node's settings.
#[derive(Clone, Copy)]
pub(crate) struct Naming<'a> {
    pub kind: ResourceType,
    pub name: &'a str,
    pub version: Option<&'a Version>,
    pub location: &'a Location,
    pub fqn: &'a [String],
}

const SCHEMA: &str = "generate_schema_name";
const ALIAS: &str = "generate_alias_name";

/// Schema and name in the warehouse, as the project's own rules have them.
pub(crate) fn relation(cx: &Cx<'_>, naming: &Naming<'_>, reader: &Reader<'_>) -> Option<Relation> {
    let schema = schema(cx, naming, reader, reader.text("schema"))?;
    let relation = Relation::new(schema, alias(cx, naming, reader)?);
    Some(placed(cx, cx.shared.quoting, relation))
}

/// Where the database has what is written so: DuckDB finds names in any case of their letters.
pub(crate) fn placed(cx: &Cx<'_>, quoting: Quoting, relation: Relation) -> Relation {
    match cx.shared.target.kind.as_str() {
        "duckdb" => relation,
        _ => quoting.folded(relation),
    }
}

pub(crate) fn schema(
    cx: &Cx<'_>,
    naming: &Naming<'_>,
    reader: &Reader<'_>,
    custom: Option<String>,
) -> Option<String> {
    if is_builtin(cx, SCHEMA) {
        let target = &cx.shared.target.schema;
        return Some(match custom {
            Some(custom) => format!("{target}_{}", custom.trim()),
            None => target.clone(),
        });
    }
    call(cx, SCHEMA, custom, naming, reader)
}

pub(crate) fn alias(cx: &Cx<'_>, naming: &Naming<'_>, reader: &Reader<'_>) -> Option<String> {
    let custom = reader.text("alias").filter(|alias| !alias.is_empty());
    if is_builtin(cx, ALIAS) {
        // To dbt's rule a version 0 is none.
        let version = naming.version.filter(|version| version.v != "0");
        return Some(match (custom, version) {
            (Some(custom), _) => custom.trim().to_owned(),
            (None, Some(version)) => format!("{}_v{}", naming.name, version.v.replace('.', "_")),
            (None, None) => naming.name.to_owned(),
        });
    }
    call(cx, ALIAS, custom, naming, reader)
}

/// Neither the macro nor what it dispatches to is the project's own.
fn is_builtin(cx: &Cx<'_>, name: &str) -> bool {
    let (package, shared) = (&cx.package.name, cx.shared);
    let found = shared.macros.find(package, &shared.project, name);
    let implementation = shared.dispatched(package, name, Some(BUILTIN));
    let of_builtin = [found, implementation].into_iter().flatten();
    of_builtin.clone().count() > 0 && of_builtin.clone().all(|found| found.package == BUILTIN)
}

fn call(
    cx: &Cx<'_>,
    name: &str,
    custom: Option<String>,
    naming: &Naming<'_>,
    reader: &Reader<'_>,
) -> Option<String> {
    let scope = NodeScope {
        model: node(cx, naming, reader),
        ..cx.node_scope()
    };
    let called: Result<_, Failure> = cx.engine.call_naming(name, custom, cx.shared, scope);
    let macros = &cx.shared.macros;
    let found = macros.find(&cx.package.name, &cx.shared.project, name);
    let of_macro = found.map_or(naming.location, |found| &found.location);
    let called = called.map_err(|failure| {
        let mut problem = failure.at(of_macro);
        called_from(&mut problem, naming.location);
        problem
    });
    let text = cx.problems.keep(called)?;
    if text.is_empty() {
        let mut problem =
            Diagnostic::error(format!("the macro '{name}' gives no name")).at(of_macro.clone());
        called_from(&mut problem, naming.location);
        cx.problems.push(problem);
        return None;
    }
    Some(text)
}

/// What the macros see of the node.
fn node(cx: &Cx<'_>, naming: &Naming<'_>, reader: &Reader<'_>) -> Json {
    json!({
        "unique_id": cx.id(naming.kind, naming.name, naming.version),
        "resource_type": naming.kind.as_str(),
        "name": naming.name,
        "version": naming.version.map(|version| &version.v),
        "package_name": cx.package.name,
        "path": below(cx, naming.location),
        "fqn": naming.fqn,
        "database": cx.shared.target.database,
        "schema": cx.shared.target.schema,
        "alias": naming.name,
        "original_file_path": cx.package.path(&naming.location.file.to_string_lossy()),
        "config": to_json(reader.config),
        "tags": reader.texts("tags"),
    })
}
