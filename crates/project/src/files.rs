//! Lists the files of a project folder, in a stable order and with forward slashes.

use std::fs;
use std::path::Path;

use forebay_core::{Diagnostic, Location};

/// Files below `folder` (relative to `root`) whose extension is one of `extensions`, sorted. A
/// folder that does not exist has none. As in dbt, hidden files, what editors leave behind and linked folders are passed
/// over; linked files and hidden folders are not.
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
        let Some(name) = name.to_str() else {
            continue;
        };
        let path = if folder == "." {
            name.to_owned()
        } else {
            format!("{folder}/{name}")
        };
        if entry.file_type().map_err(unreadable)?.is_dir() {
            walk(root, &path, extensions, depth + 1, found)?;
            continue;
        }
        // A pipe would be waited for; a link to nothing is told of when it is read.
        let kind = fs::metadata(root.join(&path)).map(|found| found.file_type());
        let readable = kind.as_ref().map_or(true, fs::FileType::is_file);
        if readable && !name.starts_with(['.', '#', '~']) && has_extension(name, extensions) {
            found.push(path);
        }
    }
    Ok(())
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
    fn linked_folders_and_hidden_files_are_passed_over() {
        let root = tempfile::tempdir().unwrap();
        let models = root.path().join("models");
        fs::create_dir_all(models.join(".hidden")).unwrap();
        for name in ["a.sql", ".b.sql", "#c.sql", ".hidden/d.SQL"] {
            fs::write(models.join(name), "select 1").unwrap();
        }
        let link = std::os::unix::fs::symlink::<_, std::path::PathBuf>;
        link("..", models.join("loop")).unwrap();
        link("a.sql", models.join("e.sql")).unwrap();
        let found = list(root.path(), "models", &["sql"]).unwrap();
        assert_eq!(
            found,
            ["models/.hidden/d.SQL", "models/a.sql", "models/e.sql"]
        );
    }
}
