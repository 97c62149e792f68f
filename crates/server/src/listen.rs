//! The socket: loopback only, one task a connection, an orderly end.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use forebay_core::Diagnostic;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::lanes::Lanes;
use crate::options::Options;

/// An open port.
#[derive(Debug)]
pub struct Listener {
    socket: TcpListener,
    address: SocketAddr,
}

impl Listener {
    /// Where it really listens: port 0 has become a free one.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
}

/// Opens `host:port`. Whoever can reach the server may read the project's data and ask its models,
/// so without authentication any address but loopback is refused.
pub async fn bind(listen: &str) -> Result<Listener, Diagnostic> {
    let addresses: Vec<SocketAddr> = match tokio::net::lookup_host(listen).await {
        Ok(found) => found.collect(),
        Err(error) => {
            return Err(
                Diagnostic::error(format!("cannot listen on '{listen}': {error}"))
                    .hint("write an address and a port, such as 127.0.0.1:8600"),
            );
        }
    };
    if let Some(open) = addresses.iter().find(|address| !address.ip().is_loopback()) {
        return Err(Diagnostic::error(format!(
            "will not listen on {open}: others could reach it, and no authentication is configured"
        ))
        .hint("listen on 127.0.0.1 and let a tunnel or a proxy with a login lead to it"));
    }
    let opened = TcpListener::bind(&addresses[..]).await;
    let opened = opened.and_then(|socket| Ok((socket.local_addr()?, socket)));
    match opened {
        Ok((address, socket)) => Ok(Listener { socket, address }),
        Err(error) => Err(
            Diagnostic::environment(format!("cannot listen on {listen}: {error}"))
                .hint("another server may hold the port; port 0 takes a free one"),
        ),
    }
}

/// Answers until `stop`, then lets requests in progress end.
///
/// # Errors
/// Where the system gives no threads.
pub async fn serve(
    listener: Listener,
    router: Router,
    options: &Options,
    stop: CancellationToken,
) -> Result<(), Diagnostic> {
    let mut lanes = Lanes::start().map_err(|error| {
        Diagnostic::environment(format!("cannot start threads for connections: {error}"))
    })?;
    let permits = Arc::new(Semaphore::new(options.max_connections));
    let graceful = GracefulShutdown::new();
    let service = TowerToHyperService::new(router);
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(options.header_timeout);
    while let Some((stream, permit)) = accept(&listener, &permits, &stop).await {
        let (http, service, watcher) = (http.clone(), service.clone(), graceful.watcher());
        lanes.spawn(async move {
            let Ok(stream) = TcpStream::from_std(stream) else {
                return;
            };
            let connection = http.serve_connection(TokioIo::new(stream), service);
            if let Err(error) = watcher.watch(connection).await {
                tracing::debug!("a connection ended early: {error}");
            }
            drop(permit);
        });
    }
    drop(listener);
    if tokio::time::timeout(options.grace, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!("some requests did not end in time and are cut off");
    }
    Ok(())
}

/// The stream belongs to no runtime yet: its lane's takes it.
type Accepted = (std::net::TcpStream, tokio::sync::OwnedSemaphorePermit);

/// The next connection; None once the server is to stop.
async fn accept(
    listener: &Listener,
    permits: &Arc<Semaphore>,
    stop: &CancellationToken,
) -> Option<Accepted> {
    loop {
        let next = async {
            let permit = Arc::clone(permits).acquire_owned().await.ok()?;
            Some((listener.socket.accept().await, permit))
        };
        let (accepted, permit) = tokio::select! {
            next = next => next?,
            () = stop.cancelled() => return None,
        };
        match accepted.and_then(|(stream, _)| stream.into_std()) {
            Ok(stream) => {
                // Head and body go out at once; waiting for an acknowledgement would cost 40 ms.
                let _ = stream.set_nodelay(true);
                return Some((stream, permit));
            }
            // Out of file descriptors, or the client was gone already: neither ends the server.
            Err(error) => {
                tracing::warn!("a connection could not be accepted: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn loopback_is_opened_and_anything_else_refused_with_a_way_out() {
        assert!(bind("127.0.0.1:0").await.unwrap().address().port() > 0);
        for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:8600"] {
            let refusal = bind(open).await.unwrap_err();
            assert!(refusal.message.contains("no authentication"), "{refusal}");
            assert!(!refusal.hints.is_empty());
        }
        assert!(
            bind("nonsense")
                .await
                .unwrap_err()
                .message
                .contains("'nonsense'")
        );
    }

    #[tokio::test]
    async fn a_taken_port_is_the_environments_fault() {
        let first = bind("127.0.0.1:0").await.unwrap();
        let second = bind(&first.address().to_string()).await.unwrap_err();
        assert_eq!(second.fault, forebay_core::Fault::Environment);
    }
}
