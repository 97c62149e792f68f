//! Functions that the engine has under another name.

use crate::types::Dialect;

const BOTH: &[(&str, &str)] = &[
    // text
    ("ceiling", "ceil"),
    ("char", "chr"),
    ("convert_to", "encode"),
    ("lcase", "lower"),
    ("prefix", "starts_with"),
    ("sign", "signum"),
    ("strlen", "octet_length"),
    ("suffix", "ends_with"),
    ("ucase", "upper"),
    ("gen_random_uuid", "uuid"),
    // aggregates
    ("approx_count_distinct", "approx_distinct"),
    ("approx_quantile", "approx_percentile_cont"),
    ("arbitrary", "any_value"),
    ("every", "bool_and"),
    ("group_concat", "string_agg"),
    ("list", "array_agg"),
    ("listagg", "string_agg"),
    ("std", "stddev"),
    ("variance", "var_samp"),
    // lists
    ("apply", "array_transform"),
    ("array_apply", "array_transform"),
    ("array_cat", "array_concat"),
    ("array_extract", "array_element"),
    ("array_indexof", "array_position"),
    ("array_push_back", "array_append"),
    ("array_remove", "array_remove_all"),
    ("list_apply", "array_transform"),
    ("list_cat", "array_concat"),
    ("list_element", "array_element"),
    ("list_extract", "array_element"),
    ("list_indexof", "array_position"),
    ("list_min", "array_min"),
    ("list_pack", "make_array"),
    ("list_position", "array_position"),
    ("list_remove", "array_remove_all"),
    ("list_value", "make_array"),
    // times
    ("get_current_timestamp", "now"),
    ("transaction_timestamp", "now"),
    ("statement_timestamp", "now"),
    ("clock_timestamp", "now"),
    // structures
    ("struct_extract", "get_field"),
];

const DUCKDB: &[(&str, &str)] = &[
    ("grouping_id", "grouping"),
    ("json", "json_normal"),
    ("json_extract", "json_normal_part"),
    ("json_extract_path", "json_normal_part"),
    ("json_extract_path_text", "json_normal_text"),
    ("json_extract_string", "json_normal_text"),
    ("quantile", "quantile_disc"),
];

pub(super) fn of_engine(name: &str, dialect: Dialect) -> Option<&'static str> {
    let of_dialect = match dialect {
        Dialect::DuckDb => DUCKDB,
        Dialect::Postgres => &[],
    };
    let all = BOTH.iter().chain(of_dialect);
    all.into_iter()
        .find(|(other, _)| *other == name)
        .map(|(_, engine)| *engine)
}
