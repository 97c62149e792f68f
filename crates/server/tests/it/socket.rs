//! A real socket: slow heads, an orderly end, many requests on one connection.

use std::sync::Arc;
use std::time::Duration;

use forebay_server::{Options, bind, router, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::fake::{self, Fake};

pub struct Running {
    pub address: std::net::SocketAddr,
    pub stop: CancellationToken,
    pub task: JoinHandle<()>,
}

pub async fn start(change: impl FnOnce(&mut Options)) -> Running {
    let listener = bind("127.0.0.1:0").await.unwrap();
    let address = listener.address();
    let mut options = fake::options();
    options.port = address.port();
    change(&mut options);
    let stop = CancellationToken::new();
    let token = stop.clone();
    let router = router(Arc::new(Fake::default()), fake::tracking(), options.clone());
    let task = tokio::spawn(async move { serve(listener, router, &options, token).await.unwrap() });
    Running {
        address,
        stop,
        task,
    }
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let ended = tokio::time::timeout(Duration::from_secs(10), read).await;
    ended.expect("the server closes the connection").unwrap();
    String::from_utf8(answer).unwrap()
}

#[tokio::test]
async fn one_connection_carries_many_requests() {
    let server = start(|_| {}).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "GET /v2/health/live HTTP/1.1\r\nHost: {}\r\n\r\n",
        server.address
    );
    let last = request.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
    stream
        .write_all(
            [&request, &request, &last]
                .map(String::as_bytes)
                .concat()
                .as_slice(),
        )
        .await
        .unwrap();
    let answer = read_to_end(&mut stream).await;
    assert_eq!(answer.matches("HTTP/1.1 200 OK").count(), 3, "{answer}");
}

#[tokio::test]
async fn a_head_that_never_ends_is_cut_off() {
    let server = start(|o| o.header_timeout = Duration::from_millis(200)).await;
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n")
        .await
        .unwrap();
    let answer = read_to_end(&mut stream).await;
    assert!(!answer.contains("200 OK"), "{answer}");
}

#[tokio::test]
async fn connections_beyond_the_limit_wait_their_turn() {
    let server = start(|o| o.max_connections = 1).await;
    let first = TcpStream::connect(server.address).await.unwrap();
    let mut second = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "GET /ping HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n",
        server.address
    );
    second.write_all(request.as_bytes()).await.unwrap();
    let mut byte = [0];
    let early = tokio::time::timeout(Duration::from_millis(150), second.read(&mut byte)).await;
    assert!(
        early.is_err(),
        "the second is answered while the first is open"
    );
    drop(first);
    assert!(read_to_end(&mut second).await.contains("200 OK"));
}

#[tokio::test]
async fn told_to_stop_the_server_ends_what_is_in_progress_and_takes_nothing_new() {
    let server = start(|o| o.request_timeout = Duration::from_millis(400)).await;
    let mut slow = TcpStream::connect(server.address).await.unwrap();
    let request = format!(
        "GET /node/slow HTTP/1.1\r\nHost: {}\r\n\r\n",
        server.address
    );
    slow.write_all(request.as_bytes()).await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    server.stop.cancel();
    assert!(
        read_to_end(&mut slow).await.contains("503"),
        "the slow request got its answer"
    );
    tokio::time::timeout(Duration::from_secs(5), server.task)
        .await
        .unwrap()
        .unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
}
