//! What stands in `FROM` and reads what stands before it there, as DuckDB allows it without a word: a subquery becomes
//! `LATERAL`, and a field of a structure, `unnest(t.s.items)`, a call, since the engine looks for columns alone there.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Ident, Query, Select, TableFactor, Visit, Visitor};

use super::calls::fill;
use super::{folded, hidden, own};

/// With the tables of the query and of those around it.
pub(super) fn rewrite(select: &mut Select, tables: &[HashSet<String>]) {
    let mut before = HashSet::new();
    for item in &mut select.from {
        let joined = item.joins.iter_mut().map(|join| &mut join.relation);
        for factor in std::iter::once(&mut item.relation).chain(joined) {
            match factor {
                TableFactor::Derived {
                    lateral, subquery, ..
                } => *lateral |= reads(subquery, &before),
                TableFactor::UNNEST { .. }
                | TableFactor::Function { .. }
                | TableFactor::Table { args: Some(_), .. } => {
                    own::change(factor, |part| fields(part, tables));
                }
                _ => {}
            }
            before.extend(hidden::name(factor));
        }
    }
}

/// Whether the query names one of the tables, and none of its own by that name.
fn reads(query: &Query, before: &HashSet<String>) -> bool {
    if before.is_empty() {
        return false;
    }
    let mut names = Names::default();
    let _ = Visit::visit(query, &mut names);
    let mut outer = names.used.difference(&names.own);
    outer.any(|name| before.contains(name))
}

#[derive(Default)]
struct Names {
    used: HashSet<String>,
    own: HashSet<String>,
}

impl Visitor for Names {
    type Break = ();

    fn pre_visit_select(&mut self, select: &Select) -> ControlFlow<()> {
        self.own.extend(hidden::tables(select));
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if let Expr::CompoundIdentifier(parts) = expr {
            self.used.extend(parts.first().map(folded));
        }
        ControlFlow::Continue(())
    }
}

fn fields(expr: &mut Expr, tables: &[HashSet<String>]) {
    let Expr::CompoundIdentifier(parts) = expr else {
        return;
    };
    let first = folded(&parts[0]);
    let of_table = usize::from(tables.iter().any(|all| all.contains(&first)));
    let (column, fields) = parts.split_at(parts.len().min(1 + of_table));
    if fields.is_empty() {
        return;
    }
    let column = match column {
        [one] => Expr::Identifier(one.clone()),
        all => Expr::CompoundIdentifier(all.to_vec()),
    };
    let field = |of: Expr, name: &Ident| {
        let name = name.value.replace('\'', "''");
        fill(
            &format!("get_field(_1, '{name}')"),
            std::slice::from_ref(&of),
        )
        .unwrap_or(of)
    };
    *expr = fields.iter().fold(column, field);
}
