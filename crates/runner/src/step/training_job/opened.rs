//! A run that was opened is closed, whatever becomes of the step.

use forebay_core::Diagnostic;
use forebay_store::{Batch, RunState};

use crate::workspace::Workspace;

/// Closes the run as killed when it is dropped before it is finished: Ctrl-C drops steps.
pub struct Opened {
    workspace: Workspace,
    run: Option<String>,
}

impl Opened {
    pub fn new(workspace: &Workspace, run: &str) -> Self {
        Self {
            workspace: workspace.clone(),
            run: Some(run.to_owned()),
        }
    }

    pub fn finish(mut self, state: RunState, batch: Batch) -> Result<(), Diagnostic> {
        self.close(state, &batch)
    }

    fn close(&mut self, state: RunState, batch: &Batch) -> Result<(), Diagnostic> {
        let Some(run) = self.run.take() else {
            return Ok(());
        };
        let now = self.workspace.clock.now_ms();
        Ok(self.workspace.store.finish_run(&run, state, batch, now)?)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        // Where even that fails, the next invocation marks the run: see `Store::mark_interrupted`.
        let _ = self.close(RunState::Killed, &Batch::default());
    }
}
