//! `unnest(x, recursive := true)` and `unnest(x, max_depth := 2)` in an item: lists in lists down to what is none, and of
//! structures each field, those of fields too. A list that is a field stays one.

use arrow::datatypes::DataType;
use datafusion::common::plan_err;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::error::Result;
use datafusion::logical_expr::{Expr as Planned, LogicalPlan};
use datafusion::sql::sqlparser::ast::{
    AccessExpr, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments, Ident, SelectItem,
    Subscript, TableWithJoins, Value,
};

use super::calls;
use super::folded;
use super::using::Columns;

/// What is unnested, and how deep.
pub(super) fn call(item: &SelectItem) -> Option<(&Function, &Expr, usize)> {
    let (SelectItem::UnnamedExpr(Expr::Function(function))
    | SelectItem::ExprWithAlias {
        expr: Expr::Function(function),
        ..
    }) = item
    else {
        return None;
    };
    if calls::name_of(function)? != "unnest" {
        return None;
    }
    let FunctionArguments::List(list) = &function.args else {
        return None;
    };
    let [
        FunctionArg::Unnamed(FunctionArgExpr::Expr(of)),
        FunctionArg::Named {
            name,
            arg: FunctionArgExpr::Expr(value),
            ..
        },
    ] = list.args.as_slice()
    else {
        return None;
    };
    let depth = match (folded(name).as_str(), value) {
        ("recursive", Expr::Value(value)) => match value.value {
            Value::Boolean(true) => usize::MAX,
            Value::Boolean(false) => 1,
            _ => return None,
        },
        ("max_depth", Expr::Value(value)) => match &value.value {
            Value::Number(depth, _) => depth.to_string().parse().ok()?,
            _ => return None,
        },
        _ => return None,
    };
    Some((function, of, depth))
}

/// Refuses what is unnested within an aggregate function: rows are made of items alone.
pub(super) fn check(plan: &LogicalPlan) -> Result<()> {
    plan.apply_with_subqueries(|plan| {
        plan.apply_expressions(|expr| match expr.exists(|part| Ok(matches!(part, Planned::Unnest(_))))? {
            true => plan_err!("unnest() makes rows, and cannot stand within an aggregate function: unnest in FROM"),
            false => Ok(TreeNodeRecursion::Continue),
        })
    })
    .map(drop)
}

/// The items that such a call stands for. None: it is none, or the type of what is unnested is not known.
pub(super) fn spread(
    item: &SelectItem,
    from: &[TableWithJoins],
    columns: &Columns<'_>,
) -> Option<Vec<SelectItem>> {
    let (function, of, mut depth) = call(item)?;
    let mut found = columns.type_of(of, from)?;
    let mut rows = of.clone();
    let mut is_list = false;
    while let DataType::List(inner) | DataType::LargeList(inner) = &found
        && depth > 0
    {
        if is_list {
            rows = calls::fill("flatten(_1)", &[rows])?;
        }
        is_list = true;
        found = inner.data_type().clone();
        depth -= 1;
    }
    if is_list {
        let mut call = function.clone();
        calls::set_args(&mut call, vec![rows]);
        rows = Expr::Function(call);
    }
    let mut parts = Vec::new();
    fields(rows, None, &found, depth, &mut parts);
    let alias = match item {
        SelectItem::ExprWithAlias { alias, .. } => Some(alias),
        _ => None,
    };
    let item = |(expr, name): (Expr, Option<String>)| {
        let name = name.map(|name| Ident::with_quote('"', name));
        match name.or_else(|| alias.cloned()) {
            Some(alias) => SelectItem::ExprWithAlias { expr, alias },
            None => SelectItem::UnnamedExpr(expr),
        }
    };
    Some(parts.into_iter().map(item).collect())
}

fn fields(
    of: Expr,
    name: Option<&str>,
    found: &DataType,
    depth: usize,
    parts: &mut Vec<(Expr, Option<String>)>,
) {
    let DataType::Struct(all) = found else {
        parts.push((of, name.map(str::to_owned)));
        return;
    };
    if depth == 0 {
        parts.push((of, name.map(str::to_owned)));
        return;
    }
    for field in all {
        let index = Expr::Value(Value::SingleQuotedString(field.name().clone()).into());
        let part = Expr::CompoundFieldAccess {
            root: Box::new(Expr::Nested(Box::new(of.clone()))),
            access_chain: vec![AccessExpr::Subscript(Subscript::Index { index })],
        };
        fields(
            part,
            Some(field.name()),
            field.data_type(),
            depth - 1,
            parts,
        );
    }
}
