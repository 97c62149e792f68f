//! `adapter.dispatch`: as in dbt, what it looks for has to be there, whether or not the macro that says so is called.

use forebay_core::Diagnostic;

use crate::jinja::{BUILTIN, Macro, Shared, calls};
use crate::problems::Problems;
use crate::text;

/// What dbt has macros for, and we do otherwise or not at all.
const OF_DBT: &[&str] = &[
    "alter_table_set_partitioned_by",
    "alter_table_set_sorted_by",
    "call_dcl_statements",
    "can_clone_table",
    "check_schema_exists",
    "collect_freshness",
    "collect_freshness_custom_sql",
    "create_or_replace_clone",
    "dispatch_temporary_relation",
    "drop_materialized_view",
    "drop_schema_named",
    "drop_table",
    "drop_view",
    "flight_name",
    "format_column",
    "formatted_scalar_function_args_javascript",
    "formatted_scalar_function_args_sql",
    "function_execute_build_sql",
    "generate_latest_version_pointer_alias",
    "get_aggregate_function_create_replace_signature",
    "get_aggregate_function_volatility_specifier",
    "get_alter_materialized_view_as_sql",
    "get_catalog",
    "get_catalog_columns_sql",
    "get_catalog_for_single_relation",
    "get_catalog_relations",
    "get_catalog_relations_where_clause_sql",
    "get_catalog_results_sql",
    "get_catalog_schemas_where_clause_sql",
    "get_catalog_tables_sql",
    "get_column_names",
    "get_columns_in_query",
    "get_columns_in_relation",
    "get_create_backup_sql",
    "get_create_index_sql",
    "get_create_intermediate_sql",
    "get_create_materialized_view_as_sql",
    "get_dcl_statement_list",
    "get_drop_backup_sql",
    "get_drop_index_sql",
    "get_empty_schema_sql",
    "get_formatted_aggregate_function_args",
    "get_function_language_specifier",
    "get_function_python_options",
    "get_grant_sql",
    "get_insert_overwrite_merge_sql",
    "get_limit_sql",
    "get_materialized_view_configuration_changes",
    "get_merge_unique_key_match",
    "get_partitioned_by",
    "get_relation_last_modified",
    "get_relations",
    "get_rename_intermediate_sql",
    "get_rename_materialized_view_sql",
    "get_rename_table_sql",
    "get_rename_view_sql",
    "get_replace_materialized_view_sql",
    "get_replace_sql",
    "get_replace_table_sql",
    "get_replace_view_sql",
    "get_revoke_sql",
    "get_show_grant_sql",
    "get_show_indexes_sql",
    "get_sorted_by",
    "get_table_columns_and_constraints",
    "get_unit_test_sql",
    "handle_existing_table",
    "information_schema_name",
    "list_function_relations_without_caching",
    "list_relations_without_caching",
    "list_schemas",
    "merge_join_clause",
    "refresh_materialized_view",
    "resolve_model_name",
    "scalar_function_body_sql",
    "scalar_function_create_replace_signature_sql",
    "scalar_function_sql",
    "scalar_function_volatility_javascript",
    "scalar_function_volatility_sql",
    "snapshot_string_as_time",
    "support_multiple_grantees_per_dcl_statement",
    "unsupported_volatility_warning",
    "validate_fixture_rows",
    "validate_sql",
];

/// Tells what nobody has. The engine at hand decides which macros are looked for: of other adapters too little is
/// known.
pub(super) fn check(shared: &Shared, problems: &Problems) {
    if shared.target.kind != "duckdb" {
        return;
    }
    let own = shared.macros.all().filter(|found| found.package != BUILTIN);
    for found in own.filter(|found| found.text.contains("dispatch")) {
        check_macro(shared, found, problems);
    }
}

fn check_macro(shared: &Shared, found: &Macro, problems: &Problems) {
    let code = calls::code(&found.text);
    for call in calls::dispatches(&found.text, &code) {
        let place = text::below(&found.location, &found.text, call.at);
        if call.unread {
            let message = "macro_namespace of adapter.dispatch must be a text, and no expression";
            problems.push(Diagnostic::error(message).at(place));
            continue;
        }
        let namespace = call.namespace.as_deref();
        let is_of_dbt =
            || OF_DBT.contains(&&*call.name) && namespace.is_none_or(|of| of == BUILTIN);
        if shared.dispatched_to(&call.name, namespace).is_some() || is_of_dbt() {
            continue;
        }
        let name = &call.name;
        let of = namespace
            .map(|of| format!(" of '{of}'"))
            .unwrap_or_default();
        let message = format!("adapter.dispatch looks for a macro '{name}'{of} that nobody has");
        let hint = format!(
            "it would be called default__{name}, or {}__{name}",
            shared.target.kind
        );
        problems.push(Diagnostic::error(message).at(place).hint(hint));
    }
}
