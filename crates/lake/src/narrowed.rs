//! Where an error is that names no place of its own: the smallest part of the query that fails alike when it is asked
//! alone. What has failed is asked for again in parts, for a few seconds at most; what succeeds costs nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use datafusion::sql::sqlparser::ast::{Expr, Statement};
use datafusion::sql::sqlparser::tokenizer::Location;
use forebay_core::{Diagnostic, Fault, Relation};
use futures::TryStreamExt;
use futures::future::BoxFuture;

use crate::Lake;
use crate::dialect::{self, check_types, local};
use crate::engine::parts::{Part, Stage, below, parts, start_in};
use crate::engine::{self, from_engine};
use crate::types::Dialect;
use crate::warehouse::Stored;

const PATIENCE: Duration = Duration::from_secs(3);
const DEPTH: usize = 100;
/// How many views are looked into.
const VIEWS: usize = 50;

/// The part that is at fault.
struct Place {
    view: Option<(Relation, String)>,
    at: Location,
    /// The function that is called there.
    called: Option<String>,
}

struct Search<'a> {
    lake: &'a Lake,
    gist: String,
    /// Whether the query plans, and fails when it runs.
    is_run: bool,
    seen: BTreeSet<Relation>,
}

impl Lake {
    /// The problem of the query with its place, where that is not told yet.
    pub(crate) async fn narrowed(
        &self,
        mut problem: Diagnostic,
        sql: &str,
        is_run: bool,
    ) -> Diagnostic {
        let is_placed = problem.sql.is_some() || problem.message.contains("(line ");
        let is_syntax = problem.message.starts_with("SQL syntax");
        if is_placed || is_syntax || problem.fault == Fault::Environment {
            return problem;
        }
        let own = local(sql, self.database());
        let mut search = Search {
            lake: self,
            gist: gist(&problem.message),
            is_run: false,
            seen: BTreeSet::new(),
        };
        let look = async {
            let dialect = self.dialect();
            search.is_run = is_run && !search.fails(&own, dialect).await;
            search.place(&own, dialect).await
        };
        let Ok(Some(place)) = tokio::time::timeout(PATIENCE, look).await else {
            return problem;
        };
        if let Some(called) = &place.called {
            as_called(&mut problem, called);
        }
        let (line, column) = (place.at.line, place.at.column);
        problem.message = format!("{} (line {line}, column {column})", problem.message);
        match place.view {
            Some((view, sql)) => {
                problem.message = format!("view '{view}': {}", problem.message);
                problem.within(&sql)
            }
            None => problem.within(sql),
        }
    }
}

impl Search<'_> {
    fn place<'s>(&'s mut self, sql: &'s str, dialect: Dialect) -> BoxFuture<'s, Option<Place>> {
        Box::pin(async move {
            let statements = match dialect {
                Dialect::DuckDb => dialect::parse_small(sql, DEPTH).ok()?.0,
                Dialect::Postgres => dialect::parse(sql, DEPTH).ok()?,
            };
            let [Statement::Query(query)] = statements.as_slice() else {
                return None;
            };
            // Numbers of a sequence are not drawn once more.
            if self.is_run && sql.to_lowercase().contains("nextval") {
                return None;
            }
            for part in parts(query) {
                let Some(stage) = self.stage(&part, dialect).await else {
                    continue;
                };
                let expr = match &stage.expr {
                    Some(expr) => Some(self.smallest(&part, &stage, expr, dialect).await),
                    None => None,
                };
                if !expr.as_ref().is_some_and(computes)
                    && let Some(behind) = self.behind(sql, dialect).await
                {
                    return Some(behind);
                }
                let at = expr.as_ref().and_then(start_in).or(stage.start)?;
                let called = match &expr {
                    Some(Expr::Function(function)) => Some(function.name.to_string()),
                    _ => None,
                };
                return Some(Place {
                    view: None,
                    at,
                    called,
                });
            }
            None
        })
    }

    /// The first stage of the part that fails alike.
    async fn stage(&self, part: &Part, dialect: Dialect) -> Option<Stage> {
        let mut stages = part.stages(self.is_run);
        if !self.fails(&stages.last()?.sql, dialect).await {
            return None;
        }
        let (mut low, mut high) = (0, stages.len() - 1);
        while low < high {
            let middle = usize::midpoint(low, high);
            match self.fails(&stages[middle].sql, dialect).await {
                true => high = middle,
                false => low = middle + 1,
            }
        }
        Some(stages.swap_remove(low))
    }

    async fn smallest(&self, part: &Part, stage: &Stage, expr: &Expr, dialect: Dialect) -> Expr {
        let mut smallest = expr.clone();
        'smaller: loop {
            for inner in below(&smallest) {
                if computes(&inner) && self.fails(&part.alone(stage, &inner), dialect).await {
                    smallest = inner;
                    continue 'smaller;
                }
            }
            return smallest;
        }
    }

    /// The place in a view that the query reads.
    async fn behind(&mut self, sql: &str, dialect: Dialect) -> Option<Place> {
        for relation in engine::read(sql, dialect) {
            if self.seen.len() == VIEWS || !self.seen.insert(relation.clone()) {
                continue;
            }
            let Ok(Some(Stored::View(view))) = self.lake.warehouse().lookup(&relation).await else {
                continue;
            };
            let found = self.place(&view.sql, view.dialect.unwrap_or(dialect)).await;
            if let Some(mut place) = found {
                place.view.get_or_insert((relation, view.sql.clone()));
                return Some(place);
            }
        }
        None
    }

    /// Whether the query fails as the whole one did.
    async fn fails(&self, sql: &str, dialect: Dialect) -> bool {
        match self.ask(sql, dialect).await {
            Ok(()) => false,
            Err(problem) => gist(&problem.message) == self.gist,
        }
    }

    async fn ask(&self, sql: &str, dialect: Dialect) -> Result<(), Diagnostic> {
        let state = self.lake.state();
        let none = BTreeMap::new();
        let mut planner = self.lake.planner(&state, &none);
        let plan = planner.plan_in(dialect, sql).await?;
        if !self.is_run {
            check_types(plan.clone(), dialect).map_err(from_engine)?;
            engine::schema_of(&state, &plan).map_err(from_engine)?;
            return Ok(());
        }
        let mut rows = engine::start(state, &plan).await?.stream;
        while rows.try_next().await?.is_some() {}
        Ok(())
    }
}

/// Whether it is more than a name or a constant.
fn computes(expr: &Expr) -> bool {
    !matches!(
        expr,
        Expr::Identifier(_) | Expr::CompoundIdentifier(_) | Expr::Value(_) | Expr::Wildcard(_)
    )
}

/// What a message says, whichever value of whichever row it says it of.
fn gist(message: &str) -> String {
    let (said, _) = message.split_once(" (line ").unwrap_or((message, ""));
    let (said, _) = said.split_once(": ").unwrap_or((said, ""));
    let unquoted = said.split('\'').step_by(2);
    let unquoted: String = unquoted.collect();
    unquoted.chars().filter(|c| !c.is_ascii_digit()).collect()
}

/// The engine's own name of a function in the one that was written.
fn as_called(problem: &mut Diagnostic, called: &str) {
    let Some((own, _)) = problem.message.split_once("() ") else {
        return;
    };
    let is_name = own.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if own == called || !is_name {
        return;
    }
    let (own, called) = (format!("{own}("), format!("{called}("));
    problem.message = problem.message.replace(&own, &called);
    for hint in &mut problem.hints {
        *hint = hint.replace(&own, &called);
    }
}

#[cfg(test)]
mod tests {
    use super::gist;

    #[test]
    fn the_gist_of_a_message_is_the_same_of_all_rows() {
        assert_eq!(
            gist("Cannot cast string 'a' to a whole number (line 1, column 2)"),
            gist("Cannot cast string 'bc' to a whole number")
        );
        assert_ne!(gist("'a' is no date"), gist("'a' is no time"));
        assert_eq!(gist("this is no JSON: a"), gist("this is no JSON: {b"));
    }
}
