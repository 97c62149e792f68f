//! Feature expressions: a number with a point is a double, as a model reads it.
//!
//! In queries such a number is a decimal, whose averages and quotients keep few digits: a share of one
//! third as five of them would be another feature.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Value, VisitMut, VisitorMut};
use datafusion::sql::sqlparser::parser::ParserError;

use super::syntax::parse_expr;

/// One expression that is all of the text, and computes with doubles.
pub(crate) fn parse_feature(sql: &str, depth: usize) -> Result<Expr, ParserError> {
    let mut expr = parse_expr(sql, depth)?;
    match VisitMut::visit(&mut expr, &mut Doubles) {
        ControlFlow::Continue(()) => Ok(expr),
        ControlFlow::Break(error) => Err(error),
    }
}

struct Doubles;

impl VisitorMut for Doubles {
    type Break = ParserError;

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<ParserError> {
        let Expr::Value(value) = &*expr else {
            return ControlFlow::Continue(());
        };
        if let Value::Number(number, _) = &value.value
            && number.contains(['.', 'e', 'E'])
        {
            match parse_expr(&format!("cast('{number}' as double precision)"), 10) {
                Ok(double) => *expr = double,
                Err(error) => return ControlFlow::Break(error),
            }
        }
        ControlFlow::Continue(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_with_a_point_is_a_double_and_others_stay() {
        let expr = parse_feature("case when x > 15 then 0.1 else 1e3 end || '2.5'", 50).unwrap();
        assert_eq!(
            expr.to_string(),
            "CASE WHEN x > 15 THEN CAST('0.1' AS DOUBLE PRECISION) \
             ELSE CAST('1e3' AS DOUBLE PRECISION) END || '2.5'"
        );
    }
}
