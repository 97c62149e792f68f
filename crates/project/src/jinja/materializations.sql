{# The built-in materialisations once more, as templates: they build a node where the project has put a macro of its
   own in the place of one that they call, and where a materialisation of the project calls them. #}

{# The new rows are made beside the old ones, and take their place in one commit. #}
{% macro build_table(target, sql) %}
  {%- set fresh = make_intermediate_relation(target) -%}
  {%- do drop_relation_if_exists(load_cached_relation(fresh)) -%}
  {%- call statement('main') -%}{{ get_create_table_as_sql(false, fresh, sql) }}{%- endcall -%}
  {%- do create_indexes(fresh) -%}
  {%- do adapter.rename_relation(fresh, target) -%}
{% endmacro %}
{% macro build_view(target, sql) %}
  {%- set fresh = make_intermediate_relation(target) -%}
  {%- do drop_relation_if_exists(load_cached_relation(fresh)) -%}
  {%- call statement('main') -%}{{ get_create_view_as_sql(fresh, sql) }}{%- endcall -%}
  {%- do adapter.rename_relation(fresh, target) -%}
{% endmacro %}

{% macro finish_relation(target, existing) %}
  {{ run_hooks(post_hooks, inside_transaction=true) }}
  {%- do apply_grants(target, config.get('grants'), should_revoke=should_revoke(existing)) -%}
  {%- do persist_docs(target, model) -%}
  {%- do adapter.commit() -%}
  {{ run_hooks(post_hooks, inside_transaction=false) }}
{% endmacro %}

{% materialization table, default %}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target = this.incorporate(type='table') -%}
  {{ run_hooks(pre_hooks, inside_transaction=false) }}
  {{ run_hooks(pre_hooks, inside_transaction=true) }}
  {%- do build_table(target, sql) -%}
  {%- do finish_relation(target, existing) -%}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}

{% materialization view, default %}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target = this.incorporate(type='view') -%}
  {{ run_hooks(pre_hooks, inside_transaction=false) }}
  {{ run_hooks(pre_hooks, inside_transaction=true) }}
  {%- do build_view(target, sql) -%}
  {%- do finish_relation(target, existing) -%}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}

{% macro create_or_replace_view() %}
  {%- set target = this.incorporate(type='view') -%}
  {{ run_hooks(pre_hooks) }}
  {%- do build_view(target, sql) -%}
  {{ run_hooks(post_hooks) }}
  {{ return({'relations': [target]}) }}
{% endmacro %}

{% materialization incremental, default %}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target = this.incorporate(type='table') -%}
  {%- set change = incremental_validate_on_schema_change(config.get('on_schema_change')) -%}
  {{ run_hooks(pre_hooks, inside_transaction=false) }}
  {{ run_hooks(pre_hooks, inside_transaction=true) }}
  {%- if existing is none or existing.is_view or should_full_refresh() -%}
    {%- do build_table(target, sql) -%}
  {%- else -%}
    {%- set new_rows = make_temp_relation(target) -%}
    {%- do drop_relation_if_exists(load_cached_relation(new_rows)) -%}
    {%- do run_query(get_create_table_as_sql(true, new_rows, sql)) -%}
    {%- do adapter.expand_target_column_types(from_relation=new_rows, to_relation=target) -%}
    {%- set columns = process_schema_changes(change, new_rows, existing) or adapter.get_columns_in_relation(existing) -%}
    {%- set strategy = adapter.get_incremental_strategy_macro(context, config.get('incremental_strategy') or 'default') -%}
    {%- set build_sql = strategy({
      'target_relation': target,
      'temp_relation': new_rows,
      'unique_key': config.get('unique_key'),
      'dest_columns': columns,
      'incremental_predicates': config.get('incremental_predicates') or config.get('predicates'),
    }) -%}
    {%- call statement('main') -%}{{ build_sql }}{%- endcall -%}
    {%- do adapter.drop_relation(new_rows) -%}
  {%- endif -%}
  {%- do finish_relation(target, existing) -%}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}

{# How the new rows come into the table: a macro a strategy. #}

{% macro get_incremental_default_sql(arg_dict) %}
  {{ return(adapter.dispatch('get_incremental_default_sql', 'dbt')(arg_dict)) }}
{% endmacro %}
{% macro default__get_incremental_default_sql(arg_dict) %}
  {%- if arg_dict['unique_key'] -%}{{ return(get_incremental_delete_insert_sql(arg_dict)) }}{%- endif -%}
  {{ return(get_incremental_append_sql(arg_dict)) }}
{% endmacro %}
{% macro get_incremental_append_sql(arg_dict) %}
  {{ return(adapter.dispatch('get_incremental_append_sql', 'dbt')(arg_dict)) }}
{% endmacro %}
{% macro default__get_incremental_append_sql(arg_dict) %}
  {{ return(get_insert_into_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['dest_columns'])) }}
{% endmacro %}
{% macro get_insert_into_sql(target_relation, temp_relation, dest_columns) -%}
  {%- set columns = get_quoted_csv(dest_columns | map(attribute='name')) -%}
  insert into {{ target_relation }} ({{ columns }}) (select {{ columns }} from {{ temp_relation }});
{%- endmacro %}
{% macro get_incremental_delete_insert_sql(arg_dict) %}
  {{ return(adapter.dispatch('get_incremental_delete_insert_sql', 'dbt')(arg_dict)) }}
{% endmacro %}
{% macro default__get_incremental_delete_insert_sql(arg_dict) %}
  {{ return(get_delete_insert_merge_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'],
    arg_dict['dest_columns'], arg_dict['incremental_predicates'])) }}
{% endmacro %}
{% macro get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) %}
  {{ return(adapter.dispatch('get_delete_insert_merge_sql', 'dbt')(target, source, unique_key, dest_columns, incremental_predicates)) }}
{% endmacro %}
{% macro default__get_delete_insert_merge_sql(target, source, unique_key, dest_columns, incremental_predicates) -%}
  {%- set keys = [unique_key] if unique_key is string else unique_key or [] -%}
  {%- if keys %}
  delete from {{ target }} as DBT_INTERNAL_DEST
  where exists (
    select 1 from {{ source }} as DBT_INTERNAL_SOURCE
    where {% for key in keys %}DBT_INTERNAL_SOURCE.{{ key }} = DBT_INTERNAL_DEST.{{ key }}{{ ' and ' if not loop.last }}{% endfor %}
  )
  {%- for predicate in incremental_predicates or [] %} and {{ predicate }}{% endfor %};
  {%- endif %}
  {{ get_insert_into_sql(target, source, dest_columns) }}
{%- endmacro %}
{% macro get_incremental_merge_sql(arg_dict) %}
  {{ return(adapter.dispatch('get_incremental_merge_sql', 'dbt')(arg_dict)) }}
{% endmacro %}
{% macro default__get_incremental_merge_sql(arg_dict) %}
  {{ return(get_merge_sql(arg_dict['target_relation'], arg_dict['temp_relation'], arg_dict['unique_key'],
    arg_dict['dest_columns'], arg_dict['incremental_predicates'])) }}
{% endmacro %}
{% macro get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) %}
  {{ return(adapter.dispatch('get_merge_sql', 'dbt')(target, source, unique_key, dest_columns, incremental_predicates)) }}
{% endmacro %}
{% macro default__get_merge_sql(target, source, unique_key, dest_columns, incremental_predicates=none) -%}
  {%- set keys = [unique_key] if unique_key is string else unique_key or [] -%}
  {%- set conditions = incremental_predicates | list if incremental_predicates else [] -%}
  {%- for key in keys -%}
    {%- do conditions.append('DBT_INTERNAL_SOURCE.' ~ key ~ ' = DBT_INTERNAL_DEST.' ~ key) -%}
  {%- endfor -%}
  {%- if not keys -%}{%- do conditions.append('false') -%}{%- endif -%}
  {%- set updated = get_merge_update_columns(config.get('merge_update_columns'), config.get('merge_exclude_columns'), dest_columns) -%}
  {%- set names = get_quoted_csv(dest_columns | map(attribute='name')) -%}
  merge into {{ target }} as DBT_INTERNAL_DEST
  using {{ source }} as DBT_INTERNAL_SOURCE
  on ({{ conditions | join(') and (') }})
  {%- if keys and updated %}
  when matched then update set
    {% for name in updated %}{{ name }} = DBT_INTERNAL_SOURCE.{{ name }}{{ ', ' if not loop.last }}{% endfor %}
  {%- endif %}
  when not matched then insert ({{ names }})
  values ({% for column in dest_columns %}DBT_INTERNAL_SOURCE.{{ column.quoted }}{{ ', ' if not loop.last }}{% endfor %});
{%- endmacro %}
{% macro get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) %}
  {{ return(adapter.dispatch('get_merge_update_columns', 'dbt')(merge_update_columns, merge_exclude_columns, dest_columns)) }}
{% endmacro %}
{% macro default__get_merge_update_columns(merge_update_columns, merge_exclude_columns, dest_columns) %}
  {%- if merge_update_columns -%}{{ return(merge_update_columns) }}{%- endif -%}
  {%- set excluded = (merge_exclude_columns or []) | map('lower') | list -%}
  {%- set names = [] -%}
  {%- for column in dest_columns if column.name | lower not in excluded -%}{%- do names.append(column.quoted) -%}{%- endfor -%}
  {{ return(names) }}
{% endmacro %}
{% macro get_incremental_insert_overwrite_sql(arg_dict) %}
  {{ return(adapter.dispatch('get_incremental_insert_overwrite_sql', 'dbt')(arg_dict)) }}
{% endmacro %}
{% macro default__get_incremental_insert_overwrite_sql(arg_dict) %}
  {%- do exceptions.raise_compiler_error('insert_overwrite has no macro beside the built-in materialization') -%}
{% endmacro %}
{% macro get_incremental_microbatch_sql(arg_dict) %}
  {{ return(adapter.dispatch('get_incremental_microbatch_sql', 'dbt')(arg_dict)) }}
{% endmacro %}
{% macro default__get_incremental_microbatch_sql(arg_dict) %}
  {%- do exceptions.raise_compiler_error('microbatch has no macro beside the built-in materialization') -%}
{% endmacro %}

{# What happens where the new rows have other columns than the table. #}

{% macro incremental_validate_on_schema_change(on_schema_change, default='ignore') %}
  {%- set known = ['ignore', 'fail', 'append_new_columns', 'sync_all_columns'] -%}
  {{ return(on_schema_change if on_schema_change in known else default) }}
{% endmacro %}
{% macro check_for_schema_changes(source_relation, target_relation) %}
  {{ return(adapter.dispatch('check_for_schema_changes', 'dbt')(source_relation, target_relation)) }}
{% endmacro %}
{% macro default__check_for_schema_changes(source_relation, target_relation) %}
  {%- set new = adapter.get_columns_in_relation(source_relation) -%}
  {%- set old = adapter.get_columns_in_relation(target_relation) -%}
  {%- set added = diff_columns(new, old) -%}
  {%- set gone = diff_columns(old, new) -%}
  {%- set retyped = diff_column_data_types(new, old) -%}
  {{ return({
    'schema_changed': (added or gone or retyped) and true,
    'source_not_in_target': added,
    'target_not_in_source': gone,
    'source_columns': new,
    'target_columns': old,
    'new_target_types': retyped,
  }) }}
{% endmacro %}
{% macro process_schema_changes(on_schema_change, source_relation, target_relation) %}
  {{ return(adapter.dispatch('process_schema_changes', 'dbt')(on_schema_change, source_relation, target_relation)) }}
{% endmacro %}
{% macro default__process_schema_changes(on_schema_change, source_relation, target_relation) %}
  {%- if on_schema_change == 'ignore' -%}{{ return([]) }}{%- endif -%}
  {%- set changes = check_for_schema_changes(source_relation, target_relation) -%}
  {%- if changes['schema_changed'] -%}
    {%- if on_schema_change == 'fail' -%}
      {%- do exceptions.raise_compiler_error(
        'the columns of ' ~ target_relation ~ ' and of the new rows differ: only the new rows have '
        ~ changes['source_not_in_target'] | map(attribute='name') | join(', ') ~ '; only the table has '
        ~ changes['target_not_in_source'] | map(attribute='name') | join(', ')) -%}
    {%- endif -%}
    {%- do sync_column_schemas(on_schema_change, target_relation, changes) -%}
  {%- endif -%}
  {{ return(changes['source_columns']) }}
{% endmacro %}
{% macro sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) %}
  {{ return(adapter.dispatch('sync_column_schemas', 'dbt')(on_schema_change, target_relation, schema_changes_dict)) }}
{% endmacro %}
{% macro default__sync_column_schemas(on_schema_change, target_relation, schema_changes_dict) %}
  {%- set added = schema_changes_dict['source_not_in_target'] -%}
  {%- if on_schema_change == 'append_new_columns' -%}
    {%- do alter_relation_add_remove_columns(target_relation, added, none) -%}
  {%- elif on_schema_change == 'sync_all_columns' -%}
    {%- do alter_relation_add_remove_columns(target_relation, added, schema_changes_dict['target_not_in_source']) -%}
    {%- for retyped in schema_changes_dict['new_target_types'] -%}
      {%- do alter_column_type(target_relation, retyped['column_name'], retyped['new_type']) -%}
    {%- endfor -%}
  {%- endif -%}
{% endmacro %}

{# Tests: one row with the number of failures and the two verdicts. #}

{% materialization test, default %}
  {%- set relations = [] -%}
  {%- set failing = sql -%}
  {%- if should_store_failures() -%}
    {%- set target = this.incorporate(type='table') -%}
    {%- do build_table(target, sql) -%}
    {%- do relations.append(target) -%}
    {%- set failing = 'select * from ' ~ target -%}
  {%- endif -%}
  {%- call statement('main', fetch_result=true) -%}
    {{ get_test_sql(failing, config.get('fail_calc') or 'count(*)', config.get('warn_if') or '!= 0',
      config.get('error_if') or '!= 0', config.get('limit')) }}
  {%- endcall -%}
  {{ return({'relations': relations}) }}
{% endmaterialization %}
{% macro get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) %}
  {{ return(adapter.dispatch('get_test_sql', 'dbt')(main_sql, fail_calc, warn_if, error_if, limit)) }}
{% endmacro %}
{% macro default__get_test_sql(main_sql, fail_calc, warn_if, error_if, limit) -%}
  select failures, failures {{ warn_if }} as should_warn, failures {{ error_if }} as should_error
  from (
    select coalesce({{ fail_calc }}, 0) as failures
    from (
      select * from (
        {{ main_sql }}
      ) as failing_rows{% if limit is not none and limit != '' %} limit {{ limit }}{% endif %}
    ) as dbt_internal_test
  ) as measured
{%- endmacro %}
