//! What a run saved: its console output, and its artifacts with their files.
//!
//! An artifact's files go below `artifacts/<name>/`; what is known of it and of them is kept beside
//! them in `artifacts/<name>.json`, also of references and of files that are no longer on this disk.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Component, Path, PathBuf};

use forebay_core::Diagnostic;
use serde_json::{Value, json};

use super::message::{Artifact, Entry};
use crate::artifacts::{copy_file, is_there, trouble, write};

/// Keeps a text under a name, unless it is there.
pub fn keep(text: &str, place: &Path) -> Result<(), Diagnostic> {
    if text.is_empty() || is_there(place, text.len() as u64) {
        return Ok(());
    }
    write(&mut text.as_bytes(), place).map_err(|error| trouble(place, &error))
}

/// All that were logged: the second of a name becomes `<name>.2`.
pub fn artifacts(logged: &[Artifact], run: &Path) -> Result<(), Diagnostic> {
    let mut seen: BTreeMap<&str, u32> = BTreeMap::new();
    for one in logged {
        let count = seen.entry(&one.name).or_default();
        *count += 1;
        let name = match count {
            1 => one.name.clone(),
            count => format!("{}.{count}", one.name),
        };
        if let Some(name) = plain(&name) {
            artifact(one, &name, &run.join("artifacts"))?;
        }
    }
    Ok(())
}

fn artifact(artifact: &Artifact, name: &Path, folder: &Path) -> Result<(), Diagnostic> {
    let entries = artifact
        .manifest
        .iter()
        .flat_map(|manifest| &manifest.contents);
    let mut listed = Vec::new();
    for entry in entries {
        let source = staged(entry);
        if let (Some(source), Some(path)) = (&source, plain(&entry.path)) {
            copy_file(source, &folder.join(name).join(path))?;
        }
        listed.push(described(entry, source.is_some()));
    }
    let known = json!({
        "name": artifact.name,
        "type": artifact.kind,
        "description": artifact.description,
        "digest": artifact.digest,
        "aliases": artifact.aliases,
        "metadata": serde_json::from_str(&artifact.metadata).unwrap_or(Value::Null),
        "files": listed,
    });
    let file = folder.join(name).with_added_extension("json");
    keep(&format!("{known:#}\n"), &file)
}

fn described(entry: &Entry, is_here: bool) -> Value {
    let mut described = json!({"path": entry.path, "digest": entry.digest});
    match entry.reference.is_empty() {
        true => {
            described["size"] = json!(entry.size);
            described["copied"] = json!(is_here);
        }
        false => described["reference"] = json!(entry.reference),
    }
    described
}

/// The copy that the client laid aside. A file that names any other place of this disk is not read:
/// whoever wrote it may want what is there.
fn staged(entry: &Entry) -> Option<PathBuf> {
    let file = Path::new(&entry.local_path);
    let place = file.canonicalize().ok()?;
    let is_staged = place.parent()?.ends_with("artifacts/staging");
    let metadata = fs::symlink_metadata(file).ok()?;
    let is_same = metadata.is_file() && metadata.len() as i64 == entry.size;
    (is_staged && is_same && File::open(&place).is_ok()).then_some(place)
}

/// A path of names alone, which leads nowhere but down.
fn plain(path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    let is_name = |part: Component<'_>| matches!(part, Component::Normal(_));
    (path.components().count() > 0 && path.components().all(is_name)).then(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wandb::message::Manifest;

    fn entry(path: &str, local: &Path, size: i64) -> Entry {
        Entry {
            path: path.to_owned(),
            digest: "d".to_owned(),
            size,
            local_path: local.display().to_string(),
            ..Entry::default()
        }
    }

    fn logged(contents: Vec<Entry>) -> Artifact {
        Artifact {
            name: "tree".to_owned(),
            kind: "model".to_owned(),
            metadata: r#"{"k": 1}"#.to_owned(),
            aliases: vec!["best".to_owned()],
            manifest: Some(Manifest { contents }),
            ..Artifact::default()
        }
    }

    #[test]
    fn files_that_were_laid_aside_come_along_and_no_others() {
        let disk = tempfile::tempdir().unwrap();
        let staging = disk.path().join("artifacts/staging");
        fs::create_dir_all(&staging).unwrap();
        fs::write(staging.join("tmp1"), "weights\n").unwrap();
        fs::write(disk.path().join("secret"), "secret\n").unwrap();
        std::os::unix::fs::symlink(disk.path().join("secret"), staging.join("tmp2")).unwrap();
        let far = Entry {
            path: "far".to_owned(),
            reference: "https://example.org/x".to_owned(),
            ..Entry::default()
        };
        let logged = [logged(vec![
            entry("sub/model.txt", &staging.join("tmp1"), 8),
            entry("secret", &disk.path().join("secret"), 7),
            entry("link", &staging.join("tmp2"), 7),
            entry("../up", &staging.join("tmp1"), 8),
            entry("gone", &staging.join("tmp3"), 8),
            far,
        ])];
        let run = disk.path().join("run");
        artifacts(&logged, &run).unwrap();
        artifacts(&logged, &run).unwrap();
        let folder = run.join("artifacts/tree");
        let content = fs::read_to_string(folder.join("sub/model.txt")).unwrap();
        assert_eq!(content, "weights\n");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        assert_eq!(fs::read_dir(run.join("artifacts")).unwrap().count(), 2);
        let known = fs::read_to_string(run.join("artifacts/tree.json")).unwrap();
        let known: Value = serde_json::from_str(&known).unwrap();
        assert_eq!(known["metadata"], json!({"k": 1}));
        assert_eq!(known["files"][4]["copied"], false);
        assert_eq!(known["files"][5]["reference"], "https://example.org/x");
    }

    #[test]
    fn an_artifacts_name_leads_nowhere_else() {
        let disk = tempfile::tempdir().unwrap();
        for name in ["", "..", "../x", "/x", "a/../../x"] {
            let named = Artifact {
                name: name.to_owned(),
                ..logged(Vec::new())
            };
            artifacts(&[named], &disk.path().join("run")).unwrap();
        }
        assert_eq!(fs::read_dir(disk.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_was_logged_twice_is_kept_twice() {
        let disk = tempfile::tempdir().unwrap();
        artifacts(&[logged(Vec::new()), logged(Vec::new())], disk.path()).unwrap();
        let folder = disk.path().join("artifacts");
        assert!(folder.join("tree.json").is_file() && folder.join("tree.2.json").is_file());
    }
}
