//! What functions do to their arguments: explicit lists by name.
//!
//! A function that is in no list is a scalar function: its value is derived from all arguments.

/// How a call's value comes from its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// One value from each row's arguments.
    Scalar,
    /// One value from many rows.
    Aggregate,
    /// The value of the first argument in the row where the second is greatest or least.
    ArgMax,
    /// A number that only the order of rows decides (row_number), or that no row decides (now).
    Sourceless,
    /// The first argument that is not null: each but the last also decides on the next.
    Coalesce,
    /// The first argument, unless it equals the second.
    NullIf,
    /// `if(condition, then, else)`.
    If,
    /// `decode(x, a, then, b, then, ..., else)`.
    Decode,
}

/// The class of a function by its folded name.
pub(super) fn class(name: &str) -> Class {
    match name {
        "max_by" | "min_by" | "arg_max" | "arg_min" | "argmax" | "argmin" => Class::ArgMax,
        "coalesce" | "ifnull" | "nvl" => Class::Coalesce,
        "nullif" => Class::NullIf,
        "if" | "iif" | "iff" | "nvl2" => Class::If,
        "decode" => Class::Decode,
        _ if SOURCELESS.contains(&name) => Class::Sourceless,
        _ if AGGREGATES.contains(&name) => Class::Aggregate,
        _ => Class::Scalar,
    }
}

/// Whether the ordered-set aggregate `f(...) WITHIN GROUP (ORDER BY x)` only reads `x` for the order
/// in which it takes its arguments; for the others (percentiles, mode) `x` is what they read.
pub(super) fn order_is_only_order(name: &str) -> bool {
    matches!(
        name,
        "listagg" | "string_agg" | "array_agg" | "group_concat"
    )
}

/// Whether the function takes one row's value of a window; without OVER it is an aggregate.
pub(super) fn picks_a_row(name: &str) -> bool {
    matches!(name, "first_value" | "last_value" | "nth_value")
}

/// Whether the function hides the values that it is given.
pub(super) fn masks(name: &str) -> bool {
    MASKING.contains(&name)
}

/// Whether a call in the select list makes several rows of one.
pub(super) fn returns_rows(name: &str) -> bool {
    ROW_FUNCTIONS.contains(&name) || row_columns(name).is_some()
}

/// The columns of a table function that are not called like the function itself.
pub(super) fn row_columns(name: &str) -> Option<&'static [&'static str]> {
    match name {
        "json_each" | "jsonb_each" | "json_each_text" | "jsonb_each_text" | "each" => {
            Some(&["key", "value"])
        }
        "json_array_elements"
        | "jsonb_array_elements"
        | "json_array_elements_text"
        | "jsonb_array_elements_text" => Some(&["value"]),
        _ => None,
    }
}

const SOURCELESS: &[&str] = &[
    "row_number",
    "rank",
    "dense_rank",
    "percent_rank",
    "cume_dist",
    "ntile",
    "grouping",
    "grouping_id",
    "now",
    "random",
    "current_date",
    "current_time",
    "current_timestamp",
];

const MASKING: &[&str] = &[
    "md5",
    "sha1",
    "sha224",
    "sha256",
    "sha384",
    "sha512",
    "digest",
    "hmac",
    "crypt",
    "hash",
    "hashtext",
    "xxhash64",
    "murmur3_32",
    "count",
    "approx_distinct",
    "approx_count_distinct",
];

const ROW_FUNCTIONS: &[&str] = &[
    "unnest",
    "explode",
    "generate_series",
    "generate_subscripts",
    "range",
    "json_object_keys",
    "jsonb_object_keys",
    "jsonb_path_query",
    "regexp_matches",
    "regexp_split_to_table",
    "string_to_table",
];

const AGGREGATES: &[&str] = &[
    "any_value",
    "approx_count_distinct",
    "approx_distinct",
    "approx_median",
    "approx_percentile_cont",
    "approx_percentile_cont_with_weight",
    "approx_quantile",
    "array_agg",
    "avg",
    "bit_and",
    "bit_or",
    "bit_xor",
    "bool_and",
    "bool_or",
    "corr",
    "count",
    "count_if",
    "countif",
    "covar",
    "covar_pop",
    "covar_samp",
    "every",
    "first",
    "group_concat",
    "histogram",
    "json_agg",
    "json_agg_strict",
    "json_arrayagg",
    "json_object_agg",
    "json_objectagg",
    "jsonb_agg",
    "jsonb_agg_strict",
    "jsonb_object_agg",
    "kurtosis",
    "last",
    "list",
    "listagg",
    "mad",
    "max",
    "mean",
    "median",
    "middle_of",
    "min",
    "mode",
    "percentile_cont",
    "percentile_disc",
    "product",
    "quantile",
    "quantile_cont",
    "quantile_disc",
    "range_agg",
    "range_intersect_agg",
    "regr_avgx",
    "regr_avgy",
    "regr_count",
    "regr_intercept",
    "regr_r2",
    "regr_slope",
    "regr_sxx",
    "regr_sxy",
    "regr_syy",
    "skewness",
    "std",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "string_agg",
    "sum",
    "total",
    "var",
    "var_pop",
    "var_samp",
    "var_sample",
    "variance",
    "xmlagg",
];
