//! `concat` of lists is a list, and `concat_ws` joins the items of lists, as in DuckDB. The engine writes lists as texts.
//! Decided before the engine brings types together.

use arrow::datatypes::DataType;
use datafusion::common::tree_node::Transformed;
use datafusion::common::{DFSchema, ExprSchema};
use datafusion::error::Result;
use datafusion::functions_nested::expr_fn::{array_concat, make_array};
use datafusion::logical_expr::{Expr, ExprSchemable};
use forebay_core::Diagnostic;

use super::length::problem;
use crate::engine::sql_type;
use crate::functions;

pub(super) fn joined(expr: Expr, schema: &DFSchema) -> Result<Transformed<Expr>> {
    let Expr::ScalarFunction(call) = &expr else {
        return Ok(Transformed::no(expr));
    };
    let has_list = || {
        let mut args = call.args.iter();
        args.any(|arg| arg.get_type(schema).is_ok_and(|of| is_list(&of)))
    };
    match call.func.name() {
        "concat" if has_list() => Ok(Transformed::yes(array_concat(lists(&call.args, schema)?))),
        "concat_ws" if has_list() => {
            let joined = functions::named("texts_joined").call(call.args.clone());
            Ok(Transformed::yes(joined))
        }
        _ => Ok(Transformed::no(expr)),
    }
}

/// Without what is null and of no type, and with an empty one, to which lists that are null come to.
fn lists(args: &[Expr], schema: &dyn ExprSchema) -> Result<Vec<Expr>> {
    let mut lists = Vec::new();
    for arg in args {
        match arg.get_type(schema)? {
            DataType::Null => {}
            of if is_list(&of) => lists.push(arg.clone()),
            of => {
                return Err(problem(
                    Diagnostic::error(format!(
                        "concat() joins lists or texts, and '{arg}' beside a list is of type {}",
                        sql_type(&of)
                    ))
                    .hint("put it into a list: concat(list, [x])"),
                ));
            }
        }
    }
    lists.push(make_array(Vec::new()));
    Ok(lists)
}

fn is_list(of: &DataType) -> bool {
    matches!(
        of,
        DataType::List(_) | DataType::LargeList(_) | DataType::FixedSizeList(..)
    )
}
