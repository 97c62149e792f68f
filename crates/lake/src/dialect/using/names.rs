//! Replaces the bare names of merged columns by what they mean.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, Query, Select, SelectItem, SetExpr, VisitMut, VisitorMut,
};
use forebay_core::Diagnostic;

use super::super::folded;
use super::scope::{Column, Columns, refused};

/// Merged columns by name, and how many columns have each name.
pub(super) struct Merged<'a> {
    exprs: HashMap<&'a str, &'a Expr>,
    counts: HashMap<&'a str, usize>,
    columns: Option<&'a Columns<'a>>,
    /// Names that the subqueries around the current place offer themselves, innermost last.
    inner: Vec<HashSet<String>>,
}

impl<'a> Merged<'a> {
    pub(super) fn new(columns: &'a [Column]) -> Self {
        let mut counts = HashMap::new();
        for column in columns {
            *counts.entry(column.name.as_str()).or_insert(0) += 1;
        }
        let merged = columns.iter().filter(|column| column.merged);
        Self {
            exprs: merged
                .map(|column| (column.name.as_str(), &column.expr))
                .collect(),
            counts,
            columns: None,
            inner: Vec::new(),
        }
    }

    /// Able to look into subqueries.
    pub(super) fn with_columns(self, columns: &'a Columns<'a>) -> Self {
        Self {
            columns: Some(columns),
            ..self
        }
    }

    pub(super) fn replace_in(&mut self, node: &mut impl VisitMut) -> Result<(), Diagnostic> {
        match node.visit(self) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(problem) => Err(*problem),
        }
    }

    /// What the name means. None: it is not a merged column.
    pub(super) fn meaning(&self, ident: &Ident) -> Result<Option<Expr>, Diagnostic> {
        let name = folded(ident);
        let Some(expr) = self.exprs.get(name.as_str()) else {
            return Ok(None);
        };
        if self
            .counts
            .get(name.as_str())
            .is_some_and(|count| *count > 1)
        {
            return Err(Diagnostic::error(format!(
                "column '{name}' is in more than one table of the query"
            ))
            .hint(format!("name the table too: table.{name}")));
        }
        Ok(Some((*expr).clone()))
    }

    /// Names that a subquery offers by itself: its tables' columns and its own aliases.
    fn offered(&self, query: &Query) -> Result<HashSet<String>, Diagnostic> {
        let mut names = HashSet::new();
        self.collect(&query.body, &mut names)?;
        Ok(names)
    }

    fn collect(&self, body: &SetExpr, names: &mut HashSet<String>) -> Result<(), Diagnostic> {
        match body {
            SetExpr::Select(select) => self.collect_select(select, names),
            SetExpr::SetOperation { left, right, .. } => {
                self.collect(left, names)?;
                self.collect(right, names)
            }
            _ => Ok(()),
        }
    }

    fn collect_select(
        &self,
        select: &Select,
        names: &mut HashSet<String>,
    ) -> Result<(), Diagnostic> {
        names.extend(select.projection.iter().filter_map(|item| match item {
            SelectItem::ExprWithAlias { alias, .. } => Some(folded(alias)),
            _ => None,
        }));
        let unknown = || refused("a condition holds a subquery");
        let columns = self.columns.ok_or_else(unknown)?;
        for item in &select.from {
            names.extend(columns.of(item)?.into_iter().map(|column| column.name));
        }
        Ok(())
    }
}

impl VisitorMut for Merged<'_> {
    type Break = Box<Diagnostic>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        match self.offered(query) {
            Ok(names) => self.inner.push(names),
            Err(problem) => return ControlFlow::Break(Box::new(problem)),
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Self::Break> {
        self.inner.pop();
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Self::Break> {
        let Expr::Identifier(ident) = expr else {
            return ControlFlow::Continue(());
        };
        let name = folded(ident);
        if self.inner.iter().any(|names| names.contains(&name)) {
            return ControlFlow::Continue(());
        }
        match self.meaning(ident) {
            Ok(Some(meaning)) => *expr = meaning,
            Ok(None) => {}
            Err(problem) => return ControlFlow::Break(Box::new(problem)),
        }
        ControlFlow::Continue(())
    }
}
