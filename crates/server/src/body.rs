//! Request bodies: bounded as sent and as unpacked, copied at most once.

use std::io::Read;

use axum::body::Body;
use axum::http::{HeaderMap, StatusCode, header};
use bytes::Bytes;
use flate2::read::{MultiGzDecoder, ZlibDecoder};
use futures::StreamExt;

use crate::refusal::Refusal;

/// The whole body, unpacked by its `Content-Encoding`.
pub async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let sent = collect(headers, body, limit).await?;
    match headers.get(header::CONTENT_ENCODING).map(|v| v.as_bytes()) {
        None | Some(b"identity" | b"") => Ok(sent),
        Some(b"gzip" | b"x-gzip") => unpack(MultiGzDecoder::new(&sent[..]), limit),
        Some(b"deflate") => unpack(ZlibDecoder::new(&sent[..]), limit),
        Some(_) => Err(Refusal::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "the body's Content-Encoding must be gzip, deflate or identity",
        )),
    }
}

/// A body in one piece is taken as it is. Pieces are copied into one buffer as they come: keeping
/// millions of tiny ones would cost far more memory than the limit says.
async fn collect(headers: &HeaderMap, body: Body, limit: usize) -> Result<Bytes, Refusal> {
    let length = headers.get(header::CONTENT_LENGTH);
    let length: usize = length
        .and_then(|v| v.to_str().ok()?.parse().ok())
        .unwrap_or(0);
    if length > limit {
        return Err(too_large(limit));
    }
    let mut pieces = body.into_data_stream();
    let Some(first) = next(&mut pieces).await? else {
        return Ok(Bytes::new());
    };
    if first.len() > limit {
        return Err(too_large(limit));
    }
    if first.len() == length {
        return Ok(first);
    }
    let mut whole = Vec::with_capacity(length.max(first.len()));
    whole.extend_from_slice(&first);
    while let Some(piece) = next(&mut pieces).await? {
        if whole.len() + piece.len() > limit {
            return Err(too_large(limit));
        }
        whole.extend_from_slice(&piece);
    }
    Ok(whole.into())
}

async fn next(pieces: &mut axum::body::BodyDataStream) -> Result<Option<Bytes>, Refusal> {
    match pieces.next().await.transpose() {
        Ok(piece) => Ok(piece),
        Err(_) => Err(Refusal::bad_request("the body broke off")),
    }
}

fn unpack(packed: impl Read, limit: usize) -> Result<Bytes, Refusal> {
    let mut whole = Vec::new();
    let mut packed = packed.take(limit as u64 + 1);
    match packed.read_to_end(&mut whole) {
        Ok(_) if whole.len() > limit => Err(too_large(limit)),
        Ok(_) => Ok(whole.into()),
        Err(_) => Err(Refusal::bad_request(
            "the body is not what its Content-Encoding says",
        )),
    }
}

fn too_large(limit: usize) -> Refusal {
    let message = format!("the body is larger than {limit} bytes");
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_pieces(
        pieces: Vec<&'static [u8]>,
        headers: &[(&str, &str)],
    ) -> Result<Bytes, u16> {
        let pieces = pieces.into_iter().map(Ok::<_, std::io::Error>);
        let body = Body::from_stream(futures::stream::iter(pieces));
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            let name: header::HeaderName = name.parse().unwrap();
            map.insert(name, value.parse().unwrap());
        }
        read(&map, body, 8)
            .await
            .map_err(|refusal| refusal.status.as_u16())
    }

    #[tokio::test]
    async fn pieces_become_one_within_the_limit() {
        assert_eq!(
            read_pieces(vec![b"abc", b"de"], &[]).await.unwrap(),
            "abcde"
        );
        assert_eq!(read_pieces(vec![], &[]).await.unwrap(), "");
        assert_eq!(read_pieces(vec![b"abcde", b"fghi"], &[]).await, Err(413));
        assert_eq!(
            read_pieces(vec![b"a"], &[("content-length", "9")]).await,
            Err(413)
        );
    }

    #[tokio::test]
    async fn a_small_body_that_unpacks_to_a_large_one_is_refused() {
        use std::io::Write;
        let mut bomb = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        bomb.write_all(&[0; 100_000]).unwrap();
        let bomb = bomb.finish().unwrap();
        let unpacked = unpack(MultiGzDecoder::new(&bomb[..]), 1_000);
        assert_eq!(unpacked.unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test]
    async fn an_encoding_that_is_unknown_or_untrue_is_refused() {
        assert_eq!(
            read_pieces(vec![b"abc"], &[("content-encoding", "br")]).await,
            Err(415)
        );
        assert_eq!(
            read_pieces(vec![b"abc"], &[("content-encoding", "gzip")]).await,
            Err(400)
        );
    }
}
