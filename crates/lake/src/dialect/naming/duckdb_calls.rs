//! Calls as DuckDB writes them into names, and what it reads as calls: `extract`, `substring`, intervals, lambdas.

use datafusion::sql::sqlparser::ast::{
    DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArguments, Interval, LambdaFunction, OneOrManyWithParens, OrderByExpr, WindowFrame,
    WindowFrameBound, WindowType,
};

use super::duckdb::written;
use super::duckdb_queries::query;
use super::quoted;

pub(super) fn call(function: &Function) -> String {
    let called = function.name.to_string().to_lowercase();
    let (args, is_star) = arguments(function);
    let mut text = match (called.as_str(), is_star, &function.over) {
        ("count", true, None) => "count_star()".to_owned(),
        ("count", true, Some(_)) => "count()".to_owned(),
        (_, _, None) if matches!(function.args, FunctionArguments::None) => called,
        ("coalesce" | "ifnull", ..) => format!("COALESCE({args})"),
        ("date", ..) => format!("CAST({args} AS DATE)"),
        ("grouping" | "grouping_id", ..) => format!("GROUPING({args})"),
        ("percentile_cont", ..) => format!("quantile_cont({args})"),
        ("percentile_disc", ..) => format!("quantile_disc({args})"),
        (called, ..) if called.contains('.') => format!("{called}({args})"),
        (called, ..) => format!("{}({args})", quoted::text(called)),
    };
    if let Some(filter) = &function.filter {
        text += &format!(" FILTER (WHERE {})", written(filter));
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
        FunctionArguments::Subquery(of) => return (query(of), false),
        FunctionArguments::None => return (String::new(), false),
    };
    let arg = |arg: &FunctionArg| match arg {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => written(expr),
        FunctionArg::Named {
            name: field,
            arg: FunctionArgExpr::Expr(expr),
            ..
        } => format!("{} := {}", field.value, written(expr)),
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

pub(super) fn orders(keys: &[OrderByExpr]) -> String {
    let key = |key: &OrderByExpr| {
        let options = key.options.to_string();
        format!("{}{options}", written(&key.expr))
    };
    keys.iter().map(key).collect::<Vec<_>>().join(", ")
}

fn frame(frame: &WindowFrame) -> String {
    let end = frame.end_bound.as_ref().map(bound);
    let end = end.unwrap_or_else(|| "CURRENT ROW".to_owned());
    format!(
        "{} BETWEEN {} AND {end}",
        frame.units,
        bound(&frame.start_bound)
    )
}

fn bound(of: &WindowFrameBound) -> String {
    match of {
        WindowFrameBound::Preceding(Some(rows)) => format!("{} PRECEDING", written(rows)),
        WindowFrameBound::Following(Some(rows)) => format!("{} FOLLOWING", written(rows)),
        other => other.to_string(),
    }
}

pub(super) fn items(exprs: &[Expr]) -> String {
    exprs.iter().map(written).collect::<Vec<_>>().join(", ")
}

pub(super) fn lambda(function: &LambdaFunction) -> String {
    let params = match &function.params {
        OneOrManyWithParens::One(param) => param.to_string(),
        OneOrManyWithParens::Many(params) => {
            let params: Vec<String> = params.iter().map(ToString::to_string).collect();
            params.join(", ")
        }
    };
    format!("(lambda {params}: {})", written(&function.body))
}

/// `INTERVAL 3 DAY` is a call of `to_days`, and `INTERVAL '3 days'` a cast.
pub(super) fn interval(interval: &Interval) -> String {
    let value = written(&interval.value);
    let Some(unit) = &interval.leading_field else {
        return format!("CAST({value} AS INTERVAL)");
    };
    let (unit, of) = match unit {
        DateTimeField::Year | DateTimeField::Years => ("years", "INTEGER"),
        DateTimeField::Month | DateTimeField::Months => ("months", "INTEGER"),
        DateTimeField::Quarter => ("quarters", "INTEGER"),
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
            let field = field.to_string();
            let field = part(field.trim_matches('\''));
            return Some(format!("date_part('{field}', {})", written(expr)));
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
                all.map(|arg| written(arg)).collect(),
            )
        }
        Expr::Trim {
            expr, trim_what, ..
        } => {
            let all = std::iter::once(expr).chain(trim_what);
            ("\"trim\"", all.map(|arg| written(arg)).collect())
        }
        Expr::Position { expr, r#in } => ("\"position\"", vec![written(r#in), written(expr)]),
        Expr::Overlay {
            expr,
            overlay_what,
            overlay_from,
            overlay_for,
        } => {
            let all = [expr, overlay_what, overlay_from]
                .into_iter()
                .chain(overlay_for);
            ("\"overlay\"", all.map(|arg| written(arg)).collect())
        }
        Expr::AtTimeZone {
            timestamp,
            time_zone,
        } => ("timezone", vec![written(time_zone), written(timestamp)]),
        Expr::Ceil { expr, .. } => ("ceil", vec![written(expr)]),
        Expr::Floor { expr, .. } => ("floor", vec![written(expr)]),
        Expr::Exists { subquery, negated } => {
            let text = format!("EXISTS({})", query(subquery));
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

/// Parts that are words of the grammar are in capitals.
fn part(name: &str) -> String {
    match quoted::text(name).starts_with('"') {
        true => name.to_uppercase(),
        false => name.to_lowercase(),
    }
}
