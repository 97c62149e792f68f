//! The project's own file and its target: what has to be known before anything else is read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use forebay_core::{Diagnostic, Location, suggest};
use serde_json::Value as Json;

use super::PROJECT_FILE;
use crate::config::{ProjectFile, ProjectName, Quoting, Target, Vars};
use crate::jinja::{Engine, MacroSet, Shared};
use crate::package::Package;
use crate::problems::Problems;
use crate::render::Renderer;
use crate::yaml::{self, Doc, Yaml};
use crate::{LoadOptions, text};

const PROFILES_FILE: &str = "profiles.yml";

/// What has to be known before files are looked for.
pub(super) struct Head {
    pub target: Target,
    pub package: Package,
}

/// Reads `dbt_project.yml` and the profile that it names.
pub(super) fn head(
    root: &Path,
    options: &LoadOptions,
    engine: &Engine,
    problems: &Problems,
) -> Option<Head> {
    let doc = Doc {
        file: PROJECT_FILE,
        problems,
    };
    let mut yaml = open(root, doc)?;
    render(
        engine,
        before(options, Target::default(), ""),
        doc,
        &mut yaml,
        |path| !matches!(path, ["name" | "profile", ..]),
    );
    // What else is wrong in the file and in the profile is said with what is wrong here.
    let named = ProjectName::from_yaml(doc, &yaml);
    let written = match &named {
        Some(named) => named.profile.clone(),
        None => yaml
            .get("profile")
            .and_then(Yaml::as_text)
            .map(str::to_owned),
    };
    let profile = options.profile.clone().or(written);
    let named_at = yaml.get("profile").filter(|_| options.profile.is_none());
    let named_at = named_at.map(|yaml| yaml.at.in_file(PROJECT_FILE));
    let target = target(
        root,
        options,
        engine,
        (profile.as_deref(), named_at),
        problems,
    );
    let target = target.map(|mut target| {
        target.threads = options.threads.or(target.threads);
        target
    });
    let known = target.clone().unwrap_or_default();
    let name = named.as_ref().map_or("", |named| named.name.as_str());
    let scope = before(options, known, name);
    let package = package(engine, scope, doc, yaml, "");
    named?;
    Some(Head {
        target: target?,
        package: package?,
    })
}

/// Reads the `dbt_project.yml` of a package that the project uses.
pub(super) fn used(
    root: &Path,
    folder: &str,
    options: &LoadOptions,
    engine: &Engine,
    target: &Target,
    problems: &Problems,
) -> Option<Package> {
    let file = format!("{folder}/{PROJECT_FILE}");
    let doc = Doc {
        file: &file,
        problems,
    };
    let mut yaml = open(root, doc)?;
    let scope = |project: &str| before(options, target.clone(), project);
    render(engine, scope(""), doc, &mut yaml, |path| {
        !matches!(path, ["name", ..])
    });
    let ProjectName { name, .. } = ProjectName::from_yaml(doc, &yaml)?;
    package(engine, scope(&name), doc, yaml, folder)
}

/// What templates share before variables are known.
fn before(options: &LoadOptions, target: Target, project: &str) -> Shared {
    let vars = Vars::command_line(options.vars.clone());
    Shared {
        project: project.to_owned(),
        vars: [(project.to_owned(), vars)].into(),
        ..shared(options, target, MacroSet::default())
    }
}

/// The same for files that nothing is shown of.
pub(super) fn with_secrets(options: &LoadOptions, target: Target) -> Shared {
    Shared {
        secrets: true,
        ..before(options, target, "")
    }
}

fn package(
    engine: &Engine,
    scope: Shared,
    doc: Doc<'_>,
    mut yaml: Yaml,
    folder: &str,
) -> Option<Package> {
    let name = scope.project.clone();
    let check_version = scope.flags.get("VERSION_CHECK") != Some(&Json::Bool(false));
    render(engine, scope, doc, &mut yaml, |path| {
        matches!(
            path,
            ["vars" | "on-run-start" | "on-run-end" | "query-comment", ..]
        ) || matches!(
            path,
            [
                ..,
                "+pre-hook"
                    | "+post-hook"
                    | "pre-hook"
                    | "post-hook"
                    | "+pre_hook"
                    | "+post_hook"
                    | "pre_hook"
                    | "post_hook"
            ]
        )
    });
    let file = ProjectFile::from_yaml(doc, &yaml, folder, check_version)?;
    for hook in file.on_run_start.iter().chain(&file.on_run_end) {
        if let Err(problem) = engine.check_text(&hook.text) {
            let within = format!("in the hook {}", hook.text.trim());
            doc.problems.push(problem.at(hook.at.clone()).hint(within));
        }
    }
    Some(Package {
        name,
        folder: folder.to_owned(),
        file,
    })
}

/// What templates share before the project is known.
pub(super) fn shared(options: &LoadOptions, target: Target, macros: MacroSet) -> Shared {
    Shared {
        project: String::new(),
        target,
        vars: BTreeMap::new(),
        env: options.env.clone(),
        secrets: false,
        now: options.now,
        flags: options.flags.clone(),
        invocation_id: options.invocation_id.clone(),
        macros,
        docs: BTreeMap::new(),
        dispatch: BTreeMap::new(),
        quoting: Quoting::default(),
        names: OnceLock::new(),
        reading: OnceLock::new(),
        graph: OnceLock::new(),
        explicit_overrides: true,
        overridden: Mutex::default(),
        runtime_config: Json::Null,
    }
}

fn render(
    engine: &Engine,
    shared: Shared,
    doc: Doc<'_>,
    yaml: &mut Yaml,
    skip: fn(&[&str]) -> bool,
) {
    let shared = Arc::new(shared);
    let renderer = Renderer {
        engine,
        shared: &shared,
        package: "",
    };
    renderer.render(doc, yaml, skip);
}

/// `None` where it is empty or unreadable.
pub(super) fn open(root: &Path, doc: Doc<'_>) -> Option<Yaml> {
    let content = doc.problems.keep(text::read(root, doc.file))?;
    yaml::parse_file(doc.file, &content, doc.problems)
}

/// The profile's target. A project without a profile, or whose profile is nowhere, runs embedded.
fn target(
    root: &Path,
    options: &LoadOptions,
    engine: &Engine,
    (profile, named_at): (Option<&str>, Option<Location>),
    problems: &Problems,
) -> Option<Target> {
    let asked = options.target.as_deref();
    let embedded = || Some(Target::embedded(profile, asked));
    let folder = profiles_folder(root, options);
    if let (Some(asked), None) = (&options.profiles_dir, &folder) {
        let text = format!("the folder '{}' has no {PROFILES_FILE}", asked.display());
        let problem = Diagnostic::error(text).hint("--profiles-dir names the folder of the file");
        problems.push(problem);
        return None;
    }
    let (profile, folder) = match (profile, folder) {
        (Some(profile), Some(folder)) => (profile, folder),
        // What the user has for other projects says nothing of this one.
        (None, Some(folder)) if !is_of_user(&folder, options) => {
            let text = format!("{PROJECT_FILE} names no profile, and there is a {PROFILES_FILE}");
            let problem = Diagnostic::error(text).at(Location::new(PROJECT_FILE, 1, 1));
            let hint = "write profile: and the name of one of its profiles, or give --profile";
            problems.push(problem.hint(hint));
            return None;
        }
        _ => return embedded(),
    };
    let found = Problems::default();
    let opened = open(
        &folder,
        Doc {
            file: PROFILES_FILE,
            problems: &found,
        },
    );
    let is_empty = found.is_empty();
    problems.take_in(found);
    let doc = Doc {
        file: PROFILES_FILE,
        problems,
    };
    let Some(mut yaml) = opened else {
        if is_empty {
            let problem = Diagnostic::error(format!("{PROFILES_FILE} is empty"));
            let hint = format!("the project's profile is '{profile}'");
            problems.push(problem.at(Location::new(PROFILES_FILE, 1, 1)).hint(hint));
        }
        return None;
    };
    // Other profiles and targets may name environment variables that nobody has set here.
    let names = keys(&yaml);
    keep_only(&mut yaml, profile);
    let scope = || with_secrets(options, Target::default());
    render(engine, scope(), doc, &mut yaml, |path| {
        matches!(path, [_, "outputs"])
    });
    let default = yaml
        .get(profile)
        .and_then(|found| found.get("target")?.as_text());
    let name = asked.or(default).unwrap_or("default").to_owned();
    if let Some(outputs) = yaml
        .get_mut(profile)
        .and_then(|found| found.get_mut("outputs"))
        && outputs.get(&name).is_some()
    {
        keep_only(outputs, &name);
        render(engine, scope(), doc, &mut yaml, |_| false);
    }
    match yaml.get(profile) {
        Some(found) => Target::from_profile(doc, found, profile, asked),
        None => {
            let text = format!("{PROFILES_FILE} has no profile '{profile}'");
            // That of the user may be there for other projects.
            let embeds = options.profile.is_none() && is_of_user(&folder, options);
            let problem = match embeds {
                true => Diagnostic::warning(format!("{text}: the project runs embedded")),
                false => Diagnostic::error(text),
            };
            let hint = suggest::nearest(profile, names.iter().map(|name| &**name));
            let known = match names.is_empty() {
                true => format!("{} has no profiles", folder.display()),
                false => format!("in {}: it has {}", folder.display(), names.join(", ")),
            };
            let problem = match named_at {
                Some(at) => problem.at(at),
                None => problem,
            };
            problems.push(problem.maybe_hint(hint).hint(known));
            embeds.then(embedded).flatten()
        }
    }
}

fn keys(yaml: &Yaml) -> Vec<String> {
    let entries = yaml.as_map().unwrap_or_default();
    entries.iter().map(|entry| entry.key.clone()).collect()
}

fn is_of_user(folder: &Path, options: &LoadOptions) -> bool {
    let home = options.env.get("HOME");
    home.is_some_and(|home| folder == Path::new(home).join(".dbt"))
}

fn keep_only(yaml: &mut Yaml, key: &str) {
    if let yaml::Value::Map(entries) = &mut yaml.value {
        entries.retain(|entry| entry.key == key);
    }
}

/// Where dbt looks: the folder that is named, the project's, the user's.
fn profiles_folder(root: &Path, options: &LoadOptions) -> Option<PathBuf> {
    if let Some(folder) = &options.profiles_dir {
        return Some(folder.clone()).filter(|folder| folder.join(PROFILES_FILE).is_file());
    }
    let named = options
        .env
        .get("DBT_PROFILES_DIR")
        .map(|folder| root.join(folder));
    let home = options
        .env
        .get("HOME")
        .map(|home| Path::new(home).join(".dbt"));
    let folders = [named, Some(root.to_owned()), home];
    folders
        .into_iter()
        .flatten()
        .find(|folder| folder.join(PROFILES_FILE).is_file())
}
