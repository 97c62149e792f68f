//! What a trace belongs to: runs, prompts.

use super::trace_info;
use crate::{Error, Store, limits};

impl Store {
    pub fn link_traces_to_run(&self, ids: &[String], run_id: &str) -> Result<(), Error> {
        limits::batch("traces", ids.len(), limits::PAIRS_A_BATCH)?;
        self.change(|t| {
            for id in ids {
                trace_info::known(t, id)?;
                t.execute(
                    "insert or ignore into trace_runs values (?1, ?2)",
                    [id.as_str(), run_id],
                )?;
            }
            Ok(())
        })
    }

    /// Prompts are written `name/version`.
    pub fn link_prompts_to_trace(&self, id: &str, prompts: &[String]) -> Result<(), Error> {
        limits::batch("prompts", prompts.len(), limits::PAIRS_A_BATCH)?;
        self.change(|t| {
            trace_info::known(t, id)?;
            for prompt in prompts {
                t.execute(
                    "insert or ignore into trace_prompts values (?1, ?2)",
                    [id, prompt],
                )?;
            }
            Ok(())
        })
    }
}
