//! Lists the files of a project folder, in a stable order and with forward slashes.

use std::fs;
use std::path::Path;

use forebay_core::{Diagnostic, Location};

/// Files below `folder` (relative to `root`) whose extension is one of `extensions`, sorted. A
/// folder that does not exist has none. Hidden files and folders are passed over.
pub(crate) fn list(
    root: &Path,
    folder: &str,
    extensions: &[&str],
) -> Result<Vec<String>, Diagnostic> {
    let mut found = Vec::new();
    let folder = folder.trim_end_matches('/');
    if root.join(folder).is_dir() {
        walk(root, folder, extensions, 0, &mut found)?;
    }
    found.sort();
    Ok(found)
}

/// Links may point upwards: no real project is nested this deep.
const MAX_DEPTH: usize = 40;

fn walk(
    root: &Path,
    folder: &str,
    extensions: &[&str],
    depth: usize,
    found: &mut Vec<String>,
) -> Result<(), Diagnostic> {
    let unreadable = |error: std::io::Error| {
        Diagnostic::environment(format!("cannot list the folder '{folder}': {error}"))
            .at(Location::file(folder))
    };
    if depth > MAX_DEPTH {
        return Err(
            Diagnostic::error(format!("folders are nested too deep below '{folder}'"))
                .hint("a symbolic link may point to one of its own parents"),
        );
    }
    for entry in fs::read_dir(root.join(folder)).map_err(unreadable)? {
        let entry = entry.map_err(unreadable)?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !name.starts_with('.')) else {
            continue;
        };
        let path = if folder == "." {
            name.to_owned()
        } else {
            format!("{folder}/{name}")
        };
        // Links are followed: projects share models between folders that way.
        let kind = fs::metadata(root.join(&path)).map(|found| found.file_type());
        // A pipe would be waited for; a link to nothing is told of when it is read.
        let readable = kind.as_ref().map_or(true, fs::FileType::is_file);
        if entry.file_type().is_ok_and(|kind| kind.is_symlink()) && leads_back(root, folder, &path)
        {
            continue;
        }
        if kind.is_ok_and(|kind| kind.is_dir()) {
            walk(root, &path, extensions, depth + 1, found)?;
        } else if readable && has_extension(name, extensions) {
            found.push(path);
        }
    }
    Ok(())
}

/// A link to one of the folders that it is in: what is there has been found.
fn leads_back(root: &Path, folder: &str, link: &str) -> bool {
    let real = |path: &str| fs::canonicalize(root.join(path)).ok();
    let ends = real(folder).zip(real(link));
    ends.is_some_and(|(folder, target)| folder.starts_with(target))
}

fn has_extension(name: &str, extensions: &[&str]) -> bool {
    let extension = name.rsplit_once('.').map(|(_, extension)| extension);
    extension.is_some_and(|found| extensions.iter().any(|e| e.eq_ignore_ascii_case(found)))
}

/// The file's name without folders and without its last extension.
pub(crate) fn stem(path: &str) -> &str {
    let name = path.rsplit('/').next().unwrap_or(path);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem)
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn a_link_to_a_folder_around_it_is_passed_over() {
        let folder = tempfile::tempdir().unwrap();
        let models = folder.path().join("models");
        fs::create_dir_all(models.join("more")).unwrap();
        fs::write(models.join("more/a.sql"), "select 1").unwrap();
        std::os::unix::fs::symlink("..", models.join("loop")).unwrap();
        std::os::unix::fs::symlink("more", models.join("same")).unwrap();
        assert_eq!(
            list(folder.path(), "models", &["sql"]).unwrap(),
            ["models/more/a.sql", "models/same/a.sql"]
        );
    }
}
