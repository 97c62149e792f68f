//! `clean`: removes the folders of `clean-targets`. The warehouse is never touched.

use std::path::Path;

use forebay_core::{Diagnostic, Diagnostics};

use crate::args::{Clean, Global};
use crate::report::Talk;

pub fn run(global: &Global, talk: &Talk, options: &Clean) -> Result<u8, Diagnostics> {
    let root = &global.project_dir;
    if !root.join("dbt_project.yml").is_file() {
        return Err(
            Diagnostic::error(format!("{} is no project folder", root.display()))
                .hint("it has no dbt_project.yml; name the folder with --project-dir")
                .into(),
        );
    }
    let default = || {
        vec![
            global
                .glance
                .target_path
                .clone()
                .unwrap_or_else(|| "target".into()),
        ]
    };
    let targets = global.glance.clean_targets.clone().unwrap_or_else(default);
    let mut problems = Diagnostics::default();
    for target in &targets {
        let removed = allowed(root, target, options).and_then(|()| remove(&root.join(target)));
        match removed {
            Ok(true) => talk.say(&format!("removed {target}/")),
            Ok(false) => talk.say(&format!("{target}/ is not there")),
            Err(problem) => problems.push(problem),
        }
    }
    match problems.has_errors() {
        true => Err(problems),
        false => Ok(0),
    }
}

/// What the project is made of, and what is outside of it, stays.
fn allowed(root: &Path, target: &str, options: &Clean) -> Result<(), Diagnostic> {
    const SOURCES: &[&str] = &[
        "models",
        "seeds",
        "tests",
        "macros",
        "snapshots",
        "analyses",
        "ingest",
        "ml",
    ];
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let path = root.join(target.trim_start_matches("./"));
    let path = path.canonicalize().unwrap_or(path);
    let name = target.trim_start_matches("./").trim_end_matches('/');
    if root.starts_with(&path) || SOURCES.contains(&name) || name == ".forebay" {
        return Err(
            Diagnostic::error(format!("'{target}' of clean-targets is not removed"))
                .hint("the project or its data is in there"),
        );
    }
    if !path.starts_with(&root) && !options.no_clean_project_files_only {
        return Err(Diagnostic::error(format!(
            "'{target}' of clean-targets is outside of the project"
        ))
        .hint("--no-clean-project-files-only removes it nevertheless"));
    }
    Ok(())
}

/// Whether it was there.
fn remove(path: &Path) -> Result<bool, Diagnostic> {
    let removed = match path.is_file() {
        true => std::fs::remove_file(path),
        false => std::fs::remove_dir_all(path),
    };
    match removed {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => {
            let text = format!("cannot remove {}: {error}", path.display());
            Err(Diagnostic::environment(text))
        }
    }
}
