//! The tracking server of a training script: the whole server, for as long as the script runs.

use std::sync::Arc;

use forebay_core::Diagnostic;
use forebay_runner::Workspace;
use forebay_runner::tracking::{Hosted, TrackingHost};
use forebay_server::{Backend, Options, ProjectBackend};
use forebay_ui::Shell;
use futures::FutureExt;
use futures::future::BoxFuture;
use tokio_util::sync::CancellationToken;

use crate::args::Serve;
use crate::command::serve;

pub struct Host;

impl TrackingHost for Host {
    fn start(&self, workspace: Workspace) -> BoxFuture<'_, Result<Hosted, Diagnostic>> {
        start(workspace).boxed()
    }
}

async fn start(workspace: Workspace) -> Result<Hosted, Diagnostic> {
    let listener = forebay_server::bind("127.0.0.1:0").await?;
    let address = listener.address();
    let shell = Shell {
        project: workspace.project.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let tracking = serve::tracking(&workspace, &Serve::default())?;
    let backend: Arc<dyn Backend> = Arc::new(ProjectBackend::open(workspace, address.to_string())?);
    let options = Options::new(shell, address.port());
    let router = forebay_server::router(backend, tracking, options.clone());
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    tokio::spawn(async move {
        let served = forebay_server::serve(listener, router, &options, stopped).await;
        if let Err(problem) = served {
            tracing::warn!("the tracking server of a training script ended: {problem}");
        }
    });
    Ok(Hosted {
        uri: format!("http://{address}"),
        stop: stop.drop_guard(),
    })
}
