//! What templates and programs of the user say while they run, until somebody reports it.

use std::sync::{Arc, Mutex, PoisonError};

#[derive(Clone, Debug, Default)]
pub struct Voice(Arc<Mutex<Vec<String>>>);

impl Voice {
    pub fn say(&self, message: impl Into<String>) {
        let mut said = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        said.push(message.into());
    }

    /// What was said since the last call, in its order.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
