//! Windows that a query names: in names of columns they are written out.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, NamedWindowDefinition, NamedWindowExpr, VisitMut, VisitorMut, WindowSpec,
    WindowType,
};

/// The expression with the windows in the place of their names.
pub(super) fn spelled_out(expr: &Expr, named: &[NamedWindowDefinition]) -> Expr {
    let mut expr = expr.clone();
    if !named.is_empty() {
        let _ = expr.visit(&mut Windows(named));
    }
    expr
}

struct Windows<'a>(&'a [NamedWindowDefinition]);

impl VisitorMut for Windows<'_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(function) = expr
            && let Some(over) = &mut function.over
        {
            let found = match over {
                WindowType::NamedWindow(name) => self.find(name),
                WindowType::WindowSpec(spec) => self.whole(spec),
            };
            if let Some(spec) = found {
                *over = WindowType::WindowSpec(spec);
            }
        }
        ControlFlow::Continue(())
    }
}

impl Windows<'_> {
    fn find(&self, name: &Ident) -> Option<WindowSpec> {
        let is_meant = |of: &&NamedWindowDefinition| of.0.value.eq_ignore_ascii_case(&name.value);
        match &self.0.iter().find(is_meant)?.1 {
            NamedWindowExpr::NamedWindow(other) if other.value != name.value => self.find(other),
            NamedWindowExpr::NamedWindow(_) => None,
            NamedWindowExpr::WindowSpec(spec) => {
                Some(self.whole(spec).unwrap_or_else(|| spec.clone()))
            }
        }
    }

    /// A window that goes on from another.
    fn whole(&self, spec: &WindowSpec) -> Option<WindowSpec> {
        let base = self.find(spec.window_name.as_ref()?)?;
        let or_base = |own: &[Expr], base: Vec<Expr>| match own.is_empty() {
            true => base,
            false => own.to_vec(),
        };
        Some(WindowSpec {
            window_name: None,
            partition_by: or_base(&spec.partition_by, base.partition_by),
            order_by: match spec.order_by.is_empty() {
                true => base.order_by,
                false => spec.order_by.clone(),
            },
            window_frame: spec.window_frame.clone().or(base.window_frame),
        })
    }
}
