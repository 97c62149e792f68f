//! The walk over every `SELECT` of a query, with the common table expressions that it can name.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Cte, OrderBy, Query, Select, SetExpr, Visit, VisitMut, Visitor, VisitorMut, With,
};
use forebay_core::Diagnostic;

use super::Probe;
use super::using::Columns;

/// The common table expressions of one `WITH`, seen from where the rewriter is.
struct Frame {
    with: With,
    /// Addresses of the queries in it, to know which one is being visited.
    bodies: Vec<usize>,
    /// How many of them can be named here.
    visible: usize,
}

/// What is done with a `SELECT`, the order of its answer, and the means to learn the columns of what it
/// selects from.
pub(super) type Rewrite<'a> =
    dyn Fn(&mut Select, Option<&mut OrderBy>, &Columns<'_>) -> Result<(), Diagnostic> + 'a;

/// Rewrites every `SELECT` that is affected, inner ones first.
pub(super) fn each_select(
    query: &mut Query,
    probe: &Probe<'_>,
    is_affected: &dyn Fn(&Select) -> bool,
    rewrite: &Rewrite<'_>,
) -> Result<(), Diagnostic> {
    // Nearly no query has one: the others are left alone.
    if Visit::visit(query, &mut Finder(is_affected)).is_continue() {
        return Ok(());
    }
    let mut rewriter = Rewriter {
        probe,
        is_affected,
        rewrite,
        frames: Vec::new(),
    };
    match VisitMut::visit(query, &mut rewriter) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(problem) => Err(*problem),
    }
}

/// Breaks at the first `SELECT` that is affected.
struct Finder<'a>(&'a dyn Fn(&Select) -> bool);

impl Visitor for Finder<'_> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        match (self.0)(select) {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    }
}

struct Rewriter<'a> {
    probe: &'a Probe<'a>,
    is_affected: &'a dyn Fn(&Select) -> bool,
    rewrite: &'a Rewrite<'a>,
    frames: Vec<Frame>,
}

fn address(query: &Query) -> usize {
    std::ptr::from_ref(query).addr()
}

impl VisitorMut for Rewriter<'_> {
    type Break = Box<Diagnostic>;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        self.enter_body(query);
        if let Some(with) = &query.with {
            self.frames.push(Frame {
                bodies: with
                    .cte_tables
                    .iter()
                    .map(|cte| address(&cte.query))
                    .collect(),
                visible: with.cte_tables.len(),
                with: with.clone(),
            });
        }
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &mut Query) -> ControlFlow<Self::Break> {
        let rewritten = self.rewrite_body(&mut query.body, query.order_by.as_mut());
        if query.with.is_some() {
            self.frames.pop();
        }
        self.leave_body(query);
        match rewritten {
            Ok(()) => ControlFlow::Continue(()),
            Err(problem) => ControlFlow::Break(Box::new(problem)),
        }
    }
}

impl Rewriter<'_> {
    /// Inside of a common table expression only those before it can be named, and itself where the
    /// list is recursive.
    fn enter_body(&mut self, query: &Query) {
        if let Some(frame) = self.frames.last_mut()
            && let Some(at) = frame.bodies.iter().position(|body| *body == address(query))
        {
            frame.visible = at + usize::from(frame.with.recursive);
        }
    }

    fn leave_body(&mut self, query: &Query) {
        if let Some(frame) = self.frames.last_mut()
            && let Some(at) = frame.bodies.iter().position(|body| *body == address(query))
        {
            // What comes after it names it as it was rewritten.
            *frame.with.cte_tables[at].query = query.clone();
            frame.visible = frame.bodies.len();
        }
    }

    fn rewrite_body(
        &self,
        body: &mut SetExpr,
        order_by: Option<&mut OrderBy>,
    ) -> Result<(), Diagnostic> {
        match body {
            SetExpr::Select(select) if (self.is_affected)(select) => {
                let with = self.with();
                let columns = Columns {
                    probe: self.probe,
                    with: with.as_ref(),
                };
                (self.rewrite)(select, order_by, &columns)
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.rewrite_body(left, None)?;
                self.rewrite_body(right, None)
            }
            _ => Ok(()),
        }
    }

    /// All common table expressions that can be named here, the innermost of each name.
    fn with(&self) -> Option<With> {
        let mut all: Vec<Cte> = Vec::new();
        for frame in &self.frames {
            for cte in &frame.with.cte_tables[..frame.visible] {
                all.retain(|outer| outer.alias.name != cte.alias.name);
                all.push(cte.clone());
            }
        }
        let with = self.frames.first()?.with.clone();
        (!all.is_empty()).then_some(With {
            recursive: self.frames.iter().any(|frame| frame.with.recursive),
            cte_tables: all,
            ..with
        })
    }
}
