//! Windows that build on a named one: `OVER (w ORDER BY b)`. The engine would leave out what `w`
//! says, so every name is replaced by what it means.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, Ident, NamedWindowDefinition, NamedWindowExpr, OrderBy, Query, Select, SetExpr,
    VisitMut, VisitorMut, WindowSpec, WindowType,
};
use forebay_core::{Diagnostic, suggest};

use super::{folded, own};

pub(super) fn rewrite(query: &mut Query) -> Result<(), Diagnostic> {
    match query.visit(&mut EachQuery) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(problem) => Err(problem),
    }
}

struct EachQuery;

impl VisitorMut for EachQuery {
    type Break = Diagnostic;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Diagnostic> {
        each_select(&mut query.body, query.order_by.as_mut())
    }
}

fn each_select(body: &mut SetExpr, order_by: Option<&mut OrderBy>) -> ControlFlow<Diagnostic> {
    match body {
        SetExpr::Select(select) => rewrite_select(select, order_by),
        SetExpr::SetOperation { left, right, .. } => {
            each_select(left, None)?;
            each_select(right, None)
        }
        _ => ControlFlow::Continue(()),
    }
}

fn rewrite_select(select: &mut Select, order_by: Option<&mut OrderBy>) -> ControlFlow<Diagnostic> {
    let mut windows = Windows::default();
    for NamedWindowDefinition(ident, meaning) in std::mem::take(&mut select.named_window) {
        if let Err(problem) = windows.define(&ident, meaning) {
            return ControlFlow::Break(problem);
        }
    }
    if let Some(function) = select.selection.as_ref().and_then(first_window) {
        return ControlFlow::Break(
            Diagnostic::error(format!("WHERE cannot ask for {}() over a window", function))
                .hint("QUALIFY can"),
        );
    }
    select.projection.visit(&mut windows)?;
    select.qualify.visit(&mut windows)?;
    match order_by {
        Some(order_by) => order_by.visit(&mut windows),
        None => ControlFlow::Continue(()),
    }
}

/// The name of a function over a window in a condition, not of a query in it.
fn first_window(condition: &Expr) -> Option<String> {
    let mut found = None;
    own::change(&mut condition.clone(), |part| {
        if let Expr::Function(function) = part
            && function.over.is_some()
        {
            found = Some(function.name.to_string());
        }
    });
    found
}

/// The named windows of one `SELECT`, each written out.
#[derive(Default)]
struct Windows {
    named: Vec<(String, WindowSpec)>,
    /// Queries inside of the `SELECT`, which have windows of their own.
    depth: usize,
}

impl Windows {
    fn define(&mut self, ident: &Ident, meaning: NamedWindowExpr) -> Result<(), Diagnostic> {
        let key = folded(ident);
        if self.named.iter().any(|(name, _)| *name == key) {
            return Err(Diagnostic::error(format!(
                "window '{key}' is defined twice"
            )));
        }
        let spec = match meaning {
            NamedWindowExpr::NamedWindow(other) => self.meaning(&other)?.clone(),
            NamedWindowExpr::WindowSpec(mut spec) => {
                self.complete(&mut spec)?;
                spec
            }
        };
        self.named.push((key, spec));
        Ok(())
    }

    fn meaning(&self, ident: &Ident) -> Result<&WindowSpec, Diagnostic> {
        let key = folded(ident);
        let found = self.named.iter().find(|(name, _)| *name == key);
        found.map(|(_, spec)| spec).ok_or_else(|| {
            let names = self.named.iter().map(|(name, _)| name.as_str());
            Diagnostic::error(format!("no window is called '{key}'"))
                .maybe_hint(suggest::nearest(&key, names))
        })
    }

    /// Adds what the window that it builds on says, by the rules of the SQL standard.
    fn complete(&self, spec: &mut WindowSpec) -> Result<(), Diagnostic> {
        let Some(ident) = spec.window_name.take() else {
            return Ok(());
        };
        let base = self.meaning(&ident)?;
        let refused = |what: &str| {
            Err(Diagnostic::error(format!(
                "a window that builds on '{}' {what}",
                folded(&ident)
            )))
        };
        if !spec.partition_by.is_empty() {
            return refused("cannot have a PARTITION BY of its own");
        }
        if !spec.order_by.is_empty() && !base.order_by.is_empty() {
            return refused("cannot have an ORDER BY: that window has one");
        }
        if base.window_frame.is_some() {
            return refused("cannot be: that window has a frame");
        }
        spec.partition_by = base.partition_by.clone();
        if spec.order_by.is_empty() {
            spec.order_by = base.order_by.clone();
        }
        Ok(())
    }

    fn over(&self, function: &mut Function) -> Result<(), Diagnostic> {
        match &mut function.over {
            Some(WindowType::NamedWindow(ident)) => {
                let spec = self.meaning(ident)?.clone();
                function.over = Some(WindowType::WindowSpec(spec));
                Ok(())
            }
            Some(WindowType::WindowSpec(spec)) => self.complete(spec),
            None => Ok(()),
        }
    }
}

impl VisitorMut for Windows {
    type Break = Diagnostic;

    fn pre_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Diagnostic> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _query: &mut Query) -> ControlFlow<Diagnostic> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Diagnostic> {
        match expr {
            Expr::Function(function) if self.depth == 0 => match self.over(function) {
                Ok(()) => ControlFlow::Continue(()),
                Err(problem) => ControlFlow::Break(problem),
            },
            _ => ControlFlow::Continue(()),
        }
    }
}
