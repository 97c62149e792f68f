//! Views as they were planned before: good for as long as nothing that they read has changed.

use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};

use datafusion::datasource::TableProvider;
use forebay_core::Relation;

use crate::types::Dialect;
use crate::warehouse::{Stored, Table, View};

/// The plans of views, by their names and the dialect of who reads them.
#[derive(Default)]
pub(crate) struct Views(Mutex<HashMap<(Relation, Dialect), Arc<Planned>>>);

/// A view's plan, and everything that it was made of.
pub(super) struct Planned {
    pub view: View,
    pub table: Arc<dyn TableProvider>,
    /// What the view read, itself or through other views.
    pub read: Vec<(Relation, Read)>,
}

/// What a name stood for when it was looked up.
#[derive(Clone)]
pub(super) enum Read {
    Table(Arc<Table>),
    View(View),
}

/// What is read while a view is planned.
#[derive(Default)]
pub(super) struct Reading {
    pub relations: BTreeSet<Relation>,
    /// Whether the plan has what no relation tells the age of: the catalog, files, a moment.
    pub is_passing: bool,
}

impl Views {
    pub(super) fn get(&self, name: &Relation, reader: Dialect) -> Option<Arc<Planned>> {
        let views = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        views.get(&(name.clone(), reader)).cloned()
    }

    pub(super) fn keep(&self, name: &Relation, reader: Dialect, planned: Planned) {
        let mut views = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        views.insert((name.clone(), reader), Arc::new(planned));
    }
}

impl From<Stored> for Read {
    fn from(stored: Stored) -> Self {
        match stored {
            Stored::Table(table) => Self::Table(table),
            Stored::View(view) => Self::View(view),
        }
    }
}

impl Read {
    /// Whether both are the same version of the same table, or one definition of a view. A table that was
    /// made anew may have the version of the one before, so it is the loaded table that counts.
    pub(super) fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Table(one), Self::Table(other)) => Arc::ptr_eq(one, other),
            (Self::View(one), Self::View(other)) => one == other,
            _ => false,
        }
    }
}

impl Reading {
    pub(super) fn merge(&mut self, other: Self) {
        self.relations.extend(other.relations);
        self.is_passing |= other.is_passing;
    }
}
