//! A query in parts that can be asked alone, to see which of them is at fault.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    Cte, Expr, GroupByExpr, JoinConstraint, JoinOperator, OrderByKind, Query, Select, SelectItem,
    SetExpr, Spanned, Value, Visit, Visitor,
};
use datafusion::sql::sqlparser::tokenizer::Location;

/// One `SELECT` with the expressions of `WITH` that it may read.
pub(crate) struct Part {
    with: Vec<Cte>,
    recursive: bool,
    select: Select,
    order_by: Vec<Expr>,
}

/// The part's query up to one of its expressions.
pub(crate) struct Stage {
    pub sql: String,
    /// None: nothing that can be taken apart.
    pub expr: Option<Expr>,
    pub start: Option<Location>,
    /// What the parts of the expression are asked of.
    from: Select,
}

/// The parts of the query, each behind those that it reads.
pub(crate) fn parts(query: &Query) -> Vec<Part> {
    let mut found = Parts {
        open: Vec::new(),
        parts: Vec::new(),
    };
    let _ = query.visit(&mut found);
    found.parts
}

struct Parts {
    /// What the queries around have in `WITH`.
    open: Vec<(Vec<Cte>, bool)>,
    parts: Vec<Part>,
}

impl Visitor for Parts {
    type Break = ();

    fn pre_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let with = query.with.as_ref();
        self.open.push(with.map_or_else(Default::default, |with| {
            (with.cte_tables.clone(), with.recursive)
        }));
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, query: &Query) -> ControlFlow<()> {
        let order_by = match query.order_by.as_ref().map(|order_by| &order_by.kind) {
            Some(OrderByKind::Expressions(all)) => all.iter().map(|one| one.expr.clone()).collect(),
            _ => Vec::new(),
        };
        self.take(&query.body, order_by);
        self.open.pop();
        ControlFlow::Continue(())
    }
}

impl Parts {
    fn take(&mut self, body: &SetExpr, order_by: Vec<Expr>) {
        match body {
            SetExpr::SetOperation { left, right, .. } => {
                self.take(left, Vec::new());
                self.take(right, Vec::new());
            }
            SetExpr::Select(select) => {
                let mut with: Vec<Cte> = Vec::new();
                for cte in self.open.iter().flat_map(|(all, _)| all) {
                    // The inner one hides the outer one.
                    with.retain(|outer| outer.alias.name.value != cte.alias.name.value);
                    with.push(cte.clone());
                }
                let mut select = Select::clone(select);
                select.distinct = None;
                self.parts.push(Part {
                    with,
                    recursive: self.open.iter().any(|(_, recursive)| *recursive),
                    select,
                    order_by,
                });
            }
            _ => {}
        }
    }
}

impl Part {
    /// The query from its tables on, longer by one expression each. Where the joins are not to be made without what
    /// keeps them small, those of commas come with `WHERE`.
    pub(crate) fn stages(&self, is_run: bool) -> Vec<Stage> {
        let mut stages = Vec::new();
        let mut select = self.select.clone();
        (select.selection, select.having, select.qualify) = (None, None, None);
        select.projection = vec![SelectItem::UnnamedExpr(value(Value::Null))];
        let group_by = std::mem::replace(
            &mut select.group_by,
            GroupByExpr::Expressions(Vec::new(), Vec::new()),
        );
        let tables = std::mem::take(&mut select.from);
        let in_steps = !is_run || tables.len() == 1;
        for mut table in tables {
            let joins = std::mem::take(&mut table.joins);
            let start = start(table.relation.span().start);
            select.from.push(table);
            if in_steps {
                stages.push(self.stage(&select, &select, None, start));
            }
            for join in joins {
                let mut before = select.clone();
                let mut open = join.clone();
                let on = open_on(&mut open.join_operator);
                if let Some(last) = before.from.last_mut() {
                    last.joins.push(open);
                }
                if let Some(last) = select.from.last_mut() {
                    last.joins.push(join.clone());
                }
                let start = start_of(join.relation.span().start, on.as_ref());
                if in_steps {
                    stages.push(self.stage(&select, &before, on, start));
                }
            }
        }
        let bare = select.clone();
        if let Some(asked) = &self.select.selection {
            select.selection = Some(asked.clone());
            stages.push(self.stage(&select, &bare, Some(asked.clone()), None));
        }
        let from = match is_run {
            true => select.clone(),
            false => bare,
        };
        select.group_by = group_by;
        select.projection = self.select.projection.iter().map(without_value).collect();
        for (at, item) in self.select.projection.iter().enumerate() {
            select.projection[at] = item.clone();
            let expr = match item {
                SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                    Some(expr.clone())
                }
                _ => None,
            };
            let start = start(item.span().start);
            stages.push(self.stage(&select, &from, expr, start));
        }
        if let Some(asked) = &self.select.having {
            select.having = Some(asked.clone());
            stages.push(self.stage(&select, &from, Some(asked.clone()), None));
        }
        if let Some(asked) = &self.select.qualify {
            select.qualify = Some(asked.clone());
            stages.push(self.stage(&select, &from, Some(asked.clone()), None));
        }
        for at in 0..self.order_by.len() {
            let mut stage = self.stage(&select, &from, Some(self.order_by[at].clone()), None);
            let keys: Vec<String> = self.order_by[..=at].iter().map(Expr::to_string).collect();
            stage.sql = format!("{} ORDER BY {}", stage.sql, keys.join(", "));
            stages.push(stage);
        }
        stages
    }

    /// One expression of the stage's, asked of the same rows.
    pub(crate) fn alone(&self, stage: &Stage, expr: &Expr) -> String {
        let mut select = stage.from.clone();
        select.projection = vec![SelectItem::UnnamedExpr(expr.clone())];
        self.sql(&select)
    }

    fn stage(
        &self,
        select: &Select,
        from: &Select,
        expr: Option<Expr>,
        start: Option<Location>,
    ) -> Stage {
        Stage {
            sql: self.sql(select),
            start: expr.as_ref().and_then(start_in).or(start),
            expr,
            from: from.clone(),
        }
    }

    fn sql(&self, select: &Select) -> String {
        let with: Vec<String> = self.with.iter().map(Cte::to_string).collect();
        match (with.is_empty(), self.recursive) {
            (true, _) => select.to_string(),
            (_, true) => format!("WITH RECURSIVE {} {select}", with.join(", ")),
            (_, false) => format!("WITH {} {select}", with.join(", ")),
        }
    }
}

/// The item as a place in the answer, which positions of `GROUP BY` may mean.
fn without_value(item: &SelectItem) -> SelectItem {
    match item {
        SelectItem::ExprWithAlias { alias, .. } => SelectItem::ExprWithAlias {
            expr: value(Value::Null),
            alias: alias.clone(),
        },
        _ => SelectItem::UnnamedExpr(value(Value::Null)),
    }
}

fn value(value: Value) -> Expr {
    Expr::Value(value.into())
}

/// Takes the condition of the join out of it.
fn open_on(operator: &mut JoinOperator) -> Option<Expr> {
    let (JoinOperator::Join(constraint)
    | JoinOperator::Inner(constraint)
    | JoinOperator::Left(constraint)
    | JoinOperator::LeftOuter(constraint)
    | JoinOperator::Right(constraint)
    | JoinOperator::RightOuter(constraint)
    | JoinOperator::FullOuter(constraint)) = operator
    else {
        return None;
    };
    let JoinConstraint::On(on) = constraint else {
        return None;
    };
    Some(std::mem::replace(on, value(Value::Boolean(true))))
}

fn start_of(table: Location, on: Option<&Expr>) -> Option<Location> {
    on.and_then(start_in).or_else(|| start(table))
}

fn start(at: Location) -> Option<Location> {
    (at.line > 0).then_some(at)
}

/// Where the expression begins, or the first of its parts whose place is known.
pub(crate) fn start_in(expr: &Expr) -> Option<Location> {
    let own = start(expr.span().start);
    own.or_else(|| below(expr).iter().find_map(start_in))
}

/// The expressions that the expression is made of, without those of queries in it.
pub(crate) fn below(expr: &Expr) -> Vec<Expr> {
    let mut found = Below {
        depth: 0,
        queries: 0,
        exprs: Vec::new(),
    };
    let _ = expr.visit(&mut found);
    found.exprs
}

struct Below {
    depth: usize,
    queries: usize,
    exprs: Vec<Expr>,
}

impl Visitor for Below {
    type Break = ();

    fn pre_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries += 1;
        ControlFlow::Continue(())
    }

    fn post_visit_query(&mut self, _: &Query) -> ControlFlow<()> {
        self.queries -= 1;
        ControlFlow::Continue(())
    }

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<()> {
        if self.queries == 0 {
            if self.depth == 1 {
                self.exprs.push(expr.clone());
            }
            self.depth += 1;
        }
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, _: &Expr) -> ControlFlow<()> {
        if self.queries == 0 {
            self.depth -= 1;
        }
        ControlFlow::Continue(())
    }
}
