//! The tracking server that a training script logs to while it runs. The server lies above this
//! crate: whoever wires the program passes what starts one.

use forebay_core::Diagnostic;
use futures::future::BoxFuture;
use tokio_util::sync::DropGuard;

use crate::workspace::Workspace;

/// Starts tracking servers.
pub trait TrackingHost: Send + Sync {
    /// One on a free port of the loopback interface, over the workspace's own metadata store.
    fn start(&self, workspace: Workspace) -> BoxFuture<'_, Result<Hosted, Diagnostic>>;
}

/// A running server; it stops when this is dropped.
pub struct Hosted {
    /// What clients call their tracking URI.
    pub uri: String,
    pub stop: DropGuard,
}
