//! `deps`: looks whether the packages are there, and links local ones to where dbt looks for them.
//!
//! Nothing is fetched: what is not there yet comes by `dbt deps` or as a git checkout.

use std::path::Path;

use forebay_core::{Diagnostic, Diagnostics};
use forebay_project::{WantedPackage, glance, wanted_packages};

use crate::args::{Deps, Global};
use crate::report::Talk;
use crate::wiring::{invocation_id, load_options};

pub fn run(global: &Global, talk: &Talk, options: &Deps) -> Result<u8, Diagnostics> {
    if options.lock || options.add_package.is_some() {
        return Err(
            Diagnostic::error("packages are neither locked nor added here")
                .hint("edit packages.yml, then fetch with `dbt deps`")
                .into(),
        );
    }
    let folder = global.glance.packages_in.clone();
    let folder = folder.unwrap_or_else(|| "dbt_packages".to_owned());
    let options = load_options(global, &invocation_id())?;
    let wanted = wanted_packages(&global.project_dir, &options, &folder)?;
    let mut problems = Diagnostics::default();
    for package in &wanted {
        match lay(&global.project_dir, &folder, package) {
            Ok(()) => talk.say(&format!("{} is there", package.name)),
            Err(problem) => problems.push(problem.at(package.at.clone())),
        }
    }
    if wanted.is_empty() {
        talk.say("the project uses no packages");
    }
    match problems.has_errors() {
        true => Err(problems),
        false => Ok(0),
    }
}

fn lay(root: &Path, folder: &str, package: &WantedPackage) -> Result<(), Diagnostic> {
    let name = &package.name;
    match (package.there, package.local) {
        (true, true) => link(root, folder, name),
        (true, false) => Ok(()),
        (false, true) => Err(Diagnostic::error(format!(
            "the local package '{name}' has no dbt_project.yml"
        ))),
        (false, false) => Err(
            Diagnostic::error(format!("the package '{name}' is not installed")).hint(format!(
                "`dbt deps` puts it into {folder}/, and so does a git checkout there"
            )),
        ),
    }
}

/// Under the package's own name, as dbt does it.
fn link(root: &Path, folder: &str, local: &str) -> Result<(), Diagnostic> {
    let source = root.join(local);
    let source = source.canonicalize().unwrap_or(source);
    let name = glance(&source).name;
    let name = name.or_else(|| Some(source.file_name()?.to_string_lossy().into_owned()));
    let link = root.join(folder).join(name.unwrap_or_default());
    if link.exists() {
        return Ok(());
    }
    let made = std::fs::create_dir_all(root.join(folder))
        .and_then(|()| std::os::unix::fs::symlink(&source, &link));
    made.map_err(|error| {
        Diagnostic::environment(format!("cannot link {}: {error}", link.display()))
    })
}
