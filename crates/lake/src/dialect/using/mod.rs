//! `RIGHT` and `FULL JOIN ... USING` and their natural forms.
//!
//! The engine takes the left table's column for the merged one, which is null where only the right
//! table has a row. Here such a query is rewritten before it is planned: the joins get an `ON`
//! condition, the merged column becomes the right table's column or `coalesce(left, right)` wherever
//! it is named, and `*` is spelled out, with the merged column at the left one's place.

mod names;
mod scope;
mod select;

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Cte, Join, JoinConstraint, JoinOperator, OrderBy, Query, Select, SetExpr, TableFactor,
    TableWithJoins, Visit, VisitMut, Visitor, VisitorMut, With,
};
use forebay_core::Diagnostic;

use super::Probe;
use scope::Columns;

pub(super) fn rewrite(query: &mut Query, probe: &Probe<'_>) -> Result<(), Diagnostic> {
    // Nearly no query has such a join: the others are left alone.
    if Visit::visit(query, &mut Finder).is_continue() {
        return Ok(());
    }
    let mut rewriter = Rewriter {
        probe,
        frames: Vec::new(),
    };
    match VisitMut::visit(query, &mut rewriter) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(problem) => Err(*problem),
    }
}

/// Breaks at the first join that needs rewriting.
struct Finder;

impl Visitor for Finder {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        if select.from.iter().any(is_affected) {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    }
}

/// The common table expressions of one `WITH`, seen from where the rewriter is.
struct Frame {
    with: With,
    /// Addresses of the queries in it, to know which one is being visited.
    bodies: Vec<usize>,
    /// How many of them can be named here.
    visible: usize,
}

struct Rewriter<'a> {
    probe: &'a Probe<'a>,
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
            && frame.bodies.contains(&address(query))
        {
            frame.visible = frame.bodies.len();
        }
    }

    fn rewrite_body(
        &self,
        body: &mut SetExpr,
        order_by: Option<&mut OrderBy>,
    ) -> Result<(), Diagnostic> {
        match body {
            SetExpr::Select(select) if select.from.iter().any(is_affected) => {
                let with = self.with();
                let columns = Columns {
                    probe: self.probe,
                    with: with.as_ref(),
                };
                select::rewrite(select, order_by, &columns)
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

fn is_affected(item: &TableWithJoins) -> bool {
    let nested = |factor: &TableFactor| match factor {
        TableFactor::NestedJoin {
            table_with_joins, ..
        } => is_affected(table_with_joins),
        _ => false,
    };
    nested(&item.relation)
        || item
            .joins
            .iter()
            .any(|join| is_wrong(join) || nested(&join.relation))
}

/// A natural left join is here too: without common columns the engine makes a cross join of it, and
/// so drops the left rows where the right table is empty.
fn is_wrong(join: &Join) -> bool {
    use JoinConstraint::{Natural, Using};
    use JoinOperator::{FullOuter, Left, LeftOuter, Right, RightOuter};
    match &join.join_operator {
        FullOuter(on) | Right(on) | RightOuter(on) => matches!(on, Using(_) | Natural),
        Left(on) | LeftOuter(on) => matches!(on, Natural),
        _ => false,
    }
}
