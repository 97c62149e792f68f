//! `serve`: pages and protocols on one port.

use std::path::Path;
use std::sync::Arc;

use forebay_core::{Diagnostic, Diagnostics};
use forebay_runner::Workspace;
use forebay_server::backend::Lookup;
use forebay_server::inference;
use forebay_server::mlflow::{Artifacts, Deliveries, Reach, Tracking};
use forebay_server::{Backend, Options, ProjectBackend};
use forebay_ui::Shell;
use tokio_util::sync::CancellationToken;

use crate::args::{Global, Serve};
use crate::report::{Talk, data};
use crate::wiring;

pub async fn run(global: &Global, talk: &Talk, options: &Serve) -> Result<u8, Diagnostics> {
    let global = &at_data(global, options.data.as_deref())?;
    let workspace = wiring::workspace(global, talk, &wiring::invocation_id()).await?;
    start(workspace, talk, options).await
}

/// With a data folder, that is the project.
pub fn at_data(global: &Global, data: Option<&Path>) -> Result<Global, Diagnostic> {
    let mut global = global.clone();
    if let Some(folder) = data {
        lay_out(folder)?;
        global.project_dir = folder.to_owned();
    }
    Ok(global)
}

/// Makes the folder a project with nothing in it, unless it is one: what is kept there is where any
/// project keeps it, and models may be put beside it later.
fn lay_out(folder: &Path) -> Result<(), Diagnostic> {
    let file = folder.join("dbt_project.yml");
    if file.exists() {
        return Ok(());
    }
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| std::fs::write(&file, "name: tracking\nversion: '1.0'\n"));
    written.map_err(|error| {
        Diagnostic::environment(format!("cannot write {}: {error}", file.display()))
    })
}

/// Serves until Ctrl-C or SIGTERM; requests in progress are answered first.
pub async fn start(workspace: Workspace, talk: &Talk, options: &Serve) -> Result<u8, Diagnostics> {
    let listen = options
        .listen
        .clone()
        .unwrap_or_else(|| workspace.settings().listen.clone());
    let listener = forebay_server::bind(&listen).await?;
    let address = listener.address();
    let shell = Shell {
        project: workspace.project.name.clone(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let tracking = tracking(&workspace, options)?;
    let backend = Arc::new(ProjectBackend::open(workspace, address.to_string())?);
    let server = Options::new(shell, address.port());
    let pages = Arc::clone(&backend) as Arc<dyn Backend>;
    let router = forebay_server::router(pages, tracking, server.clone());
    data::print(&format!("\nserving on http://{address}  (Ctrl-C stops)"));
    let stop = CancellationToken::new();
    let upkeep = tokio::task::spawn_blocking({
        let (backend, stop) = (Arc::clone(&backend), stop.clone());
        move || keep_up(&backend, stop)
    });
    tokio::spawn(stop_on_signal(stop.clone()));
    let served = forebay_server::serve(listener, router, &server, stop.clone()).await;
    stop.cancel();
    // The last answers go to the lake before the program ends.
    if !matches!(upkeep.await, Ok(Ok(()))) {
        talk.warn(&Diagnostic::internal("the server's upkeep ended early"));
    }
    served?;
    Ok(0)
}

/// MLflow's clients see the project's own runs and models, and add theirs.
pub fn tracking(workspace: &Workspace, options: &Serve) -> Result<Tracking, Diagnostic> {
    let artifacts = match options.artifacts.as_deref() {
        None => Artifacts::served(&workspace.settings().artifacts),
        Some(location) => Artifacts::at(location)?,
    };
    artifacts.sweep(workspace.clock.now_ms());
    Ok(Tracking {
        store: workspace.store.clone(),
        artifacts,
        clock: workspace.clock,
        deliveries: Deliveries::new(match options.webhooks_anywhere {
            true => Reach::Anywhere,
            false => Reach::public_and(&workspace.settings().webhook_hosts),
        }),
    })
}

/// On a thread and a runtime of its own: moving the log into the lake computes for tens of
/// milliseconds at a time, which no answer should wait for.
fn keep_up(backend: &ProjectBackend, stop: CancellationToken) -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(backend.keep_up(stop));
    Ok(())
}

async fn stop_on_signal(stop: CancellationToken) {
    let terminated = async {
        match tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()) {
            Ok(mut signal) => signal.recv().await,
            Err(_) => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        _ = terminated => {}
    }
    stop.cancel();
}

/// Answers one Open Inference Protocol request in process, and logs it as the server would.
/// Returns the prediction's id.
pub async fn predict_once(
    workspace: &Workspace,
    service: &str,
    body: &[u8],
) -> Result<String, Diagnostic> {
    let backend = ProjectBackend::open(workspace.clone(), String::new())?;
    let Lookup::Ready(served) = backend.lookup(service) else {
        return Err(Diagnostic::error(format!(
            "service '{service}' is not ready"
        )));
    };
    let rows = inference::rows(&served, body)?;
    let answered = backend.infer(&served, rows).await?;
    backend.flush().await;
    answered.first_id().ok_or_else(|| {
        Diagnostic::internal("a request of one row was answered without a prediction")
    })
}
