//! From arguments to a workspace: the clock, the project, its stores, its lock.

use std::collections::{BTreeMap, BTreeSet};
use std::mem::ManuallyDrop;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use forebay_core::incremental::Batch;
use forebay_core::{Diagnostic, Diagnostics, NodeId, Relation, Severity};
use forebay_project::select::Selection;
use forebay_project::{LoadOptions, Project, Reading, Unread};
use forebay_runner::lock::{self, Holder, ProjectLock};
use forebay_runner::{Clock, Workspace, sweep};

use crate::args::{self, Global, Select, switch};
use crate::artifact;
use crate::hosting::Host;
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

/// Commands that leave target/ as it is.
const ONLY_LOOK: &[&str] = &["query", "why", "serve", "plan", "lineage", "debug"];

/// What reading the project depends on besides its files.
pub fn load_options(global: &Global, invocation: &str) -> Result<LoadOptions, Diagnostic> {
    let vars = match &global.vars {
        None => serde_json::Map::new(),
        Some(text) => forebay_project::parse_vars("--vars", text)?,
    };
    Ok(LoadOptions {
        profile: global.profile.clone(),
        profiles_dir: global.profiles_dir.clone(),
        threads: global.threads,
        target: global.target.clone(),
        flags: global.shown(),
        vars,
        now: clock(global)?.now(),
        env: environment(),
        invocation_id: invocation.to_owned(),
    })
}

/// As in dbt, a variable of its own is known by the name without `ENGINE` too.
fn environment() -> BTreeMap<String, String> {
    let all = std::env::vars_os();
    let mut all: BTreeMap<_, _> = all
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
        .collect();
    let of_engine = all.iter().filter_map(|(name, value)| {
        let name = name.strip_prefix(args::ENGINE)?;
        Some((format!("DBT_{name}"), value.clone()))
    });
    let of_engine: Vec<_> = of_engine.collect();
    all.extend(of_engine);
    all
}

/// Renders the one path of the project's file that may be Jinja.
pub fn render_target_path(global: &mut Global) {
    let written = global.glance.target_path.as_ref();
    if global.target_path.is_none() && written.is_some_and(|path| path.contains("{{")) {
        let options = load_options(global, "").ok();
        let rendered = options.and_then(|of| Project::target_path(&global.project_dir, &of));
        global.glance.target_path = rendered;
    }
}

/// Reads the project; its warnings are said, its errors returned all at once. It stays until the process ends: to free
/// thousands of nodes one by one takes a tenth as long as to read them.
pub fn project(
    global: &Global,
    talk: &Talk,
    invocation: &str,
) -> Result<ManuallyDrop<Project>, Diagnostics> {
    let options = load_options(global, invocation)?;
    let project = Project::load(&global.project_dir, options)?;
    judged(global, talk, project)
}

fn judged(
    global: &Global,
    talk: &Talk,
    project: Project,
) -> Result<ManuallyDrop<Project>, Diagnostics> {
    talk.found(&project);
    let judged = project
        .warnings
        .iter()
        .map(|warning| talk.judge("", warning.clone()));
    let errors: Vec<Diagnostic> = judged.filter_map(Result::err).collect();
    if !errors.is_empty() {
        return Err(Diagnostics(errors));
    }
    if global.on(&switch::WRITE_JSON) && !ONLY_LOOK.contains(&global.command) {
        artifact::manifest(&project, global)?;
    }
    Ok(ManuallyDrop::new(project))
}

/// The project with its stores open.
pub async fn workspace(
    global: &Global,
    talk: &Talk,
    invocation: &str,
) -> Result<Workspace, Diagnostics> {
    let clock = clock(global)?;
    let options = load_options(global, invocation)?;
    let project = match Project::load_in_part(&global.project_dir, options) {
        Ok(project) => project,
        Err(unread) => return Err(with_rest(global, unread).await),
    };
    let project = ManuallyDrop::into_inner(judged(global, talk, project)?);
    let workspace = Workspace::open(project, clock).await?;
    std::mem::forget(Arc::clone(&workspace.project));
    let workspace = workspace.with_target(global.target().into());
    Ok(workspace.with_tracking(Arc::new(Host)))
}

/// Commands that would run the SQL of nodes.
const RUNS: &[&str] = &["build", "compile", "run", "test"];

/// All mistakes at once: those that keep the project from being read, and those that running it would have found.
async fn with_rest(global: &Global, unread: Unread) -> Diagnostics {
    let Unread {
        mut problems,
        unsaid,
        rest,
    } = unread;
    let Some(rest) = rest.filter(|_| RUNS.contains(&global.command)) else {
        return problems;
    };
    let Ok(clock) = clock(global) else {
        return problems;
    };
    let mut known = problems.clone();
    known.0.extend(unsaid);
    let more = forebay_runner::rest::problems(*rest, &known, clock).await;
    // A warning of what is an error when it runs.
    let line = |problem: &Diagnostic| problem.location.clone().map(|at| (at.file, at.line));
    problems.0.retain(|told| {
        told.severity == Severity::Error || !more.iter().any(|error| line(error) == line(told))
    });
    problems.0.extend(more);
    problems.sort();
    problems
}

/// Takes the project for this process, and marks and sweeps what a dead one left behind.
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
    for relation in sweep::sweep(workspace).await? {
        talk.say(&format!(
            "dropped {relation}, which an interrupted run had left"
        ));
    }
    Ok(held)
}

/// How many nodes run at the same time.
pub fn threads(workspace: &Workspace) -> usize {
    let asked = workspace.project.threads();
    asked.unwrap_or(workspace.settings().threads)
}

/// The nodes that are meant, of the kinds that are meant. What matches nothing is said, since it is
/// mostly a slip.
pub fn selected(
    project: &Project,
    global: &Global,
    wanted: &Select,
    talk: &Talk,
) -> Result<BTreeSet<NodeId>, Diagnostic> {
    let selection = Selection {
        include: wanted.included().to_vec(),
        exclude: wanted.exclude.clone(),
        selector: wanted.selector.clone(),
        indirect: global.indirect()?,
        state: global.state.clone(),
        target: global.artifacts(),
    };
    let found = project.select(&selection)?;
    for text in &found.unmatched {
        let warning = format!("the selection criterion '{text}' matches no node");
        let warning = Diagnostic::warning(warning).hint("`forebay ls` lists what can be selected");
        talk.judge("NoNodesForSelectionCriteria", warning)?;
    }
    Ok(found.nodes)
}

/// `--defer`, `--empty` and `--sample`: what `ref` gives instead of the project's own tables.
pub async fn read_instead(
    workspace: &Workspace,
    global: &Global,
    selected: &BTreeSet<NodeId>,
    sample: Option<Batch>,
) -> Result<(), Diagnostic> {
    let mut reading = Reading {
        selected: selected.iter().cloned().collect(),
        empty: global.on(&switch::EMPTY),
        sample,
        ..Reading::default()
    };
    if global.on(&switch::DEFER) {
        let folder = global.defer_state.as_deref().or(global.state.as_deref());
        reading.deferred = Project::relations_of(folder, "--defer")?;
        reading.deferred.retain(|id, _| !selected.contains(id));
        if !global.on(&switch::FAVOR_STATE) {
            let here: BTreeSet<Relation> = workspace.lake.relations().await?.into_iter().collect();
            let is_here = |id: &NodeId| {
                let relation = workspace
                    .graph()
                    .get(id)
                    .and_then(|node| node.relation.as_ref());
                relation.is_some_and(|relation| here.contains(relation))
            };
            reading.deferred.retain(|id, _| !is_here(id));
        }
    }
    workspace.project.read_instead(reading);
    Ok(())
}

/// The id of this call of the program; sorts by time.
pub fn invocation_id() -> String {
    static ID: OnceLock<String> = OnceLock::new();
    ID.get_or_init(|| uuid::Uuid::now_v7().to_string()).clone()
}
