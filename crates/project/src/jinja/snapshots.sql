{# Snapshots by macros. What has changed is first a table beside the snapshot, whose column dbt_change_type says what becomes of
   each row (insert, update, delete); then one statement merges it. #}

{% materialization snapshot, default %}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target = this.incorporate(type='table') -%}
  {%- if existing is not none and existing.is_view -%}
    {%- do exceptions.raise_compiler_error(this ~ ' is a view, not a snapshot') -%}
  {%- endif -%}
  {{ run_hooks(pre_hooks, inside_transaction=false) }}
  {{ run_hooks(pre_hooks, inside_transaction=true) }}
  {%- set strategy_macro = strategy_dispatch(config.get('strategy')) -%}
  {%- set strategy = strategy_macro(model, 'snapshotted_data', 'source_data', model.config, existing is not none) -%}
  {%- if existing is none -%}
    {%- call statement('main') -%}{{ create_table_as(false, target, build_snapshot_table(strategy, sql)) }}{%- endcall -%}
    {%- do create_indexes(target) -%}
  {%- else -%}
    {%- set staging = build_snapshot_staging_table(strategy, sql, target) -%}
    {%- set new, names = [], [] -%}
    {%- for column in adapter.get_missing_columns(staging, target) if not is_of_staging(column.name) -%}
      {%- do new.append(column) -%}
    {%- endfor -%}
    {%- do create_columns(target, new) -%}
    {%- for column in adapter.get_columns_in_relation(staging) if not is_of_staging(column.name) -%}
      {%- do names.append(adapter.quote(column.name)) -%}
    {%- endfor -%}
    {%- call statement('main') -%}{{ snapshot_merge_sql(target=target, source=staging, insert_cols=names) }}{%- endcall -%}
    {%- do post_snapshot(staging) -%}
    {%- do adapter.drop_relation(staging) -%}
  {%- endif -%}
  {%- do finish_relation(target, existing) -%}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}

{% macro is_of_staging(name) %}
  {%- set name = name | lower -%}
  {{ return(name == 'dbt_change_type' or name.startswith('dbt_unique_key')) }}
{% endmacro %}
{% macro build_snapshot_staging_table(strategy, sql, target_relation) %}
  {%- set staging = make_temp_relation(target_relation) -%}
  {%- do drop_relation_if_exists(load_cached_relation(staging)) -%}
  {%- do run_query(create_table_as(true, staging, snapshot_staging_table(strategy, sql, target_relation))) -%}
  {{ return(staging) }}
{% endmacro %}
{% macro post_snapshot(staging_relation) %}{{ return(adapter.dispatch('post_snapshot', 'dbt')(staging_relation)) }}{% endmacro %}
{% macro default__post_snapshot(staging_relation) %}{% endmacro %}
{% macro create_columns(relation, columns) %}{{ return(adapter.dispatch('create_columns', 'dbt')(relation, columns)) }}{% endmacro %}
{% macro default__create_columns(relation, columns) %}{%- do alter_relation_add_remove_columns(relation, columns, none) -%}{% endmacro %}

{# The names of the columns that a snapshot adds. #}
{% macro get_snapshot_table_column_names() %}
  {%- set names = ['dbt_valid_to', 'dbt_valid_from', 'dbt_scd_id', 'dbt_updated_at', 'dbt_is_deleted'] -%}
  {{ return(dict(zip(names, names))) }}
{% endmacro %}
{% macro snapshot_columns() %}
  {%- set names = get_snapshot_table_column_names() -%}
  {%- for column, name in (config.get('snapshot_meta_column_names') or {}).items() if name -%}
    {%- do names.update({column: name}) -%}
  {%- endfor -%}
  {{ return(names) }}
{% endmacro %}

{# The table of a first run. #}
{% macro build_snapshot_table(strategy, sql) %}
  {{ return(adapter.dispatch('build_snapshot_table', 'dbt')(strategy, sql)) }}
{% endmacro %}
{% macro default__build_snapshot_table(strategy, sql) -%}
  {%- set names = snapshot_columns() -%}
  select *, {{ snapshot_version(strategy, names) }}
  {%- if strategy.hard_deletes == 'new_record' %}, 'False' as {{ names.dbt_is_deleted }}{% endif %}
  from (
    {{ sql }}
  ) as source_rows
{%- endmacro %}
{% macro snapshot_version(strategy, names) -%}
  {{ strategy.scd_id }} as {{ names.dbt_scd_id }}, {{ strategy.updated_at }} as {{ names.dbt_updated_at }},
  {{ strategy.updated_at }} as {{ names.dbt_valid_from }}, {{ get_dbt_valid_to_current(strategy, names) }}
{%- endmacro %}
{% macro get_dbt_valid_to_current(strategy, columns) -%}
  coalesce(nullif({{ strategy.updated_at }}, {{ strategy.updated_at }}), {{ config.get('dbt_valid_to_current') or 'null' }}) as {{ columns.dbt_valid_to }}
{%- endmacro %}

{# What has changed since the last run. #}
{% macro snapshot_staging_table(strategy, source_sql, target_relation) %}
  {{ return(adapter.dispatch('snapshot_staging_table', 'dbt')(strategy, source_sql, target_relation)) }}
{% endmacro %}
{% macro default__snapshot_staging_table(strategy, source_sql, target_relation) -%}
  {%- set names, key = snapshot_columns(), strategy.unique_key -%}
  {%- set forever = config.get('dbt_valid_to_current') -%}
  {%- set records = strategy.hard_deletes == 'new_record' -%}
  {%- set known = adapter.get_columns_in_relation(target_relation) | map(attribute='name') | map('lower') | list -%}
  {%- set source_columns = get_columns_in_query(source_sql) -%}
  {%- set keys = snapshot_key_names(key) -%}
  {%- set was_deleted = 'snapshotted_data.' ~ names.dbt_is_deleted ~ " = 'True'" -%}
  with source_data as (
    select *, {{ unique_key_fields(key) }}, {{ snapshot_version(strategy, names) }}
    from (
      {{ source_sql }}
    ) as source_rows
  ),
  snapshotted_data as (
    select *, {{ unique_key_fields(key) }} from {{ target_relation }}
    where {{ names.dbt_valid_to }} is null{% if forever %} or {{ names.dbt_valid_to }} = {{ forever }}{% endif %}
  ),
  changed as (
    select source_data.*, snapshotted_data.{{ names.dbt_scd_id }} as dbt_old_scd_id,
      {{ unique_key_is_null(key, 'snapshotted_data') }} as dbt_is_new
      {%- if records %}, snapshotted_data.{{ names.dbt_is_deleted }} as dbt_old_is_deleted{% endif %}
    from source_data left join snapshotted_data on {{ unique_key_join_on(key, 'snapshotted_data', 'source_data') }}
    where {{ unique_key_is_null(key, 'snapshotted_data') }} or {{ strategy.row_changed }}{% if records %} or {{ was_deleted }}{% endif %}
  )
  {%- set rows = get_quoted_csv(source_columns) ~ ', ' ~ (keys + [names.dbt_updated_at, names.dbt_valid_from]) | join(', ') %}
  select 'insert' as dbt_change_type, {{ rows }}, {{ names.dbt_valid_to }}, {{ names.dbt_scd_id }}
    {%- if records %}, 'False' as {{ names.dbt_is_deleted }}{% endif %}
  from changed
  union all
  select 'update', {{ rows }}, {{ names.dbt_updated_at }} as {{ names.dbt_valid_to }}, dbt_old_scd_id{% if records %}, dbt_old_is_deleted{% endif %}
  from changed where not dbt_is_new
  {%- if strategy.hard_deletes in ['invalidate', 'new_record'] %}
  {%- set gone = ['delete', 'insert'] if records else ['delete'] -%}
  {%- for change in gone %}
  union all
  select '{{ change }}',
    {%- for column in source_columns %}
    {{ 'snapshotted_data' if column | lower in known else 'source_data' }}.{{ adapter.quote(column) }},
    {%- endfor %}
    {%- for key in keys %} snapshotted_data.{{ key }},{% endfor %}
    {{ snapshot_get_time() }} as {{ names.dbt_updated_at }}, {{ snapshot_get_time() }} as {{ names.dbt_valid_from }},
    {% if change == 'delete' -%}
    {{ snapshot_get_time() }} as {{ names.dbt_valid_to }}, snapshotted_data.{{ names.dbt_scd_id }}{% if records %}, snapshotted_data.{{ names.dbt_is_deleted }}{% endif %}
    {%- else -%}
    snapshotted_data.{{ names.dbt_valid_to }}, {{ snapshot_hash_arguments(['snapshotted_data.' ~ names.dbt_scd_id, snapshot_get_time()]) }}, 'True'
    {%- endif %}
  from snapshotted_data left join source_data on {{ unique_key_join_on(key, 'snapshotted_data', 'source_data') }}
  where {{ unique_key_is_null(key, 'source_data') }}{% if records %} and not {{ was_deleted }}{% endif %}
  {%- endfor %}
  {%- endif %}
{%- endmacro %}

{# Keys: one or several. #}
{% macro snapshot_keys(unique_key) %}{{ return([unique_key] if unique_key is string else unique_key | list) }}{% endmacro %}
{% macro snapshot_key_names(unique_key) %}
  {%- if unique_key is string -%}{{ return(['dbt_unique_key']) }}{%- endif -%}
  {%- set names = [] -%}
  {%- for key in unique_key -%}{%- do names.append('dbt_unique_key_' ~ loop.index) -%}{%- endfor -%}
  {{ return(names) }}
{% endmacro %}
{% macro unique_key_fields(unique_key) -%}
  {% for key, name in zip(snapshot_keys(unique_key), snapshot_key_names(unique_key)) %}{{ key }} as {{ name }}{{ ', ' if not loop.last }}{% endfor %}
{%- endmacro %}
{% macro unique_key_join_on(unique_key, identifier, from_identifier) -%}
  {% for name in snapshot_key_names(unique_key) %}{{ identifier }}.{{ name }} = {{ from_identifier }}.{{ name }}{{ ' and ' if not loop.last }}{% endfor %}
{%- endmacro %}
{% macro unique_key_is_null(unique_key, identifier) -%}
  {{ identifier }}.{{ snapshot_key_names(unique_key)[0] }} is null
{%- endmacro %}
{% macro unique_key_is_not_null(unique_key, identifier) -%}
  {{ identifier }}.{{ snapshot_key_names(unique_key)[0] }} is not null
{%- endmacro %}

{# Versions that end, and new ones. #}
{% macro snapshot_merge_sql(target, source, insert_cols) %}
  {{ return(adapter.dispatch('snapshot_merge_sql', 'dbt')(target, source, insert_cols)) }}
{% endmacro %}
{% macro default__snapshot_merge_sql(target, source, insert_cols) -%}
  {%- set names, forever = snapshot_columns(), config.get('dbt_valid_to_current') -%}
  merge into {{ target }} as DBT_INTERNAL_DEST
  using {{ source }} as DBT_INTERNAL_SOURCE
  on DBT_INTERNAL_SOURCE.{{ names.dbt_scd_id }} = DBT_INTERNAL_DEST.{{ names.dbt_scd_id }}
    and DBT_INTERNAL_SOURCE.dbt_change_type in ('update', 'delete')
  when matched
    and (DBT_INTERNAL_DEST.{{ names.dbt_valid_to }} is null{% if forever %} or DBT_INTERNAL_DEST.{{ names.dbt_valid_to }} = {{ forever }}{% endif %})
    then update set {{ names.dbt_valid_to }} = DBT_INTERNAL_SOURCE.{{ names.dbt_valid_to }}
  when not matched and DBT_INTERNAL_SOURCE.dbt_change_type = 'insert'
    then insert ({{ insert_cols | join(', ') }})
    values ({% for name in insert_cols %}DBT_INTERNAL_SOURCE.{{ name }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{# Strategies: what makes a new version of a row, and what it is called. #}
{% macro strategy_dispatch(name) %}
  {%- set parts = name.split('.') -%}
  {%- set macros = context if parts | length == 1 else context[parts[0]] -%}
  {{ return(macros['snapshot_' ~ parts[-1] ~ '_strategy']) }}
{% endmacro %}
{% macro snapshot_strategy(updated_at, row_changed) %}
  {%- set hard_deletes, key = adapter.get_hard_deletes_behavior(config), config.get('unique_key') -%}
  {{ return({
    'unique_key': key,
    'updated_at': updated_at,
    'row_changed': row_changed,
    'scd_id': snapshot_hash_arguments(api.Relation.scd_args(key, updated_at)),
    'invalidate_hard_deletes': hard_deletes == 'invalidate',
    'hard_deletes': hard_deletes,
  }) }}
{% endmacro %}
{% macro snapshot_timestamp_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
  {%- set updated_at = config.get('updated_at') -%}
  {{ return(snapshot_strategy(updated_at,
    '(' ~ snapshotted_rel ~ '.' ~ snapshot_columns().dbt_valid_from ~ ' < ' ~ current_rel ~ '.' ~ updated_at ~ ')')) }}
{% endmacro %}
{% macro snapshot_check_strategy(node, snapshotted_rel, current_rel, model_config, target_exists) %}
  {%- set added, columns = snapshot_check_all_get_existing_columns(node, target_exists, config.get('check_cols')) -%}
  {%- set changed = [get_true_sql()] if added else [] -%}
  {%- for column in columns -%}
    {%- do changed.append(snapshotted_rel ~ '.' ~ column ~ ' is distinct from ' ~ current_rel ~ '.' ~ column) -%}
  {%- endfor -%}
  {{ return(snapshot_strategy(config.get('updated_at') or snapshot_get_time(), '(' ~ (changed | join(' or ') or 'false') ~ ')')) }}
{% endmacro %}
{% macro get_true_sql() %}{{ return(adapter.dispatch('get_true_sql', 'dbt')()) }}{% endmacro %}
{% macro default__get_true_sql() %}{{ return('true') }}{% endmacro %}
{# Whether the query has columns that the snapshot lacks, and those to compare. #}
{% macro snapshot_check_all_get_existing_columns(node, target_exists, check_cols_config) %}
  {%- if not target_exists -%}{{ return((false, [])) }}{%- endif -%}
  {%- set known = adapter.get_columns_in_relation(this) | map(attribute='name') | map('lower') | list -%}
  {%- set wanted = get_columns_in_query(node.compiled_code) if check_cols_config == 'all' else check_cols_config -%}
  {%- set columns = [] -%}
  {%- for name in wanted if name | lower in known -%}{%- do columns.append(adapter.quote(name)) -%}{%- endfor -%}
  {{ return((columns | length < wanted | length, columns)) }}
{% endmacro %}
{% macro snapshot_get_time() %}{{ return(adapter.dispatch('snapshot_get_time', 'dbt')()) }}{% endmacro %}
{% macro default__snapshot_get_time() %}{{ return(current_timestamp()) }}{% endmacro %}
{% macro postgres__snapshot_get_time() %}{{ return(current_timestamp() ~ '::timestamp without time zone') }}{% endmacro %}
{% macro duckdb__snapshot_get_time() %}{{ return(current_timestamp() ~ '::timestamp') }}{% endmacro %}
{% macro snapshot_hash_arguments(args) %}{{ return(adapter.dispatch('snapshot_hash_arguments', 'dbt')(args)) }}{% endmacro %}
{% macro default__snapshot_hash_arguments(args) -%}
  md5({% for arg in args %}coalesce(cast({{ arg }} as varchar), ''){% if not loop.last %} || '|' || {% endif %}{% endfor %})
{%- endmacro %}
