//! Artifacts of an earlier run, as they lie in a folder.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use forebay_core::{Diagnostic, Location};
use serde_json::Value as Json;

/// As in dbt.
const OLDEST_MANIFEST: u32 = 4;
const OLDEST_RESULTS: u32 = 4;

/// One artifact. `why` is what needs it: `the selection 'state:modified'`.
pub(crate) fn artifact(folder: Option<&Path>, name: &str, why: &str) -> Result<Json, Diagnostic> {
    let Some(folder) = folder else {
        return Err(
            Diagnostic::error(format!("{why} needs artifacts of an earlier run"))
                .hint("name their folder with --state"),
        );
    };
    let path = folder.join(name);
    let text = std::fs::read(&path).map_err(|error| {
        let problem = Diagnostic::environment(format!("{why} needs {}: {error}", path.display()));
        Diagnostic::error(problem.message)
            .hint("--state names the folder of an earlier run's artifacts")
    })?;
    let json: Json = serde_json::from_slice(&text).map_err(|error| {
        let (line, column) = (error.line() as u32, error.column() as u32);
        Diagnostic::error(format!("{} is no JSON that can be read", path.display()))
            .at(Location::new(&path, line, column))
            .hint("is it an artifact of dbt or forebay?")
    })?;
    let kind = name.trim_end_matches(".json").replace('_', "-");
    let schema = json["metadata"]["dbt_schema_version"].as_str();
    let version = schema
        .and_then(|schema| schema.split_once(&format!("/{kind}/v")))
        .map(|(_, rest)| rest.trim_end_matches(".json").parse::<u32>());
    let oldest = match name {
        "manifest.json" => OLDEST_MANIFEST,
        "run_results.json" => OLDEST_RESULTS,
        _ => 1,
    };
    match version {
        Some(Ok(version)) if version < oldest => {
            let message = format!(
                "{} is version {version}, which is too old to be read",
                path.display()
            );
            let problem = Diagnostic::error(message).at(Location::file(&path));
            return Err(problem.hint(format!(
                "version {oldest} and later can be read: make it again with a newer program"
            )));
        }
        Some(_) => return Ok(json),
        None => {}
    }
    // All of the project would be new to it.
    let message = format!("{} is no {name} of dbt or forebay", path.display());
    let problem = Diagnostic::error(message).at(Location::file(&path));
    Err(problem.hint("its metadata.dbt_schema_version says another kind, or nothing"))
}

/// How each node ended, in dbt's words.
pub(super) fn statuses(run_results: &Json) -> BTreeMap<String, String> {
    let results = run_results["results"].as_array().into_iter().flatten();
    let pair = |result: &Json| {
        let id = result["unique_id"].as_str()?.to_owned();
        Some((id, result["status"].as_str()?.to_owned()))
    };
    results.filter_map(pair).collect()
}

/// Sources that have newer rows than they had: `max_loaded_at` of two `sources.json`.
pub(super) fn fresher(before: &Json, now: &Json) -> BTreeSet<String> {
    let (before, now) = (loaded_at(before), loaded_at(now));
    let newer = |(id, at): &(&String, &Option<String>)| {
        at.is_some() && before.get(*id).is_none_or(|old| old.is_some() && old < *at)
    };
    let found = now.iter().filter(newer);
    found.map(|(id, _)| id.clone()).collect()
}

/// None for a source that could not be asked.
fn loaded_at(sources: &Json) -> BTreeMap<String, Option<String>> {
    let results = sources["results"].as_array().into_iter().flatten();
    let pair = |result: &Json| {
        let at = result["max_loaded_at"].as_str().map(str::to_owned);
        Some((result["unique_id"].as_str()?.to_owned(), at))
    };
    results.filter_map(pair).collect()
}
