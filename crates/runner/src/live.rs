//! Templates that are run for their effects: what they ask, the lake answers at once.

use chrono::{DateTime, Utc};
use forebay_core::Diagnostic;
use forebay_lake::Lake;
use forebay_project::{Answer, CompileState, Live, Project, Question};
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::compile::answer;
use crate::voice::Voice;
use crate::workspace::Workspace;

/// Runs a template on a thread of its own, which may wait for the lake. Dropping the future stops the template at its
/// next question; a statement that is under way is dropped, and is done or undone as any other write.
pub async fn run<T: Send + 'static>(
    workspace: &Workspace,
    state: CompileState,
    template: impl FnOnce(&Project, &CompileState) -> Result<T, Diagnostic> + Send + 'static,
) -> Result<T, Diagnostic> {
    let stop = CancellationToken::new();
    let state = CompileState {
        live: Some(Arc::new(FromLake {
            lake: workspace.lake.clone(),
            runtime: Handle::current(),
            stop: stop.clone(),
            voice: workspace.voice.clone(),
            clock: workspace.clock,
        })),
        ..state
    };
    let project = Arc::clone(&workspace.project);
    let _stops = stop.drop_guard();
    let ran = tokio::task::spawn_blocking(move || template(&project, &state)).await;
    ran.map_err(|error| Diagnostic::internal(format!("a template panicked: {error}")))?
}

struct FromLake {
    lake: Lake,
    runtime: Handle,
    stop: CancellationToken,
    voice: Voice,
    clock: Clock,
}

impl std::fmt::Debug for FromLake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FromLake")
    }
}

impl Live for FromLake {
    fn answer(&self, question: &Question) -> Result<Answer, Diagnostic> {
        let found = async {
            tokio::select! {
                biased;
                () = self.stop.cancelled() => Err(Diagnostic::environment("interrupted")),
                found = answer(&self.lake, question) => found,
            }
        };
        self.runtime.block_on(found)
    }

    fn now(&self) -> DateTime<Utc> {
        self.clock.now()
    }

    fn said(&self, message: &str) {
        self.voice.say(message);
    }
}
