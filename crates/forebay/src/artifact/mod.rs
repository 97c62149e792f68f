//! What a run leaves in target/ for other tools: dbt's artifacts, one a file.

mod catalog;
mod one_page;
mod run_results;
mod sources;

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use forebay_core::{Diagnostic, Node};
use forebay_project::{CompiledSql, Project};
use serde_json::{Map, Value as Json, json};

pub use catalog::catalog;
pub use one_page::one_page;
pub use run_results::{Looked, cloned, compiled, operation, run_results};
pub use sources::{Measured, sources};

use crate::args::{Global, switch};
use crate::report::log::stamp;
use crate::wiring;

/// Writes a file of target/, by way of a temporary one so that no reader sees half of it.
pub fn write(path: &Path, text: &str) -> Result<(), Diagnostic> {
    write_with(path, |file| file.write_all(text.as_bytes()))
}

fn write_with(
    path: &Path,
    fill: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<(), Diagnostic> {
    // Of this process alone: another may be writing the same file.
    let partial = path.with_extension(format!("{}.partial", std::process::id()));
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)
        .and_then(|()| File::create(&partial))
        .and_then(|file| {
            let mut file = BufWriter::new(file);
            fill(&mut file)?;
            file.flush()
        })
        .and_then(|()| std::fs::rename(&partial, path))
        .map_err(|error| {
            Diagnostic::environment(format!("cannot write {}: {error}", path.display()))
        })
}

/// Commands that write manifest.json themselves, when they have compiled its nodes.
const COMPILES: &[&str] = &["compile"];

/// manifest.json, what dbt derives from it (the graph's summary, the semantic layer), and our own nodes.
pub fn manifest(project: &Project, global: &Global) -> Result<(), Diagnostic> {
    let folder = global.artifacts();
    if !COMPILES.contains(&global.command) {
        manifest_json(project, &folder, &CompiledSql::new(), false)?;
    }
    let semantic = project.semantic_manifest().to_string();
    write(&folder.join("semantic_manifest.json"), &semantic)?;
    if let Some(own) = project.own_manifest() {
        write(&folder.join("forebay.json"), &own.to_string())?;
    }
    write(
        &folder.join("graph_summary.json"),
        &graph_summary(project).to_string(),
    )
}

fn manifest_json(
    project: &Project,
    folder: &Path,
    compiled: &CompiledSql<'_>,
    has_run: bool,
) -> Result<(), Diagnostic> {
    let path = folder.join("manifest.json");
    write_with(&path, |file| {
        project.write_manifest(file, compiled, has_run)
    })
}

/// manifest.json with the SQL that nodes have been compiled to: tools for lineage read it there.
pub fn compiled_manifest<'a>(
    project: &Project,
    global: &Global,
    compiled: impl IntoIterator<Item = (&'a Node, &'a str)>,
    has_run: bool,
) -> Result<(), Diagnostic> {
    let folder = global.artifacts();
    let shown = folder.strip_prefix(&global.project_dir).unwrap_or(&folder);
    let shown = shown.join("compiled");
    let compiled = compiled.into_iter().map(|(node, sql)| {
        let file = shown.join(project.compiled_path(node));
        (&node.id, (sql, file))
    });
    let compiled: CompiledSql<'_> = compiled.collect();
    if !global.on(&switch::WRITE_JSON) {
        return Ok(());
    }
    manifest_json(project, &folder, &compiled, has_run)
}

/// Nodes by number with their successors, as dbt's performance tools read them.
fn graph_summary(project: &Project) -> Json {
    let nodes = &project.graph.nodes;
    let children = project.graph.children();
    let number: std::collections::BTreeMap<_, _> = nodes.keys().zip(0..).collect();
    let entry = |node: &Node| {
        let below = children.get(&node.id).into_iter().flatten();
        let successors: Vec<i32> = below.filter_map(|id| number.get(id).copied()).collect();
        let mut entry = json!({"name": node.id, "type": node.resource_type().as_str()});
        if !successors.is_empty() {
            entry["succ"] = json!(successors);
        }
        (number[&node.id].to_string(), entry)
    };
    let linked: Map<String, Json> = nodes.values().map(entry).collect();
    json!({"_invocation_id": wiring::invocation_id(), "linked": linked})
}

/// A node's SQL below target/compiled or target/run. Of a project's thousand files nearly all are as they
/// were: those are left alone, as replacing one costs more than a query. One that was not there is written at its place:
/// a second name for each of thousands costs more than to compile them.
pub fn write_sql(
    project: &Project,
    folder: &Path,
    node: &Node,
    sql: &str,
) -> Result<(), Diagnostic> {
    let path = folder.join(project.compiled_path(node));
    match std::fs::read(&path) {
        Ok(before) if before == sql.as_bytes() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            write_first(&path, sql).or_else(|_| write(&path, sql))
        }
        _ => write(&path, sql),
    }
}

fn write_first(path: &Path, text: &str) -> io::Result<()> {
    match (std::fs::write(path, text), path.parent()) {
        (Err(error), Some(folder)) if error.kind() == io::ErrorKind::NotFound => {
            std::fs::create_dir_all(folder)?;
            std::fs::write(path, text)
        }
        (written, _) => written,
    }
}

/// `metadata` of an artifact that is not the manifest.
fn metadata(schema: &str, global: &Global) -> Result<Json, Diagnostic> {
    let now = wiring::clock(global)?.now();
    let variables = std::env::vars().filter_map(|(name, value)| {
        let name = name.strip_prefix("DBT_ENV_CUSTOM_ENV_")?.to_owned();
        Some((name, Json::from(value)))
    });
    Ok(json!({
        "dbt_schema_version": format!("https://schemas.getdbt.com/dbt/{schema}.json"),
        "dbt_version": forebay_project::DBT_VERSION,
        "generated_at": stamp(now),
        "invocation_id": wiring::invocation_id(),
        "invocation_started_at": stamp(now),
        "env": variables.collect::<Map<_, _>>(),
    }))
}
