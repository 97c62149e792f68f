//! `.../artifacts`: what a run, a logged model or a model version left, listed and shown.
//!
//! Everything below the artifact root is a client's: only what cannot do anything in a browser is
//! sent with its own type, and that in a sandbox.

use std::io::Read;
use std::path::Path as FilePath;
use std::sync::Arc;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use forebay_store::Error;
use forebay_ui::page::{Artifacts as Page, Entry, File, Listing, RunLink, View};
use forebay_ui::{Crumb, Section, link};

use super::preview;
use super::{Shared, failed_to_find, html, pairs};
use crate::mlflow::{Artifacts, Problem, join, relative, send};
use crate::refusal::Refusal;
use crate::router::App;
use axum::http::StatusCode;

/// Entries of a tree: beyond them it is no list that one reads.
const ENTRIES: usize = 2_000;
/// Bytes of a file that are read to show it.
const READ: u64 = 512 << 10;
/// Types that a browser draws and never runs, by the ends of names. SVG and HTML are among them
/// only inside the sandbox.
const SHOWN: [(&str, &str); 10] = [
    ("png", "image/png"),
    ("jpg", "image/jpeg"),
    ("jpeg", "image/jpeg"),
    ("gif", "image/gif"),
    ("webp", "image/webp"),
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("svg", "image/svg+xml"),
    ("html", "text/html; charset=utf-8"),
    ("htm", "text/html; charset=utf-8"),
];
const SANDBOX: &str = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; \
    font-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'";

/// What owns artifacts.
struct Owner {
    kind: &'static str,
    name: String,
    /// Address of its page.
    href: String,
    /// Its folder, relative to the root, or a URI.
    folder: String,
    section: Section,
    crumbs: Vec<Crumb>,
}

fn of_run(app: &App, id: &str) -> Result<Owner, Error> {
    let run = app.tracking.store.run(id)?;
    let run = run.ok_or_else(|| Error::NotFound(format!("there is no run with id '{id}'")))?;
    let this = RunLink {
        id: run.id.clone(),
        name: run.name.clone(),
    };
    let href = link::training(&this.id);
    Ok(Owner {
        kind: "run",
        folder: run.artifact_path,
        section: Section::Experiments,
        crumbs: vec![
            Crumb::new("Experiments", "/experiments"),
            Crumb::new(&run.experiment, link::experiment(&run.experiment)),
            Crumb::new(&this.name, &href),
        ],
        name: this.name,
        href,
    })
}

fn of_logged_model(app: &App, id: &str) -> Result<Owner, Error> {
    let model = app.tracking.store.logged_model(id)?;
    let href = link::logged_model(id);
    Ok(Owner {
        kind: "logged model",
        folder: model.artifact_path,
        section: Section::Experiments,
        crumbs: vec![
            Crumb::new("Experiments", "/experiments"),
            Crumb::new(&model.name, &href),
        ],
        name: model.name,
        href,
    })
}

fn of_version(app: &App, name: &str, version: u64) -> Result<Owner, Error> {
    let found = app.tracking.store.get_version(name, version)?;
    let href = link::model_version(name, version);
    Ok(Owner {
        kind: "model version",
        name: format!("{name} v{version}"),
        folder: found.artifact_path,
        section: Section::Models,
        crumbs: vec![
            Crumb::new("Models", "/models"),
            Crumb::new(name, link::model(name)),
            Crumb::new(format!("v{version}"), &href),
        ],
        href,
    })
}

/// What is asked for of an owner's artifacts.
#[derive(Clone, Copy)]
enum Want {
    Page,
    Raw,
    Download,
}

impl Want {
    fn read(last: &str) -> Option<Self> {
        match last {
            "artifacts" => Some(Want::Page),
            "raw" => Some(Want::Raw),
            "download" => Some(Want::Download),
            _ => None,
        }
    }
}

type Asked = (RawQuery, HeaderMap, axum::http::Uri);

pub async fn run(State(app): Shared, Path(id): Path<String>, asked: Asked) -> Response {
    answer(&app, of_run(&app, &id), asked).await
}

pub async fn logged_model(State(app): Shared, Path(id): Path<String>, asked: Asked) -> Response {
    answer(&app, of_logged_model(&app, &id), asked).await
}

pub async fn version(
    State(app): Shared,
    Path((name, version)): Path<(String, u64)>,
    asked: Asked,
) -> Response {
    answer(&app, of_version(&app, &name, version), asked).await
}

async fn answer(
    app: &Arc<App>,
    owner: Result<Owner, Error>,
    (RawQuery(query), headers, uri): Asked,
) -> Response {
    let owner = match owner {
        Ok(owner) => owner,
        Err(error) => return failed_to_find(app, error),
    };
    let asked = pairs(query.as_deref());
    let path = asked
        .iter()
        .find(|(name, _)| name == "path")
        .map_or("", |(_, path)| path.as_str());
    let path = path.trim_end_matches('/');
    let last = uri.path().rsplit('/').next().unwrap_or_default();
    let answered = match Want::read(last) {
        Some(Want::Raw) => raw(app, &owner, path, &headers).await,
        Some(Want::Download) => file(app, &owner, path, &headers).await,
        _ => page(app, owner, path).await,
    };
    answered.unwrap_or_else(|problem| {
        let refusal = Refusal::new(problem.status, problem.message);
        super::refused(app, &refusal)
    })
}

async fn file(
    app: &App,
    owner: &Owner,
    path: &str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    send(app, &join(&owner.folder, &relative(path)?), headers).await
}

/// In the type that it claims, if that is one of the harmless; in a sandbox all the same.
async fn raw(
    app: &App,
    owner: &Owner,
    path: &str,
    headers: &HeaderMap,
) -> Result<Response, Problem> {
    let Some(kind) = shown(path) else {
        let said = "only pictures and pages are shown as themselves: download the file";
        return Ok(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, said).into_response());
    };
    let mut response = file(app, owner, path, headers).await?;
    let headers = response.headers_mut();
    headers.remove(header::CONTENT_DISPOSITION);
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_SECURITY_POLICY, SANDBOX),
        (header::REFERRER_POLICY, "no-referrer"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let own = HeaderValue::from_static("same-origin");
    headers.insert("cross-origin-resource-policy", own);
    Ok(response)
}

fn shown(path: &str) -> Option<&'static str> {
    let (_, end) = path.rsplit_once('.')?;
    let end = end.to_ascii_lowercase();
    SHOWN
        .iter()
        .find(|(known, _)| *known == end)
        .map(|(_, kind)| *kind)
}

async fn page(app: &Arc<App>, owner: Owner, path: &str) -> Result<Response, Problem> {
    let path = if path.is_empty() {
        String::new()
    } else {
        relative(path)?
    };
    let artifacts = app.tracking.artifacts.clone();
    // Folders and files are read on a thread that may wait for the disk.
    let read = move || {
        let listing = listing(&artifacts, &owner.folder, &owner.href, &path);
        let file = match path.is_empty() {
            true => None,
            false => view(&artifacts, &join(&owner.folder, &path), &path),
        };
        let folder = path.is_empty()
            || listing
                .entries
                .iter()
                .any(|entry| entry.is_dir && entry.current);
        Page {
            kind: owner.kind.to_owned(),
            name: owner.name,
            owner: owner.href,
            crumbs: owner.crumbs,
            section: owner.section,
            listing,
            file,
            folder,
        }
    };
    let page = tokio::task::spawn_blocking(read).await;
    let page = page.map_err(|_| Problem::failed("the artifacts could not be read"))?;
    let there = page.file.is_some() || page.folder;
    let status = if there {
        StatusCode::OK
    } else {
        StatusCode::NOT_FOUND
    };
    Ok(html(app, status, &page))
}

/// The files of an owner, folders on the way to the path open.
pub fn listing(artifacts: &Artifacts, folder: &str, href: &str, path: &str) -> Listing {
    let mut listing = Listing {
        place: artifacts.uri(folder),
        ..Listing::default()
    };
    let mut tree = Tree {
        artifacts,
        folder,
        href,
        path,
        entries: Vec::new(),
    };
    listing.elsewhere = tree.open("", 0).is_err();
    listing.entries = tree.entries;
    listing
}

struct Tree<'a> {
    artifacts: &'a Artifacts,
    folder: &'a str,
    href: &'a str,
    path: &'a str,
    entries: Vec<Entry>,
}

impl Tree<'_> {
    fn open(&mut self, below: &str, depth: usize) -> Result<(), Problem> {
        let mut found = self.artifacts.list(&join(self.folder, below))?;
        found.sort_by(|a, b| b.is_dir.cmp(&a.is_dir).then_with(|| a.path.cmp(&b.path)));
        for info in found {
            if self.entries.len() == ENTRIES {
                return Ok(());
            }
            let path = match below {
                "" => info.path.clone(),
                below => format!("{below}/{}", info.path),
            };
            let current = path == self.path;
            let inside = self
                .path
                .strip_prefix(&path)
                .is_some_and(|rest| rest.starts_with('/'));
            let open = info.is_dir && (current || inside);
            self.entries.push(Entry {
                href: link::artifact(self.href, &path),
                name: info.path,
                is_dir: info.is_dir,
                bytes: info.file_size,
                depth,
                open,
                current,
            });
            if open {
                self.open(&path, depth + 1)?;
            }
        }
        Ok(())
    }
}

/// None where there is no such file.
fn view(artifacts: &Artifacts, place: &str, path: &str) -> Option<File> {
    let place = artifacts.existing(place).ok()?;
    let metadata = place.metadata().ok().filter(std::fs::Metadata::is_file)?;
    let view = if shown(path).is_some_and(|kind| kind.starts_with("image/")) {
        View::Image
    } else if path.to_ascii_lowercase().ends_with(".parquet") {
        preview::parquet(&place)
    } else {
        match beginning(&place) {
            Ok(head) => preview::view(path, &head, metadata.len() > READ),
            Err(error) => View::Nothing(format!("The file cannot be read: {}.", error.kind())),
        }
    };
    Some(File {
        path: path.to_owned(),
        bytes: metadata.len(),
        view,
    })
}

fn beginning(place: &FilePath) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    std::fs::File::open(place)?
        .take(READ)
        .read_to_end(&mut head)?;
    Ok(head)
}
