//! Calls as DuckDB writes them into names, and what it reads as calls: `extract`, `substring`, intervals, lambdas.

use datafusion::sql::sqlparser::ast::{
    DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, Interval, LambdaFunction, OneOrManyWithParens, OrderByExpr, WindowFrame,
    WindowType,
};

use super::duckdb::name;

/// Functions whose names are words of the grammar, and stand in quotes.
const WORDS: &[&str] = &[
    "add",
    "aggregate",
    "century",
    "day",
    "decade",
    "error",
    "filter",
    "first",
    "glob",
    "hour",
    "if",
    "json",
    "last",
    "left",
    "map",
    "microsecond",
    "millennium",
    "millisecond",
    "minute",
    "mode",
    "month",
    "nullif",
    "overlay",
    "position",
    "quarter",
    "range",
    "replace",
    "right",
    "row",
    "second",
    "substring",
    "trim",
    "week",
    "year",
];

pub(super) fn call(function: &Function) -> String {
    let called = function.name.to_string().to_lowercase();
    let (args, is_star) = arguments(function);
    let mut text = match (called.as_str(), is_star, &function.over) {
        ("count", true, None) => "count_star()".to_owned(),
        ("count", true, Some(_)) => "count()".to_owned(),
        (_, _, None) if matches!(function.args, FunctionArguments::None) => called,
        ("coalesce" | "ifnull", ..) => format!("COALESCE({args})"),
        ("date", ..) => format!("CAST({args} AS DATE)"),
        ("grouping", ..) => format!("GROUPING({args})"),
        ("percentile_cont", ..) => format!("quantile_cont({args})"),
        ("percentile_disc", ..) => format!("quantile_disc({args})"),
        (word, ..) if WORDS.contains(&word) => format!("\"{word}\"({args})"),
        (called, ..) => format!("{called}({args})"),
    };
    if let Some(filter) = &function.filter {
        text += &format!(" FILTER (WHERE {})", name(filter));
    }
    match &function.over {
        Some(WindowType::WindowSpec(spec)) => {
            let mut parts: Vec<String> = spec.window_name.iter().map(ToString::to_string).collect();
            if !spec.partition_by.is_empty() {
                parts.push(format!("PARTITION BY {}", items(&spec.partition_by)));
            }
            if !spec.order_by.is_empty() {
                parts.push(format!("ORDER BY {}", orders(&spec.order_by)));
            }
            parts.extend(spec.window_frame.as_ref().map(frame));
            text + &format!(" OVER ({})", parts.join(" "))
        }
        Some(WindowType::NamedWindow(window)) => text + &format!(" OVER {window}"),
        None => text,
    }
}

/// What stands between the parentheses, and whether it is a star or nothing.
fn arguments(function: &Function) -> (String, bool) {
    let list = match &function.args {
        FunctionArguments::List(list) => list,
        FunctionArguments::Subquery(query) => return (query.to_string(), false),
        FunctionArguments::None => return (String::new(), false),
    };
    let arg = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => name(expr),
        FunctionArg::Named {
            name: field,
            arg: FunctionArgExpr::Expr(expr),
            ..
        } => format!("{} := {}", field.value, name(expr)),
        other => other.to_string(),
    };
    let is_star = matches!(
        list.args.as_slice(),
        [] | [FunctionArg::Unnamed(FunctionArgExpr::Wildcard)]
    );
    let mut text: String = list.args.iter().map(arg).collect::<Vec<_>>().join(", ");
    if let Some(distinct) = &list.duplicate_treatment {
        text = format!("{distinct} {text}");
    }
    for clause in &list.clauses {
        text += &match clause {
            FunctionArgumentClause::OrderBy(keys) => format!(" ORDER BY {}", orders(keys)),
            other => format!(" {other}"),
        };
    }
    if !function.within_group.is_empty() {
        text += &format!(" ORDER BY {}", orders(&function.within_group));
    }
    (text, is_star)
}

fn orders(keys: &[OrderByExpr]) -> String {
    let key = |key: &OrderByExpr| {
        let options = key.options.to_string();
        format!("{}{options}", name(&key.expr))
    };
    keys.iter().map(key).collect::<Vec<_>>().join(", ")
}

fn frame(frame: &WindowFrame) -> String {
    let end = frame.end_bound.as_ref().map(ToString::to_string);
    let end = end.unwrap_or_else(|| "CURRENT ROW".to_owned());
    format!("{} BETWEEN {} AND {end}", frame.units, frame.start_bound)
}

pub(super) fn items(exprs: &[Expr]) -> String {
    exprs.iter().map(name).collect::<Vec<_>>().join(", ")
}

pub(super) fn lambda(function: &LambdaFunction) -> String {
    let params = match &function.params {
        OneOrManyWithParens::One(param) => param.to_string(),
        OneOrManyWithParens::Many(params) => {
            let params: Vec<String> = params.iter().map(ToString::to_string).collect();
            params.join(", ")
        }
    };
    format!("(lambda {params}: {})", name(&function.body))
}

/// `INTERVAL 3 DAY` is a call of `to_days`, and `INTERVAL '3 days'` a cast.
pub(super) fn interval(interval: &Interval) -> String {
    let value = name(&interval.value);
    let Some(unit) = &interval.leading_field else {
        return format!("CAST({value} AS INTERVAL)");
    };
    let (unit, of) = match unit {
        DateTimeField::Year | DateTimeField::Years => ("years", "INTEGER"),
        DateTimeField::Month | DateTimeField::Months => ("months", "INTEGER"),
        DateTimeField::Week(_) | DateTimeField::Weeks => ("weeks", "INTEGER"),
        DateTimeField::Day | DateTimeField::Days => ("days", "INTEGER"),
        DateTimeField::Hour | DateTimeField::Hours => ("hours", "BIGINT"),
        DateTimeField::Minute | DateTimeField::Minutes => ("minutes", "BIGINT"),
        DateTimeField::Second | DateTimeField::Seconds => {
            return format!("to_seconds(CAST({value} AS DOUBLE))");
        }
        _ => return interval.to_string(),
    };
    format!("to_{unit}(CAST(trunc(CAST({value} AS DOUBLE)) AS {of}))")
}

/// Functions that have a syntax of their own.
pub(super) fn of_syntax(expr: &Expr) -> Option<String> {
    let (called, args) = match expr {
        Expr::Extract { field, expr, .. } => {
            let field = field.to_string().to_uppercase();
            let field = field.trim_matches('\'');
            return Some(format!("date_part('{field}', {})", name(expr)));
        }
        Expr::Substring {
            expr,
            substring_from,
            substring_for,
            shorthand,
            ..
        } => {
            let places = [substring_from, substring_for].into_iter().flatten();
            let all = std::iter::once(expr).chain(places);
            (
                if *shorthand {
                    "substr"
                } else {
                    "\"substring\""
                },
                all.map(|arg| name(arg)).collect(),
            )
        }
        Expr::Trim {
            expr, trim_what, ..
        } => {
            let all = std::iter::once(expr).chain(trim_what);
            ("\"trim\"", all.map(|arg| name(arg)).collect())
        }
        Expr::Position { expr, r#in } => ("\"position\"", vec![name(r#in), name(expr)]),
        Expr::AtTimeZone {
            timestamp,
            time_zone,
        } => ("timezone", vec![name(time_zone), name(timestamp)]),
        Expr::Ceil { expr, .. } => ("ceil", vec![name(expr)]),
        Expr::Floor { expr, .. } => ("floor", vec![name(expr)]),
        Expr::Exists { subquery, negated } => {
            let text = format!("EXISTS({subquery})");
            return Some(match negated {
                true => format!("(NOT {text})"),
                false => text,
            });
        }
        _ => return None,
    };
    let args: Vec<String> = args;
    Some(format!("{called}({})", args.join(", ")))
}
