{# Seeds by macros. The file's rows are there already, in a table beside the seed's that goes when the seed is done. #}

{% materialization seed, default %}
  {%- set existing = load_cached_relation(this) -%}
  {%- set target = this.incorporate(type='table') -%}
  {%- set afresh = should_full_refresh() -%}
  {%- set rows = load_agate_table() -%}
  {%- do store_result('agate_table', response='OK', agate_table=rows) -%}
  {{ run_hooks(pre_hooks, inside_transaction=false) }}
  {{ run_hooks(pre_hooks, inside_transaction=true) }}
  {%- if existing is none -%}
    {%- set made = create_csv_table(model, rows) -%}
  {%- elif existing.is_view -%}
    {%- do exceptions.raise_compiler_error(this ~ ' is a view, not a seed') -%}
  {%- else -%}
    {%- set made = reset_csv_table(model, afresh, existing, rows) -%}
  {%- endif -%}
  {%- set loaded = load_csv_rows(model, rows) if rows | length else '' -%}
  {%- call noop_statement('main') -%}{{ get_csv_sql(made, loaded) }}{%- endcall -%}
  {%- if afresh or existing is none -%}{%- do create_indexes(target) -%}{%- endif -%}
  {%- do finish_relation(target, existing) -%}
  {{ return({'relations': [target]}) }}
{% endmaterialization %}

{% macro seed_rows() %}{{ return(this.incorporate(path={'identifier': this.identifier ~ '__dbt_seed'})) }}{% endmacro %}
{% macro load_agate_table() %}{{ return(run_query('select * from ' ~ seed_rows())) }}{% endmacro %}
{% macro get_seed_column_quoted_csv(model, column_names) %}
  {%- set quoted = [] -%}
  {%- for name in column_names -%}
    {%- do quoted.append(adapter.quote_seed_column(name, model.config.get('quote_columns'))) -%}
  {%- endfor -%}
  {{ return(quoted | join(', ')) }}
{% endmacro %}

{% macro create_csv_table(model, agate_table) %}
  {{ return(adapter.dispatch('create_csv_table', 'dbt')(model, agate_table)) }}
{% endmacro %}
{% macro default__create_csv_table(model, agate_table) %}
  {%- set columns = [] -%}
  {%- for name in agate_table.column_names -%}
    {%- do columns.append(
      adapter.quote_seed_column(name, model.config.get('quote_columns')) ~ ' ' ~ adapter.convert_type(agate_table, loop.index0)) -%}
  {%- endfor -%}
  {%- set sql = 'create table ' ~ this ~ ' (' ~ columns | join(', ') ~ ')' -%}
  {%- do run_query(sql) -%}
  {{ return(sql) }}
{% endmacro %}
{% macro reset_csv_table(model, full_refresh, old_relation, agate_table) %}
  {{ return(adapter.dispatch('reset_csv_table', 'dbt')(model, full_refresh, old_relation, agate_table)) }}
{% endmacro %}
{% macro default__reset_csv_table(model, full_refresh, old_relation, agate_table) %}
  {%- if full_refresh -%}
    {%- do adapter.drop_relation(old_relation) -%}
    {{ return(create_csv_table(model, agate_table)) }}
  {%- endif -%}
  {%- do adapter.truncate_relation(old_relation) -%}
  {{ return('truncate table ' ~ old_relation) }}
{% endmacro %}
{% macro load_csv_rows(model, agate_table) %}
  {{ return(adapter.dispatch('load_csv_rows', 'dbt')(model, agate_table)) }}
{% endmacro %}
{% macro default__load_csv_rows(model, agate_table) %}
  {%- set columns = get_seed_column_quoted_csv(model, agate_table.column_names) -%}
  {%- set sql = 'insert into ' ~ this ~ ' (' ~ columns ~ ') select * from ' ~ seed_rows() -%}
  {%- do run_query(sql) -%}
  {{ return(sql) }}
{% endmacro %}
{% macro get_csv_sql(create_or_truncate_sql, insert_sql) %}
  {{ return(adapter.dispatch('get_csv_sql', 'dbt')(create_or_truncate_sql, insert_sql)) }}
{% endmacro %}
{% macro default__get_csv_sql(create_or_truncate_sql, insert_sql) -%}
  {{ create_or_truncate_sql }};
  {{ insert_sql }}
{%- endmacro %}
{% macro get_binding_char() %}{{ return(adapter.dispatch('get_binding_char', 'dbt')()) }}{% endmacro %}
{% macro default__get_binding_char() %}{{ return('%s') }}{% endmacro %}
{% macro duckdb__get_binding_char() %}{{ return('?') }}{% endmacro %}
{% macro get_batch_size() %}{{ return(adapter.dispatch('get_batch_size', 'dbt')()) }}{% endmacro %}
{% macro default__get_batch_size() %}{{ return(10000) }}{% endmacro %}
