//! What the server is told when it starts.

use std::time::Duration;

use forebay_ui::Shell;

#[derive(Clone, Debug)]
pub struct Options {
    /// Project and program version, for every page.
    pub shell: Shell,
    /// Port that a loopback `Host` must name.
    pub port: u16,
    /// Further values of `Host` that are ours: `name` with any port, or `name:port`.
    pub hosts: Vec<String>,
    /// Bytes of a request body, as sent and unpacked.
    pub body_limit: usize,
    /// Bytes of one artifact, which is streamed to its place; None takes what the disk does.
    pub artifact_limit: Option<u64>,
    /// From the request's head to the last byte of the answer's head.
    pub request_timeout: Duration,
    /// For a connection to send a whole request head; also how long one may idle.
    pub header_timeout: Duration,
    /// Connections beyond it wait.
    pub max_connections: usize,
    /// How long requests in progress may go on after the server was told to stop.
    pub grace: Duration,
}

impl Options {
    pub fn new(shell: Shell, port: u16) -> Self {
        Self {
            shell,
            port,
            hosts: Vec::new(),
            body_limit: 16 << 20,
            artifact_limit: None,
            request_timeout: Duration::from_secs(30),
            header_timeout: Duration::from_secs(60),
            max_connections: 1024,
            grace: Duration::from_secs(10),
        }
    }
}
