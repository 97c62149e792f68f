//! Finds the packages that a project uses: installed ones, and local ones where they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use forebay_core::{Diagnostic, Location};

use super::PROJECT_FILE;
use super::head::{open, with_secrets};
use crate::LoadOptions;
use crate::config::Target;
use crate::jinja::{Engine, MacroSet, Shared};
use crate::package::Package;
use crate::problems::Problems;
use crate::render::Renderer;
use crate::yaml::{Doc, Yaml};

/// Both may name packages, but only one of them does. In the first one Jinja is rendered.
const FILES: &[&str] = &["packages.yml", "dependencies.yml"];

/// What the first of them may say; the hash is written by `dbt deps`.
const KEYS: &[&str] = &["packages", "sha1_hash"];

/// Where packages files are read, and with what their Jinja is rendered.
pub(super) struct Reader<'a> {
    pub root: &'a Path,
    pub engine: &'a Engine,
    pub shared: Arc<Shared>,
    pub problems: &'a Problems,
}

/// What a packages file asks for.
#[derive(Default)]
struct Asked {
    /// Folders, relative to the project's, and where they are named.
    local: Vec<(String, Location)>,
    /// Names of packages from elsewhere, as they are written, and where.
    others: Vec<(String, Location)>,
}

/// The folders of all packages, relative to the project's. What has to be installed and is not is a
/// problem.
pub(super) fn folders(reader: &Reader<'_>, project: &Package) -> Vec<String> {
    let Reader { root, problems, .. } = *reader;
    let installed = installed(root, &project.file.packages_in);
    let asked = reader.asked("");
    if asked.others.len() > installed.len() {
        let lacking = asked.others.iter().find(|(name, _)| {
            let last = name.trim_end_matches(".git").rsplit('/').next();
            let same = |folder: &String| folder.rsplit('/').next() == last;
            !installed.iter().any(same)
        });
        if let Some((name, at)) = lacking {
            problems.push(
                Diagnostic::error(format!("the package '{name}' is not installed"))
                    .at(at.clone())
                    .hint(format!(
                        "put it into {0}/ (`dbt deps` does, or a git checkout named after the package)",
                        project.file.packages_in
                    )),
            );
        }
    }
    // Where as many are installed as are asked for, a local package may be there alone, as in a project that was moved.
    let complete = installed.len() >= asked.local.len() + asked.others.len();
    // A local package that is installed too is one package: dbt reads the installed one.
    let names: BTreeSet<String> = installed.iter().filter_map(|at| name(root, at)).collect();
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for folder in installed {
        if seen.insert(real(root, &folder)) {
            found.push(folder);
        }
    }
    let mut waiting = asked.local;
    let mut local = BTreeMap::new();
    while let Some((folder, at)) = waiting.pop() {
        if !root.join(&folder).join(PROJECT_FILE).is_file() {
            if !complete {
                let message = format!("the local package '{folder}' has no {PROJECT_FILE}");
                problems.push(Diagnostic::error(message).at(at));
            }
            continue;
        }
        let (name, place) = (name(root, &folder), real(root, &folder));
        let twin = name
            .clone()
            .and_then(|name| local.insert(name, place.clone()));
        if twin.is_some_and(|twin| twin != place) {
            let name = name.unwrap_or_default();
            let message = format!("two local packages are called '{name}'");
            problems.push(Diagnostic::error(message).at(at));
        } else if seen.insert(place) {
            waiting.extend(reader.asked(&folder).local);
            if name.is_none_or(|name| !names.contains(&name)) {
                found.push(folder);
            }
        }
    }
    found
}

/// A local package that is installed too is read once, where it is installed. Two others of one name
/// cannot be told apart.
pub(super) fn add(packages: &mut Vec<Package>, new: Option<Package>, problems: &Problems) {
    let Some(new) = new else {
        return;
    };
    let Some(other) = packages.iter().find(|other| other.name == new.name) else {
        packages.push(new);
        return;
    };
    let parent = |package: &Package| {
        package
            .folder
            .rsplit_once('/')
            .map(|(parent, _)| parent.to_owned())
    };
    if other.folder.is_empty() || parent(other) == parent(&new) {
        let message = format!("two packages are called '{}'", new.name);
        let file = format!("{}/{PROJECT_FILE}", new.folder);
        let problem = Diagnostic::error(message).at(Location::file(file));
        problems.push(problem.hint(match other.folder.as_str() {
            "" => "the other is the project itself".to_owned(),
            folder => format!("the other is in {folder}"),
        }));
    }
}

/// A package that a packages file asks for.
#[derive(Clone, Debug)]
pub struct WantedPackage {
    /// As it is written: `dbt-labs/dbt_utils`, an address, or the folder of a local one.
    pub name: String,
    pub local: bool,
    /// Whether it is there: for a local one, whether its folder is.
    pub there: bool,
    pub at: Location,
}

/// What the packages files of the project ask for, and whether it is there. `packages_in` is the folder of
/// installed ones, relative to `root`.
///
/// # Errors
/// All problems of the files at once.
pub fn wanted_packages(
    root: &Path,
    options: &LoadOptions,
    packages_in: &str,
) -> Result<Vec<WantedPackage>, forebay_core::Diagnostics> {
    let problems = Problems::default();
    let installed = installed(root, packages_in);
    let engine = Engine::new(&mut MacroSet::default())?;
    let reader = Reader {
        root,
        engine: &engine,
        shared: Arc::new(with_secrets(options, Target::default())),
        problems: &problems,
    };
    let asked = reader.asked("");
    problems.finish()?;
    let local = asked.local.into_iter().map(|(name, at)| WantedPackage {
        there: root.join(&name).join(PROJECT_FILE).is_file(),
        local: true,
        name,
        at,
    });
    let others = asked.others.into_iter().map(|(name, at)| {
        let last = name.trim_end_matches(".git").rsplit('/').next();
        let there = installed
            .iter()
            .any(|folder| folder.rsplit('/').next() == last);
        WantedPackage {
            there,
            local: false,
            name,
            at,
        }
    });
    Ok(local.chain(others).collect())
}

fn real(root: &Path, folder: &str) -> std::path::PathBuf {
    let path = root.join(folder);
    path.canonicalize().unwrap_or(path)
}

/// What the project in a folder calls itself; its problems are reported where it is loaded.
fn name(root: &Path, folder: &str) -> Option<String> {
    let problems = Problems::default();
    let file = format!("{folder}/{PROJECT_FILE}");
    let doc = Doc {
        file: &file,
        problems: &problems,
    };
    open(root, doc)?.get("name")?.as_text().map(str::to_owned)
}

fn installed(root: &Path, folder: &str) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(root.join(folder)) else {
        return Vec::new();
    };
    let mut found: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join(PROJECT_FILE).is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| !name.starts_with("__"))
        .map(|name| format!("{folder}/{name}"))
        .collect();
    found.sort();
    found
}

impl Reader<'_> {
    /// What the packages files of a folder ask for.
    fn asked(&self, folder: &str) -> Asked {
        let mut asked = Asked::default();
        let mut first: Option<String> = None;
        for name in FILES {
            let file = match folder {
                "" => (*name).to_owned(),
                folder => format!("{folder}/{name}"),
            };
            let doc = Doc {
                file: &file,
                problems: self.problems,
            };
            let there = self.root.join(&file).is_file();
            let Some(mut yaml) = there.then(|| open(self.root, doc)).flatten() else {
                continue;
            };
            if *name == FILES[0] {
                let renderer = Renderer {
                    engine: self.engine,
                    shared: &self.shared,
                    package: "",
                };
                renderer.render(doc, &mut yaml, |_| false);
            }
            if *name == FILES[0] {
                check_keys(doc, &yaml);
            }
            let Some(written) = yaml.get("packages").filter(|yaml| !yaml.is_null()) else {
                continue;
            };
            let Some(entries) = written.as_list() else {
                let found = written.kind();
                doc.error(
                    format!("'packages' of {file} must be a list, not {found}"),
                    written.at,
                );
                continue;
            };
            if let Some(first) = first.replace(file.clone()) {
                doc.error(format!("{first} and {file} both have packages"), yaml.at);
            }
            for entry in entries {
                ask(&mut asked, folder, doc, entry);
            }
        }
        asked
    }
}

fn check_keys(doc: Doc<'_>, yaml: &Yaml) {
    let entries = yaml.as_map().unwrap_or_default();
    for entry in entries.iter().filter(|entry| !KEYS.contains(&&*entry.key)) {
        let message = format!("unknown key '{}' in {}", entry.key, doc.file);
        let problem = Diagnostic::error(message).at(entry.key_at.in_file(doc.file));
        doc.problems
            .push(problem.hint("a list under packages: names the packages"));
    }
}

fn ask(asked: &mut Asked, folder: &str, doc: Doc<'_>, entry: &Yaml) {
    let text = |key: &str| entry.get(key).and_then(Yaml::as_text).map(str::to_owned);
    let at = entry.at.in_file(doc.file);
    if let Some(local) = text("local") {
        let local = local.trim_end_matches('/');
        let local = match folder {
            "" => local.to_owned(),
            folder => format!("{folder}/{local}"),
        };
        asked.local.push((local, at));
        return;
    }
    if let Some(name) = text("package") {
        let missing = match (name.contains('/'), entry.get("version").is_some()) {
            (false, _) => "no owner: write it like dbt-labs/dbt_utils",
            (_, false) => "no version",
            _ => "",
        };
        if !missing.is_empty() {
            doc.error(format!("the package '{name}' has {missing}"), entry.at);
        }
    }
    if let Some(name) = text("package")
        .or_else(|| text("git"))
        .or_else(|| text("tarball"))
    {
        asked.others.push((name, at));
    } else {
        let message = "a package needs one of: package, git, local, tarball";
        doc.error(message, entry.at);
    }
}
