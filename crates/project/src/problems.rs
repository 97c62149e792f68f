//! Collects problems while a project is read, so that all of them are reported at once.

use std::cell::RefCell;
use std::collections::HashSet;

use forebay_core::{Diagnostic, Diagnostics, Severity};

/// A shared list that every reader can add to.
#[derive(Default)]
pub(crate) struct Problems(RefCell<Vec<Diagnostic>>);

impl Problems {
    pub fn push(&self, diagnostic: Diagnostic) {
        self.0.borrow_mut().push(diagnostic);
    }

    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// A problem of a node that is an error only when it runs: until then a warning.
    pub fn postpone(&self, problem: Diagnostic) -> Diagnostic {
        self.push(Diagnostic {
            severity: Severity::Warning,
            ..problem.clone()
        });
        problem
    }

    /// Keeps the value, or the problem.
    pub fn keep<T>(&self, result: Result<T, Diagnostic>) -> Option<T> {
        result.map_err(|problem| self.push(problem)).ok()
    }

    /// Everything found: the warnings, or all of it when an error is among it. Sorted by place.
    pub fn finish(self) -> Result<Vec<Diagnostic>, Diagnostics> {
        let mut all = Diagnostics(self.0.into_inner());
        all.sort();
        let mut told = HashSet::new();
        all.0.retain(|problem| told.insert(told_as(problem)));
        if all.has_errors() {
            return Err(all);
        }
        debug_assert!(all.0.iter().all(|d| d.severity == Severity::Warning));
        Ok(all.0)
    }
}

/// What two tellings of one mistake have in common: a macro's is found by every node that calls it.
fn told_as(problem: &Diagnostic) -> (Severity, String, String) {
    let place = problem.location.as_ref().map(ToString::to_string);
    let hints = match &problem.location {
        Some(at) if at.line > 0 => String::new(),
        _ => problem.hints.join("\n"),
    };
    let told = format!("{}\n{hints}", problem.message);
    (problem.severity, place.unwrap_or_default(), told)
}
