//! The version of a project's code, as git tells it, in the tags that MLflow's clients use.

use std::collections::BTreeMap;
use std::path::Path;

/// The commit and branch that a folder is at, and whether its files are other than committed. Empty where
/// the folder is in no repository, or git is not installed.
pub async fn tags(folder: &Path) -> BTreeMap<String, String> {
    let asked = tokio::process::Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(["status", "--porcelain=v2", "--branch", "--", "."])
        .stdin(std::process::Stdio::null())
        // Asking must not write: another git may be at work.
        .env("GIT_OPTIONAL_LOCKS", "0")
        .output();
    match asked.await {
        Ok(answer) if answer.status.success() => read(&String::from_utf8_lossy(&answer.stdout)),
        _ => BTreeMap::new(),
    }
}

/// Headers are `# branch.oid COMMIT` and `# branch.head BRANCH`; every other line is a changed file.
fn read(status: &str) -> BTreeMap<String, String> {
    let header = |name: &str| {
        let mut lines = status.lines();
        let value = lines.find_map(|line| line.strip_prefix("# ")?.strip_prefix(name))?;
        // `(initial)` and `(detached)` are no names.
        let value = value.trim();
        (!value.starts_with('(')).then(|| value.to_owned())
    };
    let Some(commit) = header("branch.oid ") else {
        return BTreeMap::new();
    };
    let is_changed = status.lines().any(|line| !line.starts_with('#'));
    let mut tags = BTreeMap::from([
        ("mlflow.source.git.commit".to_owned(), commit),
        ("mlflow.git.dirty".to_owned(), is_changed.to_string()),
    ]);
    tags.extend(header("branch.head ").map(|head| ("mlflow.source.git.branch".to_owned(), head)));
    tags
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_commit_its_branch_and_whether_files_changed() {
        let tags = read("# branch.oid 0123abc\n# branch.head main\n");
        assert_eq!(tags["mlflow.source.git.commit"], "0123abc");
        assert_eq!(tags["mlflow.source.git.branch"], "main");
        assert_eq!(tags["mlflow.git.dirty"], "false");
        let tags = read("# branch.oid 0123abc\n# branch.head (detached)\n? ml/new.yml\n");
        assert_eq!(tags["mlflow.git.dirty"], "true");
        assert!(!tags.contains_key("mlflow.source.git.branch"));
    }

    #[test]
    fn before_the_first_commit_there_is_no_version() {
        assert!(read("# branch.oid (initial)\n# branch.head main\n? a.sql\n").is_empty());
    }

    #[tokio::test]
    async fn a_folder_that_is_in_no_repository_has_none() {
        let folder = tempfile::tempdir().unwrap();
        assert!(tags(folder.path()).await.is_empty());
    }
}
