//! From arguments to a workspace: the clock, the project, its stores, its lock.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use forebay_core::{Diagnostic, Diagnostics, NodeId};
use forebay_project::{LoadOptions, Project, select};
use forebay_runner::lock::{self, Holder, ProjectLock};
use forebay_runner::{Clock, Workspace};

use crate::args::{Global, Select};
use crate::report::Talk;

pub fn clock(global: &Global) -> Result<Clock, Diagnostic> {
    match &global.now {
        None => Ok(Clock::System),
        Some(text) => DateTime::parse_from_rfc3339(text)
            .map(|at| Clock::Fixed(at.with_timezone(&Utc)))
            .map_err(|_| {
                Diagnostic::error(format!(
                    "FOREBAY_NOW is '{text}', which is no RFC 3339 time"
                ))
                .hint("write it like 2014-01-01T00:00:00Z")
            }),
    }
}

/// Reads the project; its warnings are said, its errors returned all at once.
pub fn project(global: &Global, talk: &Talk, invocation: &str) -> Result<Project, Diagnostics> {
    let vars = match &global.vars {
        None => serde_json::Map::new(),
        Some(text) => forebay_project::parse_vars("--vars", text)?,
    };
    let options = LoadOptions {
        target: global.target.clone(),
        vars,
        now: clock(global)?.now(),
        env: std::env::vars_os()
            .filter_map(|(k, v)| Some((k.into_string().ok()?, v.into_string().ok()?)))
            .collect::<BTreeMap<_, _>>(),
        invocation_id: invocation.to_owned(),
    };
    let project = Project::load(&global.project_dir, options)?;
    for warning in &project.warnings {
        talk.warn(warning);
    }
    Ok(project)
}

/// The project with its stores open.
pub async fn workspace(
    global: &Global,
    talk: &Talk,
    invocation: &str,
) -> Result<Workspace, Diagnostics> {
    let clock = clock(global)?;
    Ok(Workspace::open(project(global, talk, invocation)?, clock).await?)
}

/// Takes the project for this process, and marks what a dead one left behind.
pub async fn take(
    workspace: &Workspace,
    global: &Global,
    talk: &Talk,
    command: &str,
) -> Result<ProjectLock, Diagnostic> {
    let me = Holder {
        pid: std::process::id(),
        command: command.to_owned(),
        since: workspace
            .clock
            .now()
            .to_rfc3339_opts(SecondsFormat::Secs, true),
    };
    let state = &workspace.settings().state;
    let patience = Duration::from_secs(global.lock_timeout);
    let waiting = |holder: &str| talk.say(&format!("waiting for {holder}"));
    let held = lock::acquire(state, &me, patience, waiting).await?;
    workspace.store.mark_interrupted(workspace.clock.now_ms())?;
    Ok(held)
}

/// The nodes that the selectors mean. Nothing found is said, since it is mostly a slip.
pub fn selected(
    workspace_graph: &forebay_core::Graph,
    wanted: &Select,
    talk: &Talk,
) -> Result<BTreeSet<NodeId>, Diagnostic> {
    let found = select::select(workspace_graph, &wanted.select, &wanted.exclude)?;
    if found.is_empty() {
        let warning = Diagnostic::warning(format!(
            "the selection '{}' matches no node",
            wanted.select.join(" ")
        ))
        .hint("`forebay ls` lists what can be selected");
        talk.warn(&warning);
    }
    Ok(found)
}

/// A fresh invocation id; sorts by time.
pub fn invocation_id() -> String {
    uuid::Uuid::now_v7().to_string()
}
