//! Texts that are written out where DuckDB takes a date or a timestamp, and cannot tell which: `year('2024-01-01')`,
//! `'2024-01-01' + interval 1 day`.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{BinaryOperator, Expr, Query, Visit, Visitor};
use forebay_core::Diagnostic;

use super::calls::{args, literal};

/// Functions by where their dates are. Of several one that is typed says what the others are.
const FUNCTIONS: &[(&[&str], &[usize])] = &[
    (
        &[
            "age",
            "century",
            "day",
            "dayname",
            "dayofmonth",
            "dayofweek",
            "dayofyear",
            "decade",
            "epoch",
            "epoch_ms",
            "epoch_ns",
            "epoch_us",
            "era",
            "hour",
            "isodow",
            "isoyear",
            "julian",
            "last_day",
            "microsecond",
            "millennium",
            "millisecond",
            "minute",
            "month",
            "monthname",
            "quarter",
            "second",
            "week",
            "weekday",
            "weekofyear",
            "year",
            "yearweek",
        ],
        &[0],
    ),
    (
        &[
            "date_part",
            "datepart",
            "date_trunc",
            "datetrunc",
            "time_bucket",
        ],
        &[1],
    ),
    (&["age", "generate_series", "range", "strftime"], &[0, 1]),
    (&["date_diff", "datediff", "date_sub", "datesub"], &[1, 2]),
];

pub(super) fn refuse(query: &Query) -> Result<(), Diagnostic> {
    match query.visit(&mut Texts) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(problem) => Err(problem),
    }
}

struct Texts;

impl Visitor for Texts {
    type Break = Diagnostic;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Diagnostic> {
        let found = match expr {
            Expr::Function(function) => {
                let name = function.name.to_string().to_lowercase();
                let mut named = FUNCTIONS
                    .iter()
                    .filter(|(names, _)| names.contains(&name.as_str()))
                    .peekable();
                let args = named
                    .peek()
                    .and_then(|_| args(function))
                    .unwrap_or_default();
                let is_called = |places: &&[usize]| {
                    // What is generated is of numbers where there is no third.
                    let count = match name.as_str() {
                        "generate_series" | "range" => 3,
                        _ => places.last().map_or(0, |last| last + 1),
                    };
                    args.len() == count
                };
                let text = named
                    .map(|(_, places)| *places)
                    .find(is_called)
                    .and_then(|places| {
                        let texts = places.iter().map(|at| literal(&args[*at]));
                        texts.collect::<Option<Vec<String>>>()?.pop()
                    });
                text.map(|text| (format!("{name}()"), text))
            }
            Expr::Extract { expr, .. } => literal(expr).map(|text| ("extract()".to_owned(), text)),
            Expr::BinaryOp {
                left,
                op: op @ (BinaryOperator::Plus | BinaryOperator::Minus),
                right,
            } => {
                let is_length = |side: &Expr| matches!(side, Expr::Interval(_));
                let text = match (left.as_ref(), right.as_ref()) {
                    (text, length) | (length, text) if is_length(length) => literal(text),
                    _ => None,
                };
                text.map(|text| (format!("'{op}'"), text))
            }
            _ => None,
        };
        match found {
            Some((name, text)) => ControlFlow::Break(
                Diagnostic::error(format!(
                    "{name} is given a text, '{text}', and no date or timestamp"
                ))
                .hint(format!("say which: date '{text}', timestamp '{text}'")),
            ),
            None => ControlFlow::Continue(()),
        }
    }
}
