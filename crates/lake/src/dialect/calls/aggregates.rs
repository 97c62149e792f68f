//! Aggregates that are others with more said: `arg_max(a, b)` is the first `a` by `b`.

use std::collections::HashSet;

use datafusion::sql::sqlparser::ast::{
    Expr, Function, FunctionArgumentClause, FunctionArguments, OrderByExpr, OrderByOptions, Value,
};
use forebay_core::Diagnostic;

use super::{args, fill, items, literal, named, set_args};
use crate::types::Dialect;

pub(super) fn rewrite(
    name: &str,
    function: &mut Function,
    dialect: Dialect,
) -> Result<Option<Expr>, Diagnostic> {
    if let ("mode" | "percentile_disc" | "percentile_cont", [by]) =
        (name, function.within_group.as_slice())
    {
        let descends = by.options.asc == Some(false);
        return Ok(within_group(name, by.expr.clone(), descends, function));
    }
    let Some(args) = args(function) else {
        return Ok(None);
    };
    order_once(function);
    match (name, args.as_slice()) {
        // Of several most frequent values the first, where there is an order.
        ("mode", [_]) if dialect == Dialect::DuckDb && is_ordered(function) => {
            function.name = named("array_agg");
            Ok(fill("first_most(_1)", &[Expr::Function(function.clone())]))
        }
        // An order is nothing to these, and the engine takes its keys for arguments.
        ("mode" | "count", [_]) => {
            if let FunctionArguments::List(list) = &mut function.args {
                list.clauses
                    .retain(|clause| !matches!(clause, FunctionArgumentClause::OrderBy(_)));
            }
            Ok(None)
        }
        ("approx_quantile", [of, Expr::Array(shares)])
            if dialect == Dialect::DuckDb && function.over.is_none() =>
        {
            each_share(function, of, &shares.elem, dialect)
        }
        ("approx_quantile", [of, _]) if dialect == Dialect::DuckDb => {
            let mut sample = function.clone();
            sample.name = named("max");
            set_args(&mut sample, vec![of.clone()]);
            function.name = named("approx_percentile_cont");
            let both = [Expr::Function(function.clone()), Expr::Function(sample)];
            Ok(fill("typed_as(_1, _2)", &both))
        }
        ("count", []) => Ok(None),
        // The sum of ones and zeros, which is null of no rows.
        ("count_if" | "countif", [condition]) if dialect == Dialect::DuckDb => {
            let counted = fill(
                "case when _1 then 1 when not _1 then 0 end",
                std::slice::from_ref(condition),
            );
            function.name = named("sum");
            set_args(function, counted.into_iter().collect());
            Ok(None)
        }
        ("count_if" | "countif", [condition]) => {
            let counted = fill("case when _1 then 1 end", std::slice::from_ref(condition));
            function.name = named("count");
            set_args(function, counted.into_iter().collect());
            Ok(None)
        }
        ("grouping", _) if dialect == Dialect::DuckDb => {
            let grouping = Expr::Function(function.clone());
            Ok(fill("_1::bigint", std::slice::from_ref(&grouping)))
        }
        ("median", [of]) => {
            function.name = named("middle_of");
            set_args(function, vec![of.clone()]);
            Ok(None)
        }
        (
            "quantile" | "quantile_cont" | "percentile_cont" | "quantile_disc",
            [of, Expr::Array(shares)],
        ) if function.over.is_none() => each_share(function, of, &shares.elem, dialect),
        ("string_agg" | "listagg" | "group_concat", [of, by])
            if dialect == Dialect::DuckDb && is_null(by) =>
        {
            let nothing = fill(
                "case when false then _1::text end",
                std::slice::from_ref(of),
            );
            function.name = named("max");
            set_args(function, nothing.into_iter().collect());
            Ok(None)
        }
        ("string_agg" | "listagg" | "group_concat", [of]) => {
            let comma = Expr::Value(Value::SingleQuotedString(",".to_owned()).into());
            function.name = named("string_agg");
            set_args(function, vec![of.clone(), comma]);
            Ok(joined_texts(function))
        }
        ("string_agg" | "listagg" | "group_concat", [_, _]) => {
            function.name = named("string_agg");
            Ok(joined_texts(function))
        }
        ("max", [of, count]) => top(function, of, of, count, false),
        ("min", [of, count]) => top(function, of, of, count, true),
        ("arg_max" | "argmax" | "max_by", [of, by, count]) => top(function, of, by, count, false),
        ("arg_min" | "argmin" | "min_by", [of, by, count]) => top(function, of, by, count, true),
        ("arg_max" | "argmax" | "max_by", [of, by]) => picked(function, of, by, false),
        ("arg_min" | "argmin" | "min_by", [of, by]) => picked(function, of, by, true),
        ("entropy", [_]) => Ok(fill(
            "coalesce(_1, 0::double precision)",
            &[Expr::Function(function.clone())],
        )),
        // DuckDB's other name of `first`.
        ("arbitrary", [_]) if dialect == Dialect::DuckDb => {
            let made = rewrite("first", function, dialect)?;
            Ok(Some(
                made.unwrap_or_else(|| Expr::Function(function.clone())),
            ))
        }
        ("first" | "last", [_]) if function.over.is_some() => {
            function.name = named(&format!("{name}_value"));
            Ok(None)
        }
        ("json_group_object" | "json_object_agg" | "jsonb_object_agg", [key, value]) => {
            Ok(object(function, key, value))
        }
        ("first" | "last" | "any_value", [of]) if function.over.is_none() => {
            let is_any = name == "any_value";
            function.name = named(match name {
                "last" => "last_value",
                _ => "first_value",
            });
            match is_any {
                true => filtered(function, "_1 is not null", std::slice::from_ref(of)),
                false => Ok(None),
            }
        }
        ("geomean" | "geometric_mean", [of]) => {
            let inner = fill("ln(_1)", std::slice::from_ref(of));
            function.name = named("avg");
            set_args(function, inner.into_iter().collect());
            Ok(fill("exp(_1)", &[Expr::Function(function.clone())]))
        }
        ("json_group_array" | "json_agg" | "jsonb_agg", [_]) => {
            function.name = named("array_agg");
            Ok(fill("to_json(_1)", &[Expr::Function(function.clone())]))
        }
        ("weighted_avg" | "wavg", [of, weight]) => weighted(function, of, weight),
        (
            "list_aggregate" | "list_aggr" | "array_aggregate" | "array_aggr",
            [list, which, more @ ..],
        ) => {
            let which = literal(which).unwrap_or_default().to_lowercase();
            items::aggregate(&which, list, more, dialect)?.map_or_else(
                || {
                    let unknown = format!("{name}() with '{which}' is not supported");
                    Err(Diagnostic::error(unknown).hint("unnest the list and aggregate its items"))
                },
                |made| Ok(Some(made)),
            )
        }
        (name, [list]) if items::of_lists(name).is_some() => {
            items::aggregate(items::of_lists(name).unwrap_or(name), list, &[], dialect)
        }
        ("sum", [of]) if dialect == Dialect::DuckDb && is_condition(of) => {
            let number = fill("_1::bigint", std::slice::from_ref(of));
            set_args(function, number.into_iter().collect());
            Ok(None)
        }
        _ => Ok(None),
    }
}

/// The mean of values that count by their weights.
fn weighted(function: &Function, of: &Expr, weight: &Expr) -> Result<Option<Expr>, Diagnostic> {
    let pair = [of.clone(), weight.clone()];
    let sum = |text: &str| {
        let mut sum = function.clone();
        sum.name = named("sum");
        set_args(&mut sum, fill(text, &pair).into_iter().collect());
        Expr::Function(sum)
    };
    let all = sum("(_1 * _2)::double precision");
    let weights = sum("(case when _1 is not null then _2 else 0 end)::double precision");
    Ok(fill("(_1 / nullif(_2, 0))", &[all, weights]))
}

fn is_ordered(function: &Function) -> bool {
    match &function.args {
        FunctionArguments::List(list) => list
            .clauses
            .iter()
            .any(|clause| matches!(clause, FunctionArgumentClause::OrderBy(_))),
        _ => false,
    }
}

/// `mode() within group (order by x)` is `mode(x)`; likewise percentiles, with their share.
fn within_group(name: &str, by: Expr, descends: bool, function: &mut Function) -> Option<Expr> {
    let share = args(function).unwrap_or_default();
    function.within_group.clear();
    function.name = named(match (name, descends) {
        ("mode", _) => "mode",
        ("percentile_cont", true) => "quantile_cont_down",
        ("percentile_cont", false) => "quantile_cont",
        (_, true) => "quantile_disc_down",
        (_, false) => "quantile_disc",
    });
    set_args(function, std::iter::once(by).chain(share).collect());
    None
}

/// A key of an order that stands there a second time says nothing, and the engine refuses it. A number is a constant here,
/// which the engine takes for the place of a column.
fn order_once(function: &mut Function) {
    let FunctionArguments::List(list) = &mut function.args else {
        return;
    };
    for clause in &mut list.clauses {
        if let FunctionArgumentClause::OrderBy(keys) = clause {
            let mut known = HashSet::new();
            keys.retain(|key| known.insert(key.expr.to_string()));
            keys.iter_mut().for_each(|key| no_place(&mut key.expr));
        }
    }
}

fn no_place(key: &mut Expr) {
    if matches!(key, Expr::Value(value) if matches!(value.value, Value::Number(..))) {
        *key = Expr::Nested(Box::new(key.clone()));
    }
}

/// `quantile_cont(x, [0.25, 0.75])` is a list of such.
fn each_share(
    function: &Function,
    of: &Expr,
    shares: &[Expr],
    dialect: Dialect,
) -> Result<Option<Expr>, Diagnostic> {
    let each = shares.iter().map(|share| {
        let mut one = function.clone();
        set_args(&mut one, vec![of.clone(), share.clone()]);
        let rewritten = super::call(&mut one, dialect)?;
        Ok(rewritten.unwrap_or(Expr::Function(one)))
    });
    let each = each.collect::<Result<Vec<Expr>, Diagnostic>>()?;
    let mut count = function.clone();
    count.name = named("count");
    set_args(&mut count, vec![of.clone()]);
    let parts: Vec<Expr> = std::iter::once(Expr::Function(count)).chain(each).collect();
    let places: Vec<String> = (2..=parts.len()).map(|at| format!("_{at}")).collect();
    let list = format!(
        "(case when _1 > 0 then make_array({}) end)",
        places.join(", ")
    );
    Ok(fill(&list, &parts))
}

/// The value in the row where the other is least or greatest. Rows where either is null do not count.
fn picked(
    function: &mut Function,
    of: &Expr,
    by: &Expr,
    least: bool,
) -> Result<Option<Expr>, Diagnostic> {
    if function.over.is_some() {
        function.name = named(match least {
            true => "value_at_least",
            false => "value_at_greatest",
        });
        return Ok(None);
    }
    function.name = named("first_value");
    ordered(function, of, by, least)
}

/// The first so many values in an order, as a list.
fn top(
    function: &mut Function,
    of: &Expr,
    by: &Expr,
    count: &Expr,
    least: bool,
) -> Result<Option<Expr>, Diagnostic> {
    if function.over.is_some() {
        return Err(Diagnostic::error(format!(
            "{}() of so many values is not supported with OVER",
            function.name
        )));
    }
    function.name = named("array_agg");
    ordered(function, of, by, least)?;
    let all = Expr::Function(function.clone());
    Ok(fill("array_slice(_1, 1, _2)", &[all, count.clone()]))
}

/// The aggregate of the one value in the order of the other, of rows where neither is null.
fn ordered(
    function: &mut Function,
    of: &Expr,
    by: &Expr,
    least: bool,
) -> Result<Option<Expr>, Diagnostic> {
    set_args(function, vec![of.clone()]);
    let mut key = by.clone();
    no_place(&mut key);
    if let FunctionArguments::List(list) = &mut function.args {
        list.clauses
            .push(FunctionArgumentClause::OrderBy(vec![OrderByExpr {
                expr: key,
                options: OrderByOptions {
                    asc: Some(least),
                    nulls_first: Some(false),
                },
                with_fill: None,
            }]));
    }
    filtered(
        function,
        "_1 is not null and _2 is not null",
        &[of.clone(), by.clone()],
    )
}

/// The engine's answer is of long texts, as JSON is.
fn joined_texts(function: &Function) -> Option<Expr> {
    fill("_1::text", &[Expr::Function(function.clone())])
}

/// An object of JSON with a member for each row.
fn object(function: &mut Function, key: &Expr, value: &Expr) -> Option<Expr> {
    let member = fill(
        "to_json(_1::text)::text || ':' || coalesce(to_json(_2), 'null')::text",
        &[key.clone(), value.clone()],
    )?;
    function.name = named("string_agg");
    set_args(function, vec![member, fill("','", &[])?]);
    fill(
        "json_of('{' || _1::text || '}')",
        &[Expr::Function(function.clone())],
    )
}

/// Adds a condition to those that its rows must meet.
fn filtered(
    function: &mut Function,
    condition: &str,
    args: &[Expr],
) -> Result<Option<Expr>, Diagnostic> {
    let mut all = args.to_vec();
    let condition = match function.filter.take() {
        Some(filter) => {
            all.push(*filter);
            fill(&format!("{condition} and _{}", all.len()), &all)
        }
        None => fill(condition, &all),
    };
    function.filter = condition.map(Box::new);
    Ok(None)
}

fn is_null(expr: &Expr) -> bool {
    matches!(expr, Expr::Value(value) if value.value == Value::Null)
}

fn is_condition(expr: &Expr) -> bool {
    use datafusion::sql::sqlparser::ast::BinaryOperator::{And, Eq, Gt, GtEq, Lt, LtEq, NotEq, Or};
    match expr {
        Expr::BinaryOp { op, .. } => matches!(op, Eq | NotEq | Lt | LtEq | Gt | GtEq | And | Or),
        Expr::IsNull(_) | Expr::IsNotNull(_) | Expr::InList { .. } | Expr::Between { .. } => true,
        Expr::Nested(inner) => is_condition(inner),
        _ => false,
    }
}
