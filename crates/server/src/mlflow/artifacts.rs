//! Artifacts through the server: streamed up and down, in ranges, never whole in memory.

use std::fs::Metadata;
use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get};
use futures::StreamExt;
use serde::Deserialize;
use tokio::fs::File;
use tokio::io::AsyncWriteExt;

use super::location::{self, join};
use super::value::required;
use super::{Problem, new_id, pieces, runs};
use crate::router::App;

type Shared = State<Arc<App>>;
type Named = Result<Path<String>, PathRejection>;

pub fn routes() -> Vec<(String, MethodRouter<Arc<App>>)> {
    let artifact = || get(download).put(upload).delete(remove);
    vec![
        (
            "/api/2.0/mlflow-artifacts/artifacts/{*path}".to_owned(),
            artifact(),
        ),
        (
            "/ajax-api/2.0/mlflow-artifacts/artifacts/{*path}".to_owned(),
            artifact(),
        ),
        ("/get-artifact".to_owned(), get(of_run)),
        ("/model-versions/get-artifact".to_owned(), get(of_version)),
        (
            "/ajax-api/2.0/mlflow/logged-models/{model_id}/artifacts/files".to_owned(),
            get(of_model),
        ),
    ]
}

fn named(path: Named) -> Result<String, Problem> {
    let Path(path) = path.map_err(|rejection| Problem::invalid(rejection.body_text()))?;
    location::relative(&path)
}

async fn download(
    State(app): Shared,
    path: Named,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    send(&app, &named(path)?, &headers).await
}

#[derive(Deserialize)]
struct OfRun {
    #[serde(flatten)]
    id: runs::Id,
    path: Option<String>,
}

async fn of_run(
    State(app): Shared,
    Query(asked): Query<OfRun>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let path = location::relative(&required("path", asked.path)?)?;
    let run = runs::find(&app.tracking, &asked.id.read()?)?;
    send(&app, &join(&run.artifact_path, &path), &headers).await
}

#[derive(Deserialize)]
struct OfVersion {
    name: Option<String>,
    version: Option<u64>,
    path: Option<String>,
}

async fn of_version(
    State(app): Shared,
    Query(asked): Query<OfVersion>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let path = location::relative(&required("path", asked.path)?)?;
    let name = required("name", asked.name)?;
    let version = app
        .tracking
        .store
        .get_version(&name, asked.version.unwrap_or_default())?;
    send(&app, &join(&version.artifact_path, &path), &headers).await
}

#[derive(Deserialize)]
struct OfModel {
    artifact_file_path: Option<String>,
}

async fn of_model(
    State(app): Shared,
    Path(id): Path<String>,
    Query(asked): Query<OfModel>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let path = location::relative(&required("artifact_file_path", asked.artifact_file_path)?)?;
    let model = app.tracking.store.logged_model(&id)?;
    send(&app, &join(&model.artifact_path, &path), &headers).await
}

/// The file, or the range of it that was asked for.
pub async fn send(app: &App, path: &str, headers: &HeaderMap) -> Result<Response, Problem> {
    let missing = || Problem::missing(format!("there is no artifact '{path}'"));
    let place = app.tracking.artifacts.existing(path)?;
    let (file, metadata) = open(&place).map_err(|_| missing())?;
    if !metadata.is_file() {
        return Err(missing());
    }
    let size = metadata.len();
    let asked = headers.get(header::RANGE).and_then(|v| v.to_str().ok());
    let (status, start, length) = match asked.map(|asked| range(asked, size)) {
        None | Some(Range::Whole) => (StatusCode::OK, 0, size),
        Some(Range::Part(start, length)) => (StatusCode::PARTIAL_CONTENT, start, length),
        Some(Range::Beyond) => return Ok(beyond(size)),
    };
    let mut response = Response::new(pieces::body(file, start, length));
    *response.status_mut() = status;
    let put = |headers: &mut HeaderMap, name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    let headers = response.headers_mut();
    put(headers, header::CONTENT_LENGTH, &length.to_string());
    put(headers, header::ACCEPT_RANGES, "bytes");
    // Whatever was uploaded is data to be kept, never a page of this site.
    put(headers, header::CONTENT_TYPE, "application/octet-stream");
    put(
        headers,
        header::CONTENT_SECURITY_POLICY,
        "sandbox; default-src 'none'",
    );
    put(headers, header::CONTENT_DISPOSITION, &attachment(path));
    if status == StatusCode::PARTIAL_CONTENT {
        let last = start + length - 1;
        put(
            headers,
            header::CONTENT_RANGE,
            &format!("bytes {start}-{last}/{size}"),
        );
    }
    Ok(response)
}

fn open(place: &FilePath) -> std::io::Result<(std::fs::File, Metadata)> {
    let file = std::fs::File::open(place)?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

/// The name in ASCII for all, and in full for those that read RFC 5987.
fn attachment(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || "._- ".contains(c) {
            c
        } else {
            '_'
        }
    };
    let plain: String = name.chars().map(plain).collect();
    let full = percent_encoding::utf8_percent_encode(name, percent_encoding::NON_ALPHANUMERIC);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{full}")
}

#[derive(Debug, PartialEq, Eq)]
enum Range {
    Whole,
    /// Start and length.
    Part(u64, u64),
    Beyond,
}

/// One range of bytes (RFC 9110, 14.1.2). Several, or another unit, are answered with the whole.
fn range(asked: &str, size: u64) -> Range {
    let Some((first, last)) = asked
        .strip_prefix("bytes=")
        .and_then(|spec| spec.split_once('-'))
    else {
        return Range::Whole;
    };
    let bounds = match (first.trim(), last.trim()) {
        ("", suffix) => suffix
            .parse::<u64>()
            .ok()
            .map(|n| (size.saturating_sub(n), size.wrapping_sub(1), n > 0)),
        (first, "") => first
            .parse()
            .ok()
            .map(|first| (first, size.wrapping_sub(1), true)),
        (first, last) => match (first.parse::<u64>(), last.parse::<u64>()) {
            (Ok(first), Ok(last)) if first <= last => {
                Some((first, last.min(size.wrapping_sub(1)), true))
            }
            _ => None,
        },
    };
    match bounds {
        None => Range::Whole,
        Some((first, last, true)) if first < size => Range::Part(first, last - first + 1),
        Some(_) => Range::Beyond,
    }
}

fn beyond(size: u64) -> Response {
    let head = [(header::CONTENT_RANGE, format!("bytes */{size}"))];
    (StatusCode::RANGE_NOT_SATISFIABLE, head).into_response()
}

/// An upload on its way: gone again unless it was put in place.
struct Upload(PathBuf);

impl Drop for Upload {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

async fn upload(State(app): Shared, path: Named, request: Request) -> Result<Response, Problem> {
    let path = named(path)?;
    let place = app.tracking.artifacts.file(&path)?;
    let packed = request.headers().get(header::CONTENT_ENCODING);
    if packed.is_some_and(|encoding| encoding != "identity") {
        return Err(Problem::invalid(
            "artifacts are kept as they are sent: send no Content-Encoding",
        ));
    }
    let upload = Upload(app.tracking.artifacts.upload(&new_id())?);
    let failed = |error: std::io::Error| trouble("write", &path, &error);
    create_parent(&upload.0).await.map_err(failed)?;
    let mut file = File::create(&upload.0).await.map_err(failed)?;
    receive(&app, request, &mut file, &path).await?;
    drop(file);
    if place.is_dir() {
        return Err(Problem::invalid(format!(
            "there is a folder named '{path}' already"
        )));
    }
    create_parent(&place).await.map_err(failed)?;
    // A link below the root must not lead the file out of it.
    let parent = path.rsplit_once('/').map(|(parent, _)| parent);
    parent
        .map(|parent| app.tracking.artifacts.existing(parent))
        .transpose()?;
    tokio::fs::rename(&upload.0, &place).await.map_err(failed)?;
    Ok(axum::Json(serde_json::json!({})).into_response())
}

async fn create_parent(file: &FilePath) -> std::io::Result<()> {
    match file.parent() {
        Some(parent) => tokio::fs::create_dir_all(parent).await,
        None => Ok(()),
    }
}

/// Writes the body piece by piece. A client may take long in all, but not between two pieces.
async fn receive(app: &App, request: Request, file: &mut File, path: &str) -> Result<(), Problem> {
    let mut pieces = request.into_body().into_data_stream();
    let mut size = 0;
    loop {
        let next = tokio::time::timeout(app.options.request_timeout, pieces.next()).await;
        let Ok(next) = next else {
            return Err(Problem::invalid(format!("the upload of '{path}' stalled")));
        };
        let Some(piece) = next else { break };
        let piece =
            piece.map_err(|_| Problem::invalid(format!("the upload of '{path}' broke off")))?;
        size += piece.len() as u64;
        if app.options.artifact_limit.is_some_and(|limit| size > limit) {
            return Err(Problem::invalid(format!(
                "the artifact '{path}' is larger than this server takes"
            )));
        }
        file.write_all(&piece)
            .await
            .map_err(|error| trouble("write", path, &error))?;
    }
    file.flush()
        .await
        .map_err(|error| trouble("write", path, &error))
}

/// A file, or a folder with all that is in it.
async fn remove(State(app): Shared, path: Named) -> Result<Response, Problem> {
    let path = named(path)?;
    let place = app.tracking.artifacts.existing(&path)?;
    let removed = match place.is_dir() {
        true => tokio::fs::remove_dir_all(&place).await,
        false => tokio::fs::remove_file(&place).await,
    };
    removed.map_err(|error| trouble("delete", &path, &error))?;
    Ok(axum::Json(serde_json::json!({})).into_response())
}

fn trouble(what: &str, path: &str, error: &std::io::Error) -> Problem {
    tracing::error!("cannot {what} the artifact '{path}': {error}");
    Problem::failed(format!(
        "cannot {what} the artifact '{path}': {}",
        error.kind()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_what_the_file_has_of_it() {
        for (asked, expected) in [
            ("bytes=0-3", Range::Part(0, 4)),
            ("bytes=5-", Range::Part(5, 5)),
            ("bytes=-3", Range::Part(7, 3)),
            ("bytes=-30", Range::Part(0, 10)),
            ("bytes=8-99", Range::Part(8, 2)),
            ("bytes=10-", Range::Beyond),
            ("bytes=-0", Range::Beyond),
            ("bytes=3-1", Range::Whole),
            ("bytes=0-1,3-4", Range::Whole),
            ("lines=0-1", Range::Whole),
            ("bytes=x-1", Range::Whole),
        ] {
            assert_eq!(range(asked, 10), expected, "{asked}");
        }
        assert_eq!(range("bytes=0-", 0), Range::Beyond);
    }

    #[test]
    fn a_name_is_safe_in_a_header() {
        let said = attachment("a/x\"; filename=\"ü.html");
        assert!(
            said.starts_with(
                "attachment; filename=\"x__ filename___.html\"; filename*=UTF-8''x%22"
            ),
            "{said}"
        );
    }
}
