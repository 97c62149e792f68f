//! Functions and operators of other databases that DuckDB has not: the engine knows some of them, and a model that has one
//! would be an error in DuckDB. What other parts of the program call by the engine's names is not among them.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{
    BinaryOperator, CastKind, Expr, Function, FunctionArguments, Interval, LambdaSyntax, Query,
    Value, Visit, Visitor,
};
use forebay_core::Diagnostic;

/// Each with what DuckDB has in its place.
const FUNCTIONS: &[(&str, &str)] = &[
    ("add_months", "d + to_months(n)"),
    ("approx_distinct", "approx_count_distinct(x)"),
    ("approx_median", "median(x), approx_quantile(x, 0.5)"),
    ("approx_percentile_cont", "approx_quantile(x, 0.5)"),
    ("array_any_value", "list_any_value(l)"),
    ("array_avg", "list_avg(l)"),
    ("array_compact", "list_filter(l, lambda x: x is not null)"),
    ("array_construct", "[a, b]"),
    ("array_dims", "len(l)"),
    ("array_empty", "len(l) = 0"),
    (
        "array_except",
        "list_filter(l, lambda x: not list_contains(m, x))",
    ),
    ("array_join", "array_to_string(l, ',')"),
    ("array_max", "list_max(l)"),
    ("array_min", "list_min(l)"),
    ("array_ndims", "len(l)"),
    ("array_positions", "list_position(l, x)"),
    ("array_remove", "list_filter(l, lambda x: x <> 1)"),
    ("array_repeat", "list_resize([], n, x)"),
    ("array_replace", "list_transform(l, lambda x: ...)"),
    ("array_size", "len(l)"),
    ("array_sum", "list_sum(l)"),
    ("array_union", "list_distinct(list_concat(l, m))"),
    ("arrays_overlap", "list_has_any(l, m)"),
    ("bitand", "a & b"),
    ("bitor", "a | b"),
    ("booland_agg", "bool_and(x)"),
    ("boolor_agg", "bool_or(x)"),
    ("btrim", "trim(s)"),
    ("charindex", "instr(s, part)"),
    ("clock_timestamp", "now()"),
    ("collect_list", "list(x)"),
    ("collect_set", "list(distinct x)"),
    ("contains_substr", "contains(lower(s), 'part')"),
    ("convert_timezone", "t at time zone 'Europe/Berlin'"),
    ("count_distinct", "count(distinct x)"),
    ("current_datetime", "now()::timestamp"),
    ("date_bin", "time_bucket(interval '1 hour', t)"),
    ("date_format", "strftime(t, '%Y-%m-%d')"),
    ("date_from_parts", "make_date(y, m, d)"),
    ("date_parse", "strptime(s, '%Y-%m-%d')"),
    ("dateadd", "d + interval 1 day, date_add(d, interval 1 day)"),
    ("datefromparts", "make_date(y, m, d)"),
    ("datename", "dayname(d), monthname(d)"),
    ("datetime_add", "t + interval 1 day"),
    ("datetime_diff", "date_diff('day', a, b)"),
    ("datetime_trunc", "date_trunc('day', t)"),
    ("dayofweek_iso", "isodow(d)"),
    ("dayofweekiso", "isodow(d)"),
    ("div", "a // b"),
    ("div0", "coalesce(a / nullif(b, 0), 0)"),
    ("editdistance", "levenshtein(a, b)"),
    ("endswith", "ends_with(s, 'part')"),
    ("eomonth", "last_day(d)"),
    ("every", "bool_and(x)"),
    ("explode", "unnest(l)"),
    ("farm_fingerprint", "hash(s)"),
    ("find_in_set", "list_position(split(s, ','), x)"),
    ("format_date", "strftime(d, '%Y-%m-%d')"),
    ("format_datetime", "strftime(t, '%Y-%m-%d')"),
    ("format_timestamp", "strftime(t, '%Y-%m-%d')"),
    ("from_iso8601_date", "s::date"),
    ("from_iso8601_timestamp", "s::timestamptz"),
    ("from_unixtime", "to_timestamp(seconds)"),
    ("generate_array", "generate_series(1, 10)"),
    (
        "generate_date_array",
        "generate_series(a, b, interval 1 day)",
    ),
    (
        "generate_timestamp_array",
        "generate_series(a, b, interval 1 day)",
    ),
    ("generate_uuid", "uuid()"),
    ("get_json_object", "json_extract_string(j, '$.key')"),
    ("getdate", "now(), current_date"),
    ("getutcdate", "now() at time zone 'UTC'"),
    ("iff", "if(a, b, c)"),
    ("iif", "if(a, b, c)"),
    ("initcap", "upper(s[1]) || lower(s[2:])"),
    ("isnull", "x is null, ifnull(x, y)"),
    ("isnumeric", "try_cast(s as double) is not null"),
    ("isoweek", "week(d)"),
    ("iszero", "x = 0"),
    ("json_agg", "json_group_array(x)"),
    ("json_array_elements", "unnest(j::json[])"),
    ("json_build_array", "json_array(x, y)"),
    ("json_build_object", "json_object('key', x)"),
    ("json_extract_scalar", "json_extract_string(j, '$.key')"),
    ("json_object_agg", "json_group_object(k, x)"),
    ("json_query", "json_extract(j, '$.key')"),
    ("jsonb_agg", "json_group_array(x)"),
    ("jsonb_array_elements", "unnest(j::json[])"),
    ("jsonb_array_length", "json_array_length(j)"),
    ("jsonb_build_array", "json_array(x, y)"),
    ("jsonb_build_object", "json_object('key', x)"),
    ("jsonb_extract_path_text", "json_extract_string(j, '$.key')"),
    ("justify_days", "to_days(n)"),
    ("list_length", "len(l)"),
    ("locate", "instr(s, part)"),
    ("logical_and", "bool_and(x)"),
    ("logical_or", "bool_or(x)"),
    ("make_interval", "to_days(n), to_hours(n)"),
    ("mid", "substring(s, 1, 2)"),
    ("months_between", "date_diff('month', a, b)"),
    ("nanvl", "if(isnan(x), y, x)"),
    ("newid", "uuid()"),
    ("next_day", "date_trunc('week', d) + interval 7 days"),
    ("nullifzero", "nullif(x, 0)"),
    ("nvl", "coalesce(a, b)"),
    ("nvl2", "if(a is not null, b, c)"),
    ("object_agg", "json_group_object(k, x)"),
    ("object_construct", "json_object('key', x)"),
    ("object_keys", "json_keys(j)"),
    ("parse_date", "strptime(s, '%Y-%m-%d')::date"),
    ("parse_datetime", "strptime(s, '%Y-%m-%d')"),
    ("parse_json", "s::json"),
    ("parse_timestamp", "strptime(s, '%Y-%m-%d')"),
    ("percentile_approx", "approx_quantile(x, 0.5)"),
    ("quote_ident", "'\"' || s || '\"'"),
    ("quote_literal", "'''' || replace(s, '''', '''''') || ''''"),
    ("rand", "random()"),
    ("ratio_to_report", "x / sum(x) over ()"),
    ("regexp_contains", "regexp_matches(s, p)"),
    ("regexp_count", "len(regexp_extract_all(s, p))"),
    ("regexp_instr", "strpos(s, regexp_extract(s, p))"),
    ("regexp_like", "regexp_matches(s, p)"),
    ("regexp_match", "regexp_extract(s, p)"),
    ("regexp_split", "regexp_split_to_array(s, p)"),
    ("regexp_substr", "regexp_extract(s, p)"),
    ("rlike", "regexp_matches(s, p)"),
    ("safe_divide", "a / nullif(b, 0)"),
    ("sequence", "generate_series(1, 10)"),
    ("sha2", "sha256(s)"),
    ("signum", "sign(x)"),
    ("space", "repeat(' ', n)"),
    ("square", "x * x"),
    ("startswith", "starts_with(s, 'part')"),
    ("statement_timestamp", "now()"),
    ("std", "stddev(x)"),
    ("str_to_date", "strptime(s, '%Y-%m-%d')::date"),
    ("string_to_list", "string_split(s, ',')"),
    ("strtok", "split_part(s, ',', 1)"),
    ("substr_index", "split_part(s, '.', 1)"),
    ("substring_index", "split_part(s, '.', 1)"),
    ("sysdate", "now(), current_date"),
    ("sysdatetime", "now()"),
    ("timestamp_add", "t + interval 1 day"),
    ("timestamp_diff", "date_diff('day', a, b)"),
    ("timestamp_from_parts", "make_timestamp(y, m, d, h, mi, s)"),
    ("timestamp_millis", "epoch_ms(n)"),
    ("timestamp_seconds", "to_timestamp(n)"),
    ("timestamp_sub", "t - interval 1 day"),
    ("timestamp_trunc", "date_trunc('day', t)"),
    ("timestampadd", "t + interval 1 day"),
    ("timestampdiff", "date_diff('day', a, b)"),
    ("to_char", "strftime(t, '%Y-%m-%d'), x::varchar"),
    ("to_date", "s::date, strptime(s, '%d.%m.%Y')::date"),
    ("to_decimal", "s::decimal(18, 2)"),
    ("to_jsonb", "to_json(x)"),
    ("to_local_time", "t at time zone 'UTC'"),
    ("to_number", "s::decimal(18, 2)"),
    ("to_numeric", "s::decimal(18, 2)"),
    ("to_time", "s::time"),
    ("to_timestamp_ltz", "s::timestamptz"),
    ("to_timestamp_millis", "epoch_ms(n)"),
    ("to_timestamp_ntz", "s::timestamp"),
    ("to_timestamp_seconds", "to_timestamp(n)"),
    ("to_timestamp_tz", "s::timestamptz"),
    ("to_unixtime", "epoch(t)"),
    ("to_varchar", "x::varchar, strftime(t, '%Y-%m-%d')"),
    ("truncate", "trunc(x)"),
    ("try_parse_json", "try_cast(s as json)"),
    ("try_to_date", "try_cast(s as date)"),
    ("try_to_decimal", "try_cast(s as decimal(18, 2))"),
    ("try_to_number", "try_cast(s as decimal(18, 2))"),
    ("try_to_numeric", "try_cast(s as decimal(18, 2))"),
    ("try_to_timestamp", "try_cast(s as timestamp)"),
    ("unix_micros", "epoch_us(t)"),
    ("unix_millis", "epoch_ms(t)"),
    ("unix_seconds", "epoch(t)"),
    ("unix_timestamp", "epoch(t)"),
    ("utc_timestamp", "now() at time zone 'UTC'"),
    ("uuid_generate_v4", "uuid()"),
    ("var", "var_samp(x)"),
    ("var_population", "var_pop(x)"),
    ("var_sample", "var_samp(x)"),
    ("week_iso", "week(d)"),
    ("weekiso", "week(d)"),
    ("width_bucket", "floor((x - low) / width)"),
    ("zeroifnull", "coalesce(x, 0)"),
];

pub(super) fn refuse(query: &Query) -> Result<(), Diagnostic> {
    match query.visit(&mut Calls) {
        ControlFlow::Continue(()) => Ok(()),
        ControlFlow::Break(problem) => Err(problem),
    }
}

struct Calls;

impl Visitor for Calls {
    type Break = Diagnostic;

    fn pre_visit_expr(&mut self, expr: &Expr) -> ControlFlow<Diagnostic> {
        let problem = match expr {
            Expr::Function(function) => match instead(function) {
                Some((name, instead)) => {
                    Diagnostic::error(format!("there is no function '{name}'"))
                        .hint(format!("DuckDB has {instead}"))
                }
                None => match misused(function) {
                    Some(problem) => problem,
                    None => return ControlFlow::Continue(()),
                },
            },
            Expr::BinaryOp {
                op: BinaryOperator::Spaceship,
                ..
            } => Diagnostic::error("there is no operator <=> for these values")
                .hint("a is not distinct from b compares nulls too"),
            Expr::Lambda(lambda) if lambda.syntax == LambdaSyntax::Arrow => {
                Diagnostic::error("a lambda of an arrow (x -> ...) is none in DuckDB any more")
                    .hint("lambda x: ...")
            }
            Expr::Like { any: true, .. } | Expr::ILike { any: true, .. } => {
                Diagnostic::error("LIKE ANY is not of DuckDB")
                    .hint("x like 'a%' or x like 'b%', regexp_matches(x, '^(a|b)')")
            }
            Expr::Cast {
                kind: CastKind::SafeCast,
                ..
            } => {
                Diagnostic::error("there is no SAFE_CAST in DuckDB").hint("try_cast(x as integer)")
            }
            Expr::Interval(interval) if is_bare(interval) => {
                Diagnostic::error("the count of an interval stands in brackets")
                    .hint("interval (n) day, n * interval 1 day, - interval 1 day")
            }
            Expr::Interval(interval) if has_no_unit(interval) => {
                Diagnostic::error("an interval of a number says no unit")
                    .hint("interval 1 day, interval '1 day', to_days(n)")
            }
            _ => return ControlFlow::Continue(()),
        };
        ControlFlow::Break(problem)
    }
}

/// Forms of a call that other databases have.
fn misused(function: &Function) -> Option<Diagnostic> {
    let name = function.name.to_string().to_lowercase();
    let count = match &function.args {
        FunctionArguments::List(list) => Some(list.args.len()),
        _ => None,
    };
    let (message, hint) = match (name.as_str(), count) {
        ("count", Some(2..)) => ("count() takes 1 argument, or *", "count((a, b))"),
        ("current_timestamp" | "current_time" | "localtimestamp", Some(0)) => (
            "there is no function with that name: it stands without brackets",
            "current_timestamp, now()",
        ),
        ("lpad" | "rpad", Some(2)) => (
            "lpad() and rpad() take 3 arguments, not 2",
            "lpad(s, 3, ' ')",
        ),
        ("to_timestamp", Some(2)) => (
            "to_timestamp() takes seconds since 1970 alone",
            "strptime(s, '%Y-%m-%d')",
        ),
        ("struct", Some(_)) => (
            "there is no function 'struct'",
            "struct_pack(a := x), {'a': x}, row(x, y)",
        ),
        _ if !function.within_group.is_empty() && function.over.is_some() => (
            "WITHIN GROUP is of no window",
            "quantile_cont(x, 0.5) over (partition by k)",
        ),
        _ if function.null_treatment.is_some() => (
            "IGNORE NULLS stands within the brackets",
            "lag(x ignore nulls) over (order by y)",
        ),
        _ => return None,
    };
    Some(Diagnostic::error(message).hint(hint))
}

/// `interval n day`, `interval -1 day`.
fn is_bare(interval: &Interval) -> bool {
    !matches!(interval.value.as_ref(), Expr::Nested(_) | Expr::Value(_))
}

/// `interval 1`, also before a word that is no unit, and would be the column's name.
fn has_no_unit(interval: &Interval) -> bool {
    let number = |value: &Expr| matches!(value, Expr::Value(value) if matches!(value.value, Value::Number(..)));
    let value = match interval.value.as_ref() {
        Expr::Nested(inner) => inner,
        value => value,
    };
    interval.leading_field.is_none() && number(value)
}

fn instead(function: &Function) -> Option<(&'static str, &'static str)> {
    let [name] = function.name.0.as_slice() else {
        return None;
    };
    let name = name.as_ident()?.value.to_lowercase();
    if name == "percentile_cont" && function.within_group.is_empty() {
        return Some(("percentile_cont", "quantile_cont(x, 0.5)"));
    }
    let found = FUNCTIONS.binary_search_by(|(of, _)| (*of).cmp(name.as_str()));
    found.ok().map(|at| FUNCTIONS[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_in_order() {
        assert!(FUNCTIONS.is_sorted());
    }
}
