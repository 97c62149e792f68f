//! The items of JSON as rows. To PostgreSQL the alias of such a function is its value too: `SELECT x FROM
//! json_array_elements(j) x` is `x.value`.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Ident, Select, TableFactor, VisitMut, VisitorMut};

use super::folded;

/// What functions of JSON call their column.
pub(super) const VALUE: &str = "value";

pub(super) fn gives_items(name: &str) -> bool {
    name.starts_with("json") && name.contains("array_elements")
}

pub(super) fn rewrite(select: &mut Select) {
    let factors = select.from.iter().flat_map(|item| {
        std::iter::once(&item.relation).chain(item.joins.iter().map(|join| &join.relation))
    });
    let aliases: HashSet<String> = factors.filter_map(alias_of_items).collect();
    if aliases.is_empty() {
        return;
    }
    // The walk begins with this one.
    let depth = -i32::from(is_other(select));
    let value = |part: &mut Expr| {
        if let Expr::Identifier(name) = part
            && aliases.contains(&folded(name))
        {
            *part = Expr::CompoundIdentifier(vec![name.clone(), Ident::new(VALUE)]);
        }
    };
    let _ = VisitMut::visit(select, &mut OverFunctions { depth, value });
}

fn alias_of_items(factor: &TableFactor) -> Option<String> {
    let (name, alias) = match factor {
        TableFactor::Table {
            name,
            alias: Some(alias),
            args: Some(_),
            ..
        }
        | TableFactor::Function {
            name,
            alias: Some(alias),
            ..
        } => (name, alias),
        _ => return None,
    };
    let is_bare = alias.columns.is_empty() && gives_items(&name.to_string().to_lowercase());
    is_bare.then(|| folded(&alias.name))
}

/// The expressions of a `SELECT` and of those within it that read nothing but functions: a bare name in another may be
/// a column of its own.
struct OverFunctions<F> {
    /// How many others deep the walk is.
    depth: i32,
    value: F,
}

fn is_other(select: &Select) -> bool {
    select.from.iter().any(|item| {
        let is_function = |factor: &TableFactor| {
            matches!(
                factor,
                TableFactor::Table { args: Some(_), .. }
                    | TableFactor::Function { .. }
                    | TableFactor::UNNEST { .. }
            )
        };
        !is_function(&item.relation) || !item.joins.is_empty()
    })
}

impl<F: FnMut(&mut Expr)> VisitorMut for OverFunctions<F> {
    type Break = ();

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.depth += i32::from(is_other(select));
        ControlFlow::Continue(())
    }

    fn post_visit_select(&mut self, select: &mut Select) -> ControlFlow<()> {
        self.depth -= i32::from(is_other(select));
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if self.depth == 0 {
            (self.value)(expr);
        }
        ControlFlow::Continue(())
    }
}
