//! Searches: one grammar of filters and orders for all things that are logged, and pages that stay
//! put while others log.
//!
//! A filter is `condition AND condition ...`; MLflow has no OR, NOT or brackets. What can be asked
//! of a thing is its [`Target`], a table of fields; [`parse`] knows the grammar alone.

mod condition;
mod lead;
pub mod parse;
mod sql;
mod target;
mod token;

#[cfg(test)]
pub(crate) use sql::tests::plan;
pub(crate) use sql::{Sql, ids, run, run_in, run_with, stage};
pub(crate) use target::{Field, Index, Kind, Target};
pub(crate) use token::{read as read_token, write as write_token};

/// Which lifecycle stages are wanted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    #[default]
    Active,
    Deleted,
    All,
}

/// What is asked for. Empty texts mean: everything, in the default order, from the start.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    pub filter: &'a str,
    pub order_by: &'a [String],
    pub stage: Stage,
    pub limit: usize,
    /// [`Page::next`] of the page before.
    pub page_token: &'a str,
}

impl Default for Search<'_> {
    fn default() -> Self {
        Self {
            filter: "",
            order_by: &[],
            stage: Stage::Active,
            limit: 1000,
            page_token: "",
        }
    }
}

/// Part of what was found. A page holds what sorts after the last item of the page before it, so
/// that what is logged meanwhile neither repeats nor hides anything.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// None on the last page.
    pub next: Option<String>,
}
