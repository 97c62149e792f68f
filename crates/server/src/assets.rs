//! `/assets/<name>`: style sheet, script, icon. Addressed with their hash they never change.

use axum::extract::{Path, RawQuery};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use forebay_ui::asset;

use crate::refusal::Refusal;

pub async fn asset(
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    let Some(asset) = asset::ALL.iter().find(|asset| asset.name == name) else {
        return Refusal::not_found(format!("there is no asset '{name}'")).into_response();
    };
    let tag = format!("\"{:016x}\"", asset.hash);
    let is_hashed = query.is_some_and(|query| query == format!("v={:016x}", asset.hash));
    let cache = match is_hashed {
        true => "public, max-age=31536000, immutable",
        false => "no-cache",
    };
    let known = headers
        .get(header::IF_NONE_MATCH)
        .is_some_and(|v| v.as_bytes() == tag.as_bytes());
    let head = [
        (header::CONTENT_TYPE, asset.content_type.to_owned()),
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::ETAG, tag),
    ];
    match known {
        true => (StatusCode::NOT_MODIFIED, head).into_response(),
        false => (head, asset.body).into_response(),
    }
}
