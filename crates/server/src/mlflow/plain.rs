//! What needs little: the server's version and abilities, listings of artifacts.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::location::{self, FileInfo, join};
use super::runs;
use super::value::required;
use super::{Problem, Tracking, VERSION};

/// Clients read it as MLflow's version; who we are is said at `/v2` and in the metrics.
pub async fn version() -> &'static str {
    VERSION
}

#[derive(Deserialize)]
pub struct Nothing {}

/// No large uploads in parts, no links to elsewhere: files stream through the server.
pub fn server_info(_: &Tracking, _: Nothing) -> Result<Value, Problem> {
    Ok(json!({
        "store_type": "SqlStore",
        "workspaces_enabled": false,
        "trace_archival_enabled": false,
        "multipart_uploads_enabled": false,
        "multipart_downloads_enabled": false,
        "presigned_upload_run_id_supported": false,
        "presigned_upload_model_id_supported": false,
        "features_enabled": {"gateway": false},
        "server": concat!("forebay ", env!("CARGO_PKG_VERSION")),
    }))
}

#[derive(Deserialize)]
pub struct Listing {
    path: Option<String>,
}

#[derive(Serialize)]
pub struct Listed {
    #[serde(skip_serializing_if = "String::is_empty")]
    root_uri: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    files: Vec<FileInfo>,
}

/// Names relative to the listed folder.
pub fn list_artifacts(tracking: &Tracking, asked: Listing) -> Result<Listed, Problem> {
    let path = asked.path.unwrap_or_default();
    let files = tracking.artifacts.list(path.trim_end_matches('/'))?;
    Ok(Listed {
        root_uri: String::new(),
        files,
    })
}

#[derive(Deserialize)]
pub struct RunListing {
    #[serde(flatten)]
    id: runs::Id,
    path: Option<String>,
}

pub fn list_run_artifacts(tracking: &Tracking, asked: RunListing) -> Result<Listed, Problem> {
    let run = runs::find(tracking, &asked.id.read()?)?;
    below(tracking, &run.artifact_path, asked.path)
}

#[derive(Deserialize)]
pub struct ModelListing {
    model_id: Option<String>,
    artifact_directory_path: Option<String>,
}

pub fn list_model_artifacts(tracking: &Tracking, asked: ModelListing) -> Result<Listed, Problem> {
    let model = tracking
        .store
        .logged_model(&required("model_id", asked.model_id)?)?;
    below(
        tracking,
        &model.artifact_path,
        asked.artifact_directory_path,
    )
}

/// Names relative to the base.
fn below(tracking: &Tracking, base: &str, path: Option<String>) -> Result<Listed, Problem> {
    let path = path.unwrap_or_default();
    let path = match path.trim_end_matches('/') {
        "" => String::new(),
        path => location::relative(path)?,
    };
    let mut files = tracking.artifacts.list(&join(base, &path))?;
    if !path.is_empty() {
        for file in &mut files {
            file.path = format!("{path}/{}", file.path);
        }
    }
    Ok(Listed {
        root_uri: tracking.artifacts.uri(base),
        files,
    })
}
