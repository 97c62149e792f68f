//! `list_median(l)`, `list_aggregate(l, 'median')`: an aggregate of the items of a list.

use datafusion::sql::sqlparser::ast::Expr;
use forebay_core::Diagnostic;

use super::fill;
use crate::types::Dialect;

/// Those that the engine has for lists themselves.
const OF_ENGINE: &[(&str, &str)] = &[
    ("sum", "list_sum(_1)"),
    ("avg", "list_avg(_1)"),
    ("min", "array_min(_1)"),
    ("max", "list_max(_1)"),
    ("product", "list_product(_1)"),
    ("count", "len(list_filter(_1, lambda x : x is not null))"),
    ("first", "array_element(_1, 1)"),
    ("last", "array_element(_1, -1)"),
    (
        "string_agg",
        "(case when len(list_filter(_1, lambda x : x is not null)) > 0 then array_to_string(_1, ',') end)",
    ),
];

/// Those that aggregate the items as rows.
const AS_ROWS: &[&str] = &[
    "any_value",
    "approx_count_distinct",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "entropy",
    "histogram",
    "kurtosis",
    "kurtosis_pop",
    "mad",
    "median",
    "mode",
    "quantile",
    "quantile_cont",
    "quantile_disc",
    "sem",
    "skewness",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "var_pop",
    "var_samp",
    "variance",
];

/// The aggregate of `list_median`.
pub(super) fn of_lists(name: &str) -> Option<&str> {
    let aggregate = name.strip_prefix("list_")?;
    AS_ROWS.contains(&aggregate).then_some(aggregate)
}

/// None: there is no such aggregate of lists.
pub(super) fn aggregate(
    name: &str,
    list: &Expr,
    more: &[Expr],
    dialect: Dialect,
) -> Result<Option<Expr>, Diagnostic> {
    if let ("string_agg", [by]) = (name, more) {
        let joined = "(case when len(list_filter(_1, lambda x : x is not null)) > 0 then array_to_string(_1, _2) end)";
        return Ok(fill(joined, &[list.clone(), by.clone()]));
    }
    if let (Some((_, engine)), []) = (OF_ENGINE.iter().find(|(of, _)| *of == name), more) {
        return Ok(fill(engine, std::slice::from_ref(list)));
    }
    if !AS_ROWS.contains(&name) {
        return Ok(None);
    }
    let places: String = (1..=more.len()).map(|at| format!(", _{at}")).collect();
    let Some(mut call) = fill(&format!("{name}(forebay_item{places})"), more) else {
        return Ok(None);
    };
    super::rewrite(&mut call, dialect)?;
    Ok(fill(
        "(select _2 from unnest(_1) as forebay_items(forebay_item))",
        &[list.clone(), call],
    ))
}
