//! Expressions of `WITH` that nothing reads. DuckDB does not plan them: what is wrong in them is no mistake, and tables that
//! they name need not be there.

use std::collections::HashSet;
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Cte, ObjectName, Query, SetExpr, Visit, VisitMut, Visitor, VisitorMut,
};

use super::folded;

pub(crate) fn drop_unread(query: &mut Query) {
    let _ = query.visit(&mut Dropper);
}

struct Dropper;

impl VisitorMut for Dropper {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        let Some(mut with) = query.with.take() else {
            return ControlFlow::Continue(());
        };
        let mut read = Names::default();
        let _ = Visit::visit(&*query, &mut read);
        let name = |cte: &Cte| folded(&cte.alias.name);
        let names: HashSet<String> = with.cte_tables.iter().map(name).collect();
        // Two of one name are an error that has to be told.
        if names.len() == with.cte_tables.len() {
            let mut left: Vec<&Cte> = with.cte_tables.iter().collect();
            loop {
                let (found, others): (Vec<&Cte>, Vec<&Cte>) = left
                    .into_iter()
                    .partition(|cte| read.0.contains(&name(cte)));
                left = others;
                if found.is_empty() || left.is_empty() {
                    break;
                }
                for cte in found {
                    let _ = Visit::visit(&cte.query, &mut read);
                }
            }
            with.cte_tables.retain(|cte| read.0.contains(&name(cte)));
        }
        query.with = (!with.cte_tables.is_empty()).then_some(with);
        ControlFlow::Continue(())
    }
}

/// Names without a schema that are read from.
#[derive(Default)]
struct Names(HashSet<String>);

impl Visitor for Names {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        self.of_table(&query.body);
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, name: &ObjectName) -> ControlFlow<()> {
        if let [part] = name.0.as_slice() {
            self.0.extend(part.as_ident().map(folded));
        }
        ControlFlow::Continue(())
    }
}

impl Names {
    /// `TABLE t`.
    fn of_table(&mut self, body: &SetExpr) {
        match body {
            SetExpr::Table(table) => {
                let name = table.table_name.as_ref().map(|name| name.to_lowercase());
                self.0.extend(name);
            }
            SetExpr::SetOperation { left, right, .. } => {
                self.of_table(left);
                self.of_table(right);
            }
            _ => {}
        }
    }
}
