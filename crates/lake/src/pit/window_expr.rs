//! Feature expressions as SQL text: what may stand in one, and aggregates turned into windows that
//! end at the row itself.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::LazyLock;

use datafusion::logical_expr::Volatility;
use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArguments, Visit, VisitMut, Visitor, VisitorMut, WindowType,
};
use forebay_core::name::quote;
use forebay_core::{Diagnostic, Span};

use crate::dialect::parse_feature;
use crate::engine::from_parser;

/// Levels of nesting of an expression.
const DEPTH: usize = 50;

/// Gives every aggregate in the expression a window over the rows of the same `partition` columns
/// whose `order` column lies in `[own - window, own]`, both ends included.
///
/// Columns outside of aggregates are the row's own. Errors: the text is no expression, it has no
/// aggregate, or it holds an `OVER`, a subquery, an aggregate inside of one, or a function whose
/// value changes from call to call.
pub fn windowed(
    expr: &str,
    partition: &[String],
    order: &str,
    window: Span,
) -> Result<String, Diagnostic> {
    let mut parsed = parse(expr)?;
    if check(&parsed, expr)? == 0 {
        return Err(Diagnostic::error(format!(
            "'{expr}' has a window, but no aggregate to go over it"
        ))
        .hint("write an aggregate such as avg(x), or leave the window out"));
    }
    let over = over(partition, order, window)?;
    let _ = VisitMut::visit(&mut parsed, &mut AddOver(over));
    Ok(parsed.to_string())
}

/// An expression over the row alone. Errors: as [`windowed`], and for any aggregate.
pub fn rowwise(expr: &str) -> Result<String, Diagnostic> {
    let parsed = parse(expr)?;
    if check(&parsed, expr)? > 0 {
        return Err(
            Diagnostic::error(format!("'{expr}' is an aggregate, but has no window"))
                .hint("add a window such as 7d, or leave the aggregate out"),
        );
    }
    Ok(parsed.to_string())
}

fn parse(text: &str) -> Result<Expr, Diagnostic> {
    parse_feature(text, DEPTH).map_err(|error| {
        let why = from_parser(&error).message;
        Diagnostic::error(format!("'{text}' is not a SQL expression: {why}"))
    })
}

fn over(partition: &[String], order: &str, window: Span) -> Result<WindowType, Diagnostic> {
    let partition = match partition {
        [] => String::new(),
        keys => {
            let keys: Vec<String> = keys.iter().map(|key| quote(key)).collect();
            format!("PARTITION BY {} ", keys.join(", "))
        }
    };
    let template = format!(
        "f() OVER ({partition}ORDER BY {} RANGE BETWEEN {} PRECEDING AND CURRENT ROW)",
        quote(order),
        window.sql_interval()
    );
    match parse(&template)? {
        Expr::Function(Function {
            over: Some(over), ..
        }) => Ok(over),
        _ => Err(Diagnostic::internal(format!("'{template}' is no window"))),
    }
}

/// Refuses what no feature may hold; counts the aggregates.
fn check(expr: &Expr, text: &str) -> Result<usize, Diagnostic> {
    let mut check = Check {
        inside: 0,
        count: 0,
    };
    match Visit::visit(expr, &mut check) {
        ControlFlow::Continue(()) => Ok(check.count),
        ControlFlow::Break(why) => Err(Diagnostic::error(format!("'{text}' {why}"))),
    }
}

struct Check {
    /// Aggregates around this point.
    inside: usize,
    count: usize,
}

impl Visitor for Check {
    type Break = String;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<String> {
        let why = match expr {
            Expr::Subquery(_) | Expr::Exists { .. } | Expr::InSubquery { .. } => {
                "holds a subquery: a feature reads its own rows only".to_owned()
            }
            Expr::Function(f) if f.over.is_some() => {
                "holds an OVER: give the feature a window instead".to_owned()
            }
            Expr::Function(Function {
                args: FunctionArguments::Subquery(_),
                ..
            }) => "holds a subquery: a feature reads its own rows only".to_owned(),
            Expr::Function(f) if UNSTABLE.contains(&name(f)) => format!(
                "calls {}(), which has another value at every call: it could not be the same in training and online",
                name(f)
            ),
            Expr::Function(f) if is_aggregate(f) && self.inside > 0 => {
                "has an aggregate inside of an aggregate".to_owned()
            }
            Expr::Function(f) if is_aggregate(f) => {
                self.inside += 1;
                self.count += 1;
                return ControlFlow::Continue(());
            }
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(why)
    }

    fn post_visit_expr(&mut self, expr: &Expr) -> ControlFlow<String> {
        if matches!(expr, Expr::Function(f) if is_aggregate(f)) {
            self.inside -= 1;
        }
        ControlFlow::Continue(())
    }
}

struct AddOver(WindowType);

impl VisitorMut for AddOver {
    type Break = ();

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
        if let Expr::Function(f) = expr
            && is_aggregate(f)
        {
            f.over = Some(self.0.clone());
        }
        ControlFlow::Continue(())
    }
}

fn name(f: &Function) -> String {
    f.name.to_string().to_ascii_lowercase()
}

fn is_aggregate(f: &Function) -> bool {
    AGGREGATES.contains(&name(f))
}

/// Names of the engine's aggregates.
static AGGREGATES: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    datafusion::functions_aggregate::all_default_aggregate_functions()
        .iter()
        .flat_map(|f| std::iter::once(f.name().to_owned()).chain(f.aliases().iter().cloned()))
        .collect()
});

/// Names of the engine's functions that read a clock or chance.
static UNSTABLE: LazyLock<BTreeSet<String>> = LazyLock::new(|| {
    datafusion::functions::all_default_functions()
        .iter()
        .filter(|f| f.signature().volatility != Volatility::Immutable)
        .flat_map(|f| std::iter::once(f.name().to_owned()).chain(f.aliases().iter().cloned()))
        .collect()
});

#[cfg(test)]
mod tests {
    use super::*;

    fn day(expr: &str) -> Result<String, String> {
        let window = Span::from_secs(86_400);
        windowed(expr, &["carrier".to_owned()], "known_at", window).map_err(|d| d.message)
    }

    #[test]
    fn every_aggregate_gets_the_window() {
        let over = "OVER (PARTITION BY \"carrier\" ORDER BY \"known_at\" \
                    RANGE BETWEEN INTERVAL '86400 seconds' PRECEDING AND CURRENT ROW)";
        assert_eq!(day("avg(is_late)").unwrap(), format!("avg(is_late) {over}"));
        assert_eq!(
            day("sum(x) filter (where y > 0) / nullif(COUNT(*), 0)").unwrap(),
            format!("sum(x) FILTER (WHERE y > 0) {over} / nullif(COUNT(*) {over}, 0)")
        );
        let global = windowed("max(x)", &[], "t", Span::from_secs(1)).unwrap();
        assert!(
            global.starts_with("max(x) OVER (ORDER BY \"t\""),
            "{global}"
        );
    }

    #[test]
    fn what_cannot_be_a_feature_is_refused_by_name() {
        for (expr, why) in [
            ("arr_delay + 1", "no aggregate"),
            ("sum(avg(x))", "aggregate inside"),
            ("avg(x) over (order by y)", "holds an OVER"),
            ("(select max(x) from t)", "holds a subquery"),
            ("avg(x) + random()", "random()"),
            ("avg(x) from t", "goes on with"),
            ("avg(", "not a SQL expression"),
        ] {
            let message = day(expr).unwrap_err();
            assert!(message.contains(why) && message.contains(expr), "{message}");
        }
    }

    #[test]
    fn a_row_expression_has_no_aggregate() {
        assert_eq!(rowwise("dep_delay * 2").unwrap(), "dep_delay * 2");
        assert!(
            rowwise("avg(x)")
                .unwrap_err()
                .message
                .contains("has no window")
        );
        assert!(
            rowwise("x - current_timestamp")
                .unwrap_err()
                .message
                .contains("another value")
        );
    }
}
