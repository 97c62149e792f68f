//! Collects problems while a project is read, so that all of them are reported at once.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use forebay_core::{Diagnostic, Diagnostics, Severity};

/// A shared list that every reader can add to, from any thread.
#[derive(Default)]
pub(crate) struct Problems(Mutex<Vec<Diagnostic>>);

impl Problems {
    pub fn push(&self, diagnostic: Diagnostic) {
        self.all().push(diagnostic);
    }

    pub fn is_empty(&self) -> bool {
        self.all().is_empty()
    }

    pub fn take_in(&self, other: Self) {
        let found = other.0.into_inner();
        self.all()
            .extend(found.unwrap_or_else(PoisonError::into_inner));
    }

    /// Those that have nothing to do with the texts, and those about names in them: what such a text says of the name
    /// nobody knows.
    pub fn apart_from(self, texts: &[&str]) -> (Self, Vec<Diagnostic>) {
        let all = self.0.into_inner();
        let all = all.unwrap_or_else(PoisonError::into_inner);
        let words: HashSet<&str> = texts.iter().flat_map(|text| words(text)).collect();
        let is_of_texts = |problem: &Diagnostic| {
            let mut quoted = problem.message.split('\'').skip(1).step_by(2);
            quoted.any(|name| {
                let mut name = self::words(name).peekable();
                name.peek().is_some() && name.all(|word| words.contains(word))
            })
        };
        let (unsaid, others) = all.into_iter().partition(is_of_texts);
        (Self(Mutex::new(others)), unsaid)
    }

    fn all(&self) -> MutexGuard<'_, Vec<Diagnostic>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
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
        let all = self.0.into_inner();
        let mut all = Diagnostics(all.unwrap_or_else(PoisonError::into_inner));
        // Threads find them in any order: what has one place, or none, is sorted by what it says.
        let key = |problem: &Diagnostic| (problem.location.clone(), problem.message.clone());
        all.0.sort_by_cached_key(key);
        let mut told = HashSet::new();
        all.0.retain(|problem| told.insert(told_as(problem)));
        if all.has_errors() {
            return Err(all);
        }
        debug_assert!(all.0.iter().all(|d| d.severity == Severity::Warning));
        Ok(all.0)
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|letter: char| !letter.is_alphanumeric() && letter != '_');
    words.filter(|word| !word.is_empty())
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
