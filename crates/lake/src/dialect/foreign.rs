//! Functions of other databases that DuckDB has not: the engine knows some of them, and a model that calls one would be an
//! error in DuckDB. What other parts of the program call by the engine's names is not among them.

use std::ops::ControlFlow;

use datafusion::sql::sqlparser::ast::{Expr, Function, Query, Visit, Visitor};
use forebay_core::Diagnostic;

/// Each with what DuckDB has in its place.
const FUNCTIONS: &[(&str, &str)] = &[
    ("approx_distinct", "approx_count_distinct(x)"),
    ("approx_median", "median(x), approx_quantile(x, 0.5)"),
    ("approx_percentile_cont", "approx_quantile(x, 0.5)"),
    ("array_any_value", "list_any_value(l)"),
    ("array_avg", "list_avg(l)"),
    ("array_compact", "list_filter(l, lambda x: x is not null)"),
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
    ("array_sum", "list_sum(l)"),
    ("array_union", "list_distinct(list_concat(l, m))"),
    ("arrays_overlap", "list_has_any(l, m)"),
    ("btrim", "trim(s)"),
    ("clock_timestamp", "now()"),
    ("date_bin", "time_bucket(interval '1 hour', t)"),
    ("date_format", "strftime(t, '%Y-%m-%d')"),
    ("div", "a // b"),
    ("every", "bool_and(x)"),
    ("find_in_set", "list_position(split(s, ','), x)"),
    ("from_unixtime", "to_timestamp(seconds)"),
    ("iff", "if(a, b, c)"),
    ("initcap", "upper(s[1]) || lower(s[2:])"),
    ("iszero", "x = 0"),
    ("json_agg", "json_group_array(x)"),
    ("json_build_object", "json_object('key', x)"),
    ("json_object_agg", "json_group_object(k, x)"),
    ("jsonb_agg", "json_group_array(x)"),
    ("jsonb_build_object", "json_object('key', x)"),
    ("jsonb_extract_path_text", "json_extract_string(j, '$.key')"),
    ("justify_days", "to_days(n)"),
    ("list_length", "len(l)"),
    ("make_interval", "to_days(n), to_hours(n)"),
    ("nanvl", "if(isnan(x), y, x)"),
    ("nvl", "coalesce(a, b)"),
    ("nvl2", "if(a is not null, b, c)"),
    ("quote_ident", "'\"' || s || '\"'"),
    ("quote_literal", "'''' || replace(s, '''', '''''') || ''''"),
    ("rand", "random()"),
    ("regexp_count", "len(regexp_extract_all(s, p))"),
    ("regexp_instr", "strpos(s, regexp_extract(s, p))"),
    ("regexp_like", "regexp_matches(s, p)"),
    ("regexp_match", "regexp_extract(s, p)"),
    ("regexp_substr", "regexp_extract(s, p)"),
    ("signum", "sign(x)"),
    ("statement_timestamp", "now()"),
    ("std", "stddev(x)"),
    ("string_to_list", "string_split(s, ',')"),
    ("substr_index", "split_part(s, '.', 1)"),
    ("substring_index", "split_part(s, '.', 1)"),
    ("to_char", "strftime(t, '%Y-%m-%d'), x::varchar"),
    ("to_date", "s::date, strptime(s, '%d.%m.%Y')::date"),
    ("to_jsonb", "to_json(x)"),
    ("to_local_time", "t at time zone 'UTC'"),
    ("to_time", "s::time"),
    ("to_timestamp_millis", "epoch_ms(n)"),
    ("to_timestamp_seconds", "to_timestamp(n)"),
    ("to_unixtime", "epoch(t)"),
    ("var", "var_samp(x)"),
    ("var_population", "var_pop(x)"),
    ("var_sample", "var_samp(x)"),
    ("width_bucket", "floor((x - low) / width)"),
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
        let Expr::Function(function) = expr else {
            return ControlFlow::Continue(());
        };
        match instead(function) {
            Some((name, instead)) => ControlFlow::Break(
                Diagnostic::error(format!("there is no function '{name}'"))
                    .hint(format!("DuckDB has {instead}")),
            ),
            None => ControlFlow::Continue(()),
        }
    }
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
