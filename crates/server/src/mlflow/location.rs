//! Where artifacts are: one root, paths below it, and which places a client may name.
//!
//! The store keeps paths relative to the root. A URI of a place that only clients reach is kept as
//! it is, and the server never opens it: it reads and writes below its root alone.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use forebay_core::Diagnostic;
use serde::Serialize;

use super::Problem;

/// Schemes of stores that clients reach with their own credentials. Not among them: `file`, which
/// would be the server's own files, and `http`, which would make it a caller into the network.
const REMOTE: [&str; 14] = [
    "s3", "s3a", "s3n", "gs", "r2", "oss", "wasb", "wasbs", "abfs", "abfss", "dbfs", "hdfs",
    "viewfs", "uc",
];
const SERVED: &str = "mlflow-artifacts:";
/// Uploads on their way, below the root so that putting them in place is a rename.
const UPLOADS: &str = ".uploads";
const ABANDONED_MS: i64 = 3_600_000;

/// The artifact root.
#[derive(Clone, Debug)]
pub struct Artifacts {
    /// None where only clients reach it.
    folder: Option<Arc<Path>>,
    /// What paths are joined to, without a slash at its end.
    uri: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FileInfo {
    pub path: String,
    pub is_dir: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_size: Option<u64>,
}

impl Artifacts {
    /// Clients reach the folder through the server.
    pub fn served(folder: &Path) -> Self {
        Self {
            folder: Some(folder.into()),
            uri: SERVED.to_owned(),
        }
    }

    /// What `--artifacts` says: a folder is served; a URI is where clients go themselves.
    pub fn at(location: &str) -> Result<Self, Diagnostic> {
        let uri = location.trim_end_matches('/').to_owned();
        if let Some(folder) = location.strip_prefix("file://") {
            if !folder.starts_with('/') {
                return Err(Diagnostic::error(format!(
                    "the artifact root '{location}' names no absolute folder"
                ))
                .hint("write it like file:///srv/artifacts"));
            }
            return Ok(Self {
                folder: Some(Path::new(folder).into()),
                uri,
            });
        }
        match location.split_once("://") {
            None => Ok(Self::served(Path::new(location))),
            Some((scheme, _)) if REMOTE.contains(&scheme) => Ok(Self { folder: None, uri }),
            Some((scheme, _)) => Err(Diagnostic::error(format!(
                "'{scheme}' is no artifact store that clients know"
            ))
            .hint("write a folder, file:///..., or a URI such as s3://bucket/folder")),
        }
    }

    /// What clients are told: `mlflow-artifacts:/0/...`
    pub fn uri(&self, path: &str) -> String {
        match is_uri(path) {
            true => path.to_owned(),
            false => format!("{}/{path}", self.uri),
        }
    }

    /// The path to keep for a URI that a client names, relative to the root if it is below it.
    pub fn path_of(&self, uri: &str) -> Result<String, Problem> {
        let refused =
            |why: &str| Problem::invalid(format!("the location '{uri}' is refused: {why}"));
        let below = |root: &str| uri.strip_prefix(root)?.strip_prefix('/');
        if let Some(path) = below(&self.uri).or_else(|| below(SERVED)) {
            if path.contains('%') {
                return Err(refused("it may have no percent signs"));
            }
            return relative(path.trim_end_matches('/'));
        }
        let Some((scheme, rest)) = uri.split_once("://") else {
            return Err(refused(
                "it must be a URI of an artifact store, such as mlflow-artifacts:/folder",
            ));
        };
        if !REMOTE.contains(&scheme.to_ascii_lowercase().as_str()) {
            return Err(refused(
                "its scheme is none of an artifact store that clients reach themselves",
            ));
        }
        if uri.contains(['#', '?', '\\']) || uri.chars().any(char::is_control) {
            return Err(refused(
                "it has a character that another reader may take for something else",
            ));
        }
        if decoded(rest).split('/').any(|part| part == "..") {
            return Err(refused("it has '..' in it"));
        }
        Ok(uri.trim_end_matches('/').to_owned())
    }

    /// The place of an artifact in the root's folder. Every part of the path is a plain name.
    pub fn file(&self, path: &str) -> Result<PathBuf, Problem> {
        let folder = self.folder(path)?;
        let path = relative(path)?;
        if path.split('/').next() == Some(UPLOADS) {
            return Err(Problem::missing(format!("there is no artifact '{path}'")));
        }
        Ok(folder.join(path))
    }

    /// As [`Artifacts::file`], of what is there and really lies below the root: no link leads out.
    pub fn existing(&self, path: &str) -> Result<PathBuf, Problem> {
        let missing = || Problem::missing(format!("there is no artifact '{path}'"));
        let file = self.file(path)?;
        let root = self.folder(path)?.canonicalize().map_err(|_| missing())?;
        let found = file.canonicalize().map_err(|_| missing())?;
        match found.starts_with(root) {
            true => Ok(found),
            false => Err(missing()),
        }
    }

    /// A file of its own for an upload on its way.
    pub fn upload(&self, id: &str) -> Result<PathBuf, Problem> {
        Ok(self.folder(UPLOADS)?.join(UPLOADS).join(id))
    }

    /// Removes what uploads left whose server was killed: what nothing was written to for an hour.
    /// Another server may use the same root, and its uploads go on.
    pub fn sweep(&self, now_ms: i64) {
        let Some(folder) = &self.folder else { return };
        for entry in std::fs::read_dir(folder.join(UPLOADS))
            .into_iter()
            .flatten()
            .flatten()
        {
            let written = entry.metadata().and_then(|metadata| metadata.modified());
            let written = written
                .ok()
                .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
            let is_left =
                written.is_some_and(|time| (time.as_millis() as i64) < now_ms - ABANDONED_MS);
            if is_left && let Err(error) = std::fs::remove_file(entry.path()) {
                tracing::warn!("cannot remove {}: {error}", entry.path().display());
            }
        }
    }

    /// What lies in a folder, by name; nothing where there is no such folder.
    pub fn list(&self, path: &str) -> Result<Vec<FileInfo>, Problem> {
        let folder = match path.is_empty() {
            true => self.folder(path)?.to_owned(),
            false => match self.existing(path) {
                Ok(folder) => folder,
                Err(problem) if problem.code == "RESOURCE_DOES_NOT_EXIST" => return Ok(Vec::new()),
                Err(problem) => return Err(problem),
            },
        };
        let Ok(entries) = std::fs::read_dir(folder) else {
            return Ok(Vec::new());
        };
        let mut files: Vec<FileInfo> = entries.flatten().filter_map(|entry| info(&entry)).collect();
        files.retain(|file| !path.is_empty() || file.path != UPLOADS);
        files.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(files)
    }

    fn folder(&self, path: &str) -> Result<&Path, Problem> {
        match &self.folder {
            Some(folder) if !is_uri(path) => Ok(folder),
            _ => Err(Problem::invalid(format!(
                "the artifacts lie at {}, which clients reach themselves: this server does not",
                self.uri(path)
            ))),
        }
    }
}

fn info(entry: &std::fs::DirEntry) -> Option<FileInfo> {
    let path = entry.file_name().into_string().ok()?;
    let metadata = entry.metadata().ok()?;
    let is_dir = metadata.is_dir();
    // A link is neither listed nor followed.
    (is_dir || metadata.is_file()).then(|| FileInfo {
        path,
        is_dir,
        file_size: (!is_dir).then_some(metadata.len()),
    })
}

/// Paths below the root have no colon in their first name: see [`relative`].
fn is_uri(path: &str) -> bool {
    path.split('/')
        .next()
        .is_some_and(|name| name.contains(':'))
}

/// Joins a path below another; an empty one is the other itself.
pub fn join(base: &str, path: &str) -> String {
    match path.is_empty() {
        true => base.to_owned(),
        false => format!("{base}/{path}"),
    }
}

/// The path, if it is one name or names joined by `/` and reads as itself to everybody: nothing
/// leads up or out, however often it is decoded.
pub fn relative(path: &str) -> Result<String, Problem> {
    let refused =
        |why: &str| Problem::invalid(format!("the artifact path {path:?} is refused: {why}"));
    if path.len() > 4096 {
        return Err(Problem::invalid(
            "the artifact path is longer than 4096 bytes",
        ));
    }
    let plain = decoded(path);
    if plain.contains('\\') || plain.chars().any(char::is_control) {
        return Err(refused(
            "backslashes and control characters are not allowed",
        ));
    }
    let bad = |text: &str| {
        text.split('/')
            .any(|part| matches!(part.trim(), "" | "." | ".."))
    };
    if bad(path) || bad(&plain) {
        return Err(refused(
            "it must be names joined by '/', none of them empty, '.' or '..'",
        ));
    }
    // A colon in the first name would be read as a scheme, or as a drive.
    if is_uri(path) {
        return Err(refused("its first name has a ':'"));
    }
    Ok(path.to_owned())
}

/// Percent-decoded until nothing changes.
fn decoded(text: &str) -> String {
    let mut text = text.to_owned();
    while text.contains('%') {
        let next = percent_encoding::percent_decode_str(&text)
            .decode_utf8_lossy()
            .into_owned();
        if next == text {
            break;
        }
        text = next;
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_leads_up_is_refused_however_it_is_written() {
        for bad in [
            "",
            "/etc",
            "//etc",
            "..",
            "../x",
            "a/../b",
            "a/..",
            "./a",
            "a//b",
            "a/",
            "a\\b",
            "..\\x",
            "a\0b",
            "%2e%2e/x",
            "%2e%2e%2fx",
            "%252e%252e%252fx",
            "a%2f..%2fb",
            "a%5cb",
            "a%00",
            "a;/../..",
            "C:/x",
            "file:/etc",
            " ../x",
            "a/ .. /b",
        ] {
            assert!(relative(bad).is_err(), "{bad:?}");
        }
        for good in [
            "a",
            "a/b.txt",
            "0/1/artifacts/model/MLmodel",
            "a b/ü.png",
            "100%/x",
            "a..b",
            "a/x:y",
        ] {
            assert_eq!(relative(good).as_deref(), Ok(good));
        }
    }

    #[test]
    fn a_location_is_below_the_root_or_a_store_that_clients_reach() {
        let served = Artifacts::served(Path::new("/srv/a"));
        let direct = Artifacts::at("file:///srv/a/").unwrap();
        assert_eq!(
            served.path_of("mlflow-artifacts:/x/y").as_deref(),
            Ok("x/y")
        );
        assert_eq!(direct.path_of("file:///srv/a/x").as_deref(), Ok("x"));
        assert_eq!(
            served.path_of("s3://bucket/x/").as_deref(),
            Ok("s3://bucket/x")
        );
        assert_eq!(direct.uri("0/r/artifacts"), "file:///srv/a/0/r/artifacts");
        assert_eq!(
            served.uri("0/r/artifacts"),
            "mlflow-artifacts:/0/r/artifacts"
        );
        for bad in [
            "/etc",
            "file:///etc",
            "file:///srv/a/x",
            "file:/etc",
            "FILE:///etc",
            "etc",
            "..",
            "mlflow-artifacts:/../x",
            "mlflow-artifacts:/%2e%2e/x",
            "mlflow-artifacts://other/x",
            "mlflow-artifacts:/x#/../../etc",
            "http://169.254.169.254/x",
            "http:///#/../../etc/",
            "https://[::1]/",
            "ftp://x/y",
            "s3://b/../c",
            "s3://b/%2e%2e/c",
            "s3://b/x?/..",
            "s3://b/x#f",
            "runs:/x",
            "//proc/self/root",
        ] {
            assert!(served.path_of(bad).is_err(), "{bad}");
        }
        assert!(direct.path_of("file:///srv/a/../etc").is_err());
        assert!(direct.path_of("file:///srv/abc").is_err());
        assert!(Artifacts::at("http://x/y").is_err() && Artifacts::at("file://x").is_err());
    }

    #[test]
    fn links_out_of_the_root_are_neither_listed_nor_read() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("root");
        std::fs::create_dir_all(root.join("run")).unwrap();
        std::fs::write(folder.path().join("secret"), "x").unwrap();
        std::fs::write(root.join("run/a.txt"), "abc").unwrap();
        std::os::unix::fs::symlink(folder.path().join("secret"), root.join("run/link")).unwrap();
        let artifacts = Artifacts::served(&root);
        assert!(artifacts.existing("run/a.txt").is_ok());
        assert_eq!(
            artifacts.existing("run/link").unwrap_err().code,
            "RESOURCE_DOES_NOT_EXIST"
        );
        let listed = artifacts.list("run").unwrap();
        assert_eq!(
            listed,
            [FileInfo {
                path: "a.txt".into(),
                is_dir: false,
                file_size: Some(3)
            }]
        );
    }
}
