//! Names that a `SELECT` gives, used again in its later items and in `WHERE`, as DuckDB allows: they are
//! replaced by what they stand for. A column of that name comes first.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Expr, Ident, LambdaFunction, OneOrManyWithParens, Query, Select, SelectItem, Visit, VisitMut,
    Visitor, VisitorMut,
};
use forebay_core::Diagnostic;

use super::using::Columns;
use super::{Probe, folded, scopes};

pub(super) fn rewrite(query: &mut Query, probe: &Probe<'_>) -> Result<(), Diagnostic> {
    scopes::each_select(query, probe, &reuses, &|select, _, columns| {
        replace(select, columns);
        Ok(())
    })
}

/// Functions whose every call gives another answer: a name for one does not stand for a second call.
const VOLATILE: &[&str] = &["random(", "uuid(", "nextval("];

fn alias(item: &SelectItem) -> Option<(String, &Expr)> {
    let SelectItem::ExprWithAlias { expr, alias } = item else {
        return None;
    };
    let text = expr.to_string().to_lowercase();
    let is_volatile = VOLATILE.iter().any(|name| text.contains(name));
    (!is_volatile).then(|| (folded(alias).to_lowercase(), expr))
}

/// Whether a name is used that the query itself gives. Most do so nowhere.
fn reuses(select: &Select) -> bool {
    let mut given = HashSet::new();
    for item in &select.projection {
        if names(item).iter().any(|name| given.contains(name)) {
            return true;
        }
        if let SelectItem::ExprWithAlias { alias, .. } = item {
            given.insert(folded(alias).to_lowercase());
        }
    }
    let named = select.selection.as_ref().map(names).unwrap_or_default();
    named.iter().any(|name| given.contains(name))
}

/// The bare names in an expression, those of its subqueries aside.
fn names(node: &impl Visit) -> HashSet<String> {
    struct Names {
        depth: usize,
        found: HashSet<String>,
    }
    impl Visitor for Names {
        type Break = ();
        fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.depth += 1;
            ControlFlow::Continue(())
        }
        fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
            self.depth -= 1;
            ControlFlow::Continue(())
        }
        fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
            if let (0, Expr::Identifier(ident)) = (self.depth, expr) {
                self.found.insert(folded(ident).to_lowercase());
            }
            ControlFlow::Continue(())
        }
    }
    let mut names = Names {
        depth: 0,
        found: HashSet::new(),
    };
    let _ = node.visit(&mut names);
    names.found
}

fn replace(select: &mut Select, columns: &Columns<'_>) {
    let mut known = HashSet::new();
    for item in &select.from {
        // What cannot be planned by itself, as a lateral item, is left as it is written.
        let Ok(found) = columns.of(item) else {
            return;
        };
        known.extend(found.into_iter().map(|column| column.name.to_lowercase()));
    }
    let mut replacer = Replacer {
        known,
        meanings: HashMap::new(),
        depth: 0,
        parameters: Vec::new(),
    };
    for item in &mut select.projection {
        let _ = item.visit(&mut replacer);
        if let Some((name, expr)) = alias(item) {
            replacer
                .meanings
                .entry(name)
                .or_insert_with(|| expr.clone());
        }
    }
    if let Some(selection) = &mut select.selection {
        let _ = selection.visit(&mut replacer);
    }
}

struct Replacer {
    /// Columns of what is selected from.
    known: HashSet<String>,
    meanings: HashMap<String, Expr>,
    /// How many queries deep the walk is.
    depth: usize,
    /// Of the lambdas around, which hide names.
    parameters: Vec<String>,
}

fn parameters(lambda: &LambdaFunction) -> Vec<String> {
    let name = |ident: &Ident| folded(ident).to_lowercase();
    match &lambda.params {
        OneOrManyWithParens::One(one) => vec![name(&one.name)],
        OneOrManyWithParens::Many(many) => many.iter().map(|one| name(&one.name)).collect(),
    }
}

impl VisitorMut for Replacer {
    type Break = ();

    fn pre_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &mut Query) -> ControlFlow<()> {
        self.depth -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Lambda(lambda) = expr {
            self.parameters.extend(parameters(lambda));
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        match expr {
            Expr::Lambda(lambda) => {
                let around = self.parameters.len() - parameters(lambda).len();
                self.parameters.truncate(around);
            }
            expr if self.depth == 0 => self.replace(expr),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

impl Replacer {
    fn meaning(&self, ident: &Ident) -> Option<&Expr> {
        let name = folded(ident).to_lowercase();
        match self.known.contains(&name) || self.parameters.contains(&name) {
            true => None,
            false => self.meanings.get(&name),
        }
    }

    fn replace(&self, expr: &mut Expr) {
        if let Expr::Identifier(ident) = &*expr
            && let Some(meaning) = self.meaning(ident)
        {
            *expr = Expr::Nested(Box::new(meaning.clone()));
        }
    }
}
