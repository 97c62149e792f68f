{# What packages call besides of dbt's own macros: ranges of dates, and what there is in the database. #}

{% macro convert_datetime(date_str, date_fmt) %}
  {{ return(modules.datetime.datetime.strptime(date_str, date_fmt)) }}
{% endmacro %}
{% macro dates_in_range(start_date_str, end_date_str=none, in_fmt='%Y%m%d', out_fmt='%Y%m%d') %}
  {% set first = convert_datetime(start_date_str, in_fmt) %}
  {% set last = convert_datetime(end_date_str or start_date_str, in_fmt) %}
  {% set days = (last - first).days %}
  {% if days < 0 %}
    {{ exceptions.raise_compiler_error('dates_in_range: ' ~ end_date_str ~ ' is before ' ~ start_date_str) }}
  {% endif %}
  {% set dates = [] %}
  {% for day in range(days + 1) %}
    {% do dates.append((first + modules.datetime.timedelta(days=day)).strftime(out_fmt)) %}
  {% endfor %}
  {{ return(dates) }}
{% endmacro %}
{% macro partition_range(raw_partition_date, date_fmt='%Y%m%d') %}
  {% set ends = (raw_partition_date | string).split(',') %}
  {% if ends | length > 2 %}
    {{ exceptions.raise_compiler_error('partition_range takes one date or two, not ' ~ raw_partition_date) }}
  {% endif %}
  {{ return(dates_in_range(ends[0], ends[-1], in_fmt=date_fmt)) }}
{% endmacro %}

{% macro information_schema_name(database) %}
  {{ return(adapter.dispatch('information_schema_name', 'dbt')(database)) }}
{% endmacro %}
{% macro default__information_schema_name(database) -%}
  {% if database %}{{ database }}.{% endif %}INFORMATION_SCHEMA
{%- endmacro %}
{% macro list_schemas(database) %}
  {{ return(adapter.dispatch('list_schemas', 'dbt')(database)) }}
{% endmacro %}
{% macro default__list_schemas(database) %}
  {{ return(run_query('select distinct schema_name from information_schema.schemata order by 1')) }}
{% endmacro %}
{% macro check_schema_exists(information_schema, schema) %}
  {{ return(adapter.dispatch('check_schema_exists', 'dbt')(information_schema, schema)) }}
{% endmacro %}
{% macro default__check_schema_exists(information_schema, schema) %}
  {{ return(run_query("select count(*) from information_schema.schemata where schema_name = '" ~ schema ~ "'")) }}
{% endmacro %}

{% macro default_last_day(date, datepart) %}{{ return(default__last_day(date, datepart)) }}{% endmacro %}
{% macro get_limit_subquery_sql(sql, limit) %}
  {{ return(adapter.dispatch('get_limit_subquery_sql', 'dbt')(sql, limit)) }}
{% endmacro %}
{% macro default__get_limit_subquery_sql(sql, limit) -%}
  {{ sql }}
  {% if limit is not none %}limit {{ limit }}{% endif %}
{%- endmacro %}
{% macro get_show_sql(compiled_code, sql_header, limit) -%}
  {{ sql_header or '' }}
  {{ get_limit_subquery_sql(compiled_code, limit) }}
{%- endmacro %}
{% macro get_empty_schema_sql(columns) %}
  {{ return(adapter.dispatch('get_empty_schema_sql', 'dbt')(columns)) }}
{% endmacro %}
{% macro default__get_empty_schema_sql(columns) -%}
  select
  {%- for column in columns.values() %}
    cast(null as {{ column.data_type }}) as {{ adapter.quote(column.name) if column.quote else column.name }}{{ ',' if not loop.last }}
  {%- endfor %}
{%- endmacro %}

{% macro drop_table(relation) %}{{ return(adapter.dispatch('drop_table', 'dbt')(relation)) }}{% endmacro %}
{% macro default__drop_table(relation) -%}
  drop table if exists {{ relation }} cascade
{%- endmacro %}
{% macro drop_view(relation) %}{{ return(adapter.dispatch('drop_view', 'dbt')(relation)) }}{% endmacro %}
{% macro default__drop_view(relation) -%}
  drop view if exists {{ relation }} cascade
{%- endmacro %}

{% macro write_to_file(relation, location, options) -%}
  {% call statement('write_to_file') -%}
    copy {{ relation }} to '{{ location }}' ({{ options }})
  {%- endcall %}
{%- endmacro %}
