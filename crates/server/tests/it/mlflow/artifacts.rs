//! Files up and down.

use axum::body::Body;
use serde_json::json;

use super::{ARTIFACTS, server};
use crate::fake::{bytes, get, send, text};

#[tokio::test]
async fn artifacts_go_up_and_down_in_pieces() {
    let server = server();
    let path = format!("{ARTIFACTS}/0/r/artifacts/data/some%20file.bin");
    let pieces = (0..300_u32).map(|n| Ok::<_, std::io::Error>(vec![n as u8; 1_000]));
    let (status, _) = server
        .send(
            "PUT",
            &path,
            Body::from_stream(futures::stream::iter(pieces)),
        )
        .await;
    assert_eq!(status, 200, "larger than the limit of other bodies");
    let whole: Vec<u8> = (0..300_u32).flat_map(|n| vec![n as u8; 1_000]).collect();
    let (status, response) = send(&server.app, get(&path)).await;
    assert_eq!(status, 200);
    assert_eq!(response.headers()["content-length"], "300000");
    assert_eq!(bytes(response).await, whole);
    let mut part = get(&path);
    part.headers_mut()
        .insert("range", "bytes=999-1000".parse().unwrap());
    let (status, response) = send(&server.app, part).await;
    assert_eq!(
        (status.as_u16(), &response.headers()["content-range"]),
        (206, &"bytes 999-1000/300000".parse().unwrap())
    );
    assert_eq!(bytes(response).await, [0, 1]);
    let mut beyond = get(&path);
    beyond
        .headers_mut()
        .insert("range", "bytes=300000-".parse().unwrap());
    assert_eq!(send(&server.app, beyond).await.0, 416);
    let listed = server.get(&format!("{ARTIFACTS}?path=0/r/artifacts")).await;
    assert_eq!(listed, json!({"files": [{"path": "data", "is_dir": true}]}));
    let listed = server
        .get(&format!("{ARTIFACTS}?path=0/r/artifacts/data"))
        .await;
    assert_eq!(
        listed,
        json!({"files": [{"path": "some file.bin", "is_dir": false, "file_size": 300_000}]})
    );
    assert_eq!(
        server.get(ARTIFACTS).await,
        json!({"files": [{"path": "0", "is_dir": true}]}),
        "no uploads are shown"
    );
    assert_eq!(
        server
            .send("DELETE", &format!("{ARTIFACTS}/0/r"), "")
            .await
            .0,
        200
    );
    assert_eq!(send(&server.app, get(&path)).await.0, 404);
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_what_was_there() {
    let server = server();
    let path = format!("{ARTIFACTS}/0/a.txt");
    assert_eq!(server.send("PUT", &path, "whole").await.0, 200);
    let pieces = vec![Ok(vec![b'x'; 10]), Err(std::io::Error::other("gone"))];
    let (status, _) = server
        .send(
            "PUT",
            &path,
            Body::from_stream(futures::stream::iter(pieces)),
        )
        .await;
    assert_eq!(status, 400);
    assert_eq!(text(send(&server.app, get(&path)).await.1).await, "whole");
    assert_eq!(
        std::fs::read_dir(server.root().join(".uploads"))
            .unwrap()
            .count(),
        0
    );
}
