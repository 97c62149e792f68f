{# Statements about relations, as materialisations and projects call them. Each statement is a commit of its own. #}

{# Names beside a relation, for what is on its way. #}

{% macro make_temp_relation(base_relation, suffix='__dbt_tmp') %}
  {{ return(adapter.dispatch('make_temp_relation', 'dbt')(base_relation, suffix)) }}
{% endmacro %}
{% macro default__make_temp_relation(base_relation, suffix) %}
  {{ return(base_relation.incorporate(path={'identifier': base_relation.identifier ~ suffix}, type='table')) }}
{% endmacro %}
{% macro make_intermediate_relation(base_relation, suffix='__dbt_tmp') %}
  {{ return(adapter.dispatch('make_intermediate_relation', 'dbt')(base_relation, suffix)) }}
{% endmacro %}
{% macro default__make_intermediate_relation(base_relation, suffix) %}
  {{ return(base_relation.incorporate(path={'identifier': base_relation.identifier ~ suffix})) }}
{% endmacro %}
{% macro make_backup_relation(base_relation, backup_relation_type, suffix='__dbt_backup') %}
  {{ return(adapter.dispatch('make_backup_relation', 'dbt')(base_relation, backup_relation_type, suffix)) }}
{% endmacro %}
{% macro default__make_backup_relation(base_relation, backup_relation_type, suffix) %}
  {{ return(base_relation.incorporate(path={'identifier': base_relation.identifier ~ suffix}, type=backup_relation_type)) }}
{% endmacro %}
{% macro py_current_timestring() %}
  {{ return(modules.datetime.datetime.now(modules.pytz.utc).strftime('%H%M%S%f')) }}
{% endmacro %}

{% macro get_or_create_relation(database, schema, identifier, type) %}
  {{ return(adapter.dispatch('get_or_create_relation', 'dbt')(database, schema, identifier, type)) }}
{% endmacro %}
{% macro default__get_or_create_relation(database, schema, identifier, type) %}
  {%- set found = adapter.get_relation(database, schema, identifier) -%}
  {%- if found is not none -%}{{ return([true, found]) }}{%- endif -%}
  {{ return([false, api.Relation.create(database=database, schema=schema, identifier=identifier, type=type)]) }}
{% endmacro %}

{# Making tables and views. #}

{% macro get_create_table_as_sql(temporary, relation, sql) %}
  {{ return(adapter.dispatch('get_create_table_as_sql', 'dbt')(temporary, relation, sql)) }}
{% endmacro %}
{% macro default__get_create_table_as_sql(temporary, relation, sql) %}
  {{ return(create_table_as(temporary, relation, sql)) }}
{% endmacro %}
{% macro create_table_as(temporary, relation, compiled_code, language='sql') %}
  {{ return(adapter.dispatch('create_table_as', 'dbt')(temporary, relation, compiled_code)) }}
{% endmacro %}
{% macro default__create_table_as(temporary, relation, compiled_code) -%}
  {%- if config.get('contract', {}).enforced and not temporary -%}
    {{ get_assert_columns_equivalent(compiled_code) }}
    {%- set compiled_code = get_select_subquery(compiled_code) -%}
  {%- endif -%}
  create table {{ relation }} as (
    {{ compiled_code }}
  );
{%- endmacro %}
{% macro get_create_view_as_sql(relation, sql) %}
  {{ return(adapter.dispatch('get_create_view_as_sql', 'dbt')(relation, sql)) }}
{% endmacro %}
{% macro default__get_create_view_as_sql(relation, sql) %}{{ return(create_view_as(relation, sql)) }}{% endmacro %}
{% macro create_view_as(relation, sql) %}
  {{ return(adapter.dispatch('create_view_as', 'dbt')(relation, sql)) }}
{% endmacro %}
{% macro default__create_view_as(relation, sql) -%}
  {%- if config.get('contract', {}).enforced -%}{{ get_assert_columns_equivalent(sql) }}{%- endif -%}
  create view {{ relation }} as (
    {{ sql }}
  );
{%- endmacro %}
{% macro get_create_sql(relation, sql) %}
  {{ return(adapter.dispatch('get_create_sql', 'dbt')(relation, sql)) }}
{% endmacro %}
{% macro default__get_create_sql(relation, sql) %}
  {%- if relation.is_view -%}{{ return(get_create_view_as_sql(relation, sql)) }}{%- endif -%}
  {{ return(get_create_table_as_sql(false, relation, sql)) }}
{% endmacro %}

{# Contracts: the columns that the query gives are those that the property file names. #}

{% macro get_assert_columns_equivalent(sql) %}
  {{ return(adapter.dispatch('get_assert_columns_equivalent', 'dbt')(sql)) }}
{% endmacro %}
{% macro default__get_assert_columns_equivalent(sql) %}{{ return(assert_columns_equivalent(sql)) }}{% endmacro %}
{% macro assert_columns_equivalent(sql) %}
  {%- set given = adapter.get_column_schema_from_query(sql) | map(attribute='name') | map('lower') | list -%}
  {%- set wanted = model.columns.values() | map(attribute='name') | map('lower') | list -%}
  {%- if given | sort | list != wanted | sort | list -%}
    {%- do exceptions.raise_compiler_error(
      'the query of ' ~ model.name ~ ' gives the columns ' ~ given | join(', ')
      ~ ', and its contract names ' ~ wanted | join(', ')) -%}
  {%- endif -%}
{% endmacro %}
{% macro get_select_subquery(sql) %}
  {{ return(adapter.dispatch('get_select_subquery', 'dbt')(sql)) }}
{% endmacro %}
{% macro default__get_select_subquery(sql) -%}
  select {% for column in model.columns.values() -%}
    {{ adapter.quote(column.name) if column.quote else column.name }}{{ ', ' if not loop.last }}
  {%- endfor %} from (
    {{ sql }}
  ) as model_subq
{%- endmacro %}
{% macro get_empty_subquery_sql(select_sql, select_sql_header=none) %}
  {{ return(adapter.dispatch('get_empty_subquery_sql', 'dbt')(select_sql, select_sql_header)) }}
{% endmacro %}
{% macro default__get_empty_subquery_sql(select_sql, select_sql_header=none) -%}
  select * from (
    {{ select_sql }}
  ) as __dbt_sbq where false limit 0
{%- endmacro %}
{% macro get_column_schema_from_query(select_sql, select_sql_header=none) %}
  {{ return(adapter.get_column_schema_from_query(select_sql)) }}
{% endmacro %}

{# Changing, renaming and dropping. #}

{% macro drop_relation(relation) %}
  {{ return(adapter.dispatch('drop_relation', 'dbt')(relation)) }}
{% endmacro %}
{% macro default__drop_relation(relation) %}
  {%- call statement('drop_relation') -%}{{ get_drop_sql(relation) }}{%- endcall -%}
{% endmacro %}
{% macro get_drop_sql(relation) %}{{ return(adapter.dispatch('get_drop_sql', 'dbt')(relation)) }}{% endmacro %}
{% macro default__get_drop_sql(relation) -%}
  drop {{ relation.type or 'table' }} if exists {{ relation }} cascade
{%- endmacro %}
{% macro drop_relation_if_exists(relation) %}
  {%- if relation is not none -%}{{ adapter.drop_relation(relation) }}{%- endif -%}
{% endmacro %}
{% macro rename_relation(from_relation, to_relation) %}
  {{ return(adapter.dispatch('rename_relation', 'dbt')(from_relation, to_relation)) }}
{% endmacro %}
{% macro default__rename_relation(from_relation, to_relation) %}
  {%- call statement('rename_relation') -%}{{ get_rename_sql(from_relation, to_relation) }}{%- endcall -%}
{% endmacro %}
{% macro get_rename_sql(relation, new_name) %}
  {{ return(adapter.dispatch('get_rename_sql', 'dbt')(relation, new_name)) }}
{% endmacro %}
{% macro default__get_rename_sql(relation, new_name) -%}
  alter table {{ relation }} rename to {{ new_name }}
{%- endmacro %}
{% macro truncate_relation(relation) %}
  {{ return(adapter.dispatch('truncate_relation', 'dbt')(relation)) }}
{% endmacro %}
{% macro default__truncate_relation(relation) %}
  {%- call statement('truncate_relation') -%}truncate table {{ relation }}{%- endcall -%}
{% endmacro %}
{% macro create_schema(relation) %}
  {{ return(adapter.dispatch('create_schema', 'dbt')(relation)) }}
{% endmacro %}
{% macro default__create_schema(relation) %}
  {%- call statement('create_schema') -%}create schema if not exists {{ relation.without_identifier() }}{%- endcall -%}
{% endmacro %}
{% macro drop_schema(relation) %}
  {{ return(adapter.dispatch('drop_schema', 'dbt')(relation)) }}
{% endmacro %}
{% macro default__drop_schema(relation) %}
  {%- call statement('drop_schema') -%}drop schema if exists {{ relation.without_identifier() }} cascade{%- endcall -%}
{% endmacro %}
{% macro drop_schema_named(schema_name) %}
  {{ return(drop_schema(api.Relation.create(schema=schema_name))) }}
{% endmacro %}
{% macro list_relations_without_caching(schema_relation) %}
  {{ return(adapter.list_relations_without_caching(schema_relation)) }}
{% endmacro %}
{% macro alter_column_type(relation, column_name, new_column_type) %}
  {{ return(adapter.dispatch('alter_column_type', 'dbt')(relation, column_name, new_column_type)) }}
{% endmacro %}
{% macro default__alter_column_type(relation, column_name, new_column_type) %}
  {%- call statement('alter_column_type') -%}
    alter table {{ relation }} alter column {{ adapter.quote(column_name) }} type {{ new_column_type }}
  {%- endcall -%}
{% endmacro %}
{% macro alter_relation_add_remove_columns(relation, add_columns=none, remove_columns=none) %}
  {{ return(adapter.dispatch('alter_relation_add_remove_columns', 'dbt')(relation, add_columns, remove_columns)) }}
{% endmacro %}
{% macro default__alter_relation_add_remove_columns(relation, add_columns, remove_columns) %}
  {%- for column in add_columns or [] -%}
    {%- do run_query('alter table ' ~ relation ~ ' add column ' ~ column.quoted ~ ' ' ~ column.data_type) -%}
  {%- endfor -%}
  {%- for column in remove_columns or [] -%}
    {%- do run_query('alter table ' ~ relation ~ ' drop column ' ~ column.quoted) -%}
  {%- endfor -%}
{% endmacro %}

{# What other warehouses keep beside a table. Rights and indexes are not kept here; descriptions are the project's. #}

{% macro create_indexes(relation) %}{{ return(adapter.dispatch('create_indexes', 'dbt')(relation)) }}{% endmacro %}
{% macro default__create_indexes(relation) %}{% endmacro %}
{% macro copy_grants() %}{{ return(adapter.dispatch('copy_grants', 'dbt')()) }}{% endmacro %}
{% macro default__copy_grants() %}{{ return(false) }}{% endmacro %}
{% macro should_revoke(existing_relation, full_refresh_mode=true) %}
  {{ return(existing_relation is not none and copy_grants()) }}
{% endmacro %}
{% macro apply_grants(relation, grant_config, should_revoke=true) %}
  {{ return(adapter.dispatch('apply_grants', 'dbt')(relation, grant_config, should_revoke)) }}
{% endmacro %}
{% macro default__apply_grants(relation, grant_config, should_revoke=true) %}{% endmacro %}
{% macro persist_docs(relation, model, for_relation=true, for_columns=true) %}
  {{ return(adapter.dispatch('persist_docs', 'dbt')(relation, model, for_relation, for_columns)) }}
{% endmacro %}
{% macro default__persist_docs(relation, model, for_relation, for_columns) %}
  {%- if for_relation and config.persist_relation_docs() and model.description -%}
    {%- do run_query(alter_relation_comment(relation, model.description)) -%}
  {%- endif -%}
  {%- if for_columns and config.persist_column_docs() and model.columns -%}
    {%- do run_query(alter_column_comment(relation, model.columns)) -%}
  {%- endif -%}
{% endmacro %}
{% macro alter_relation_comment(relation, relation_comment) %}
  {{ return(adapter.dispatch('alter_relation_comment', 'dbt')(relation, relation_comment)) }}
{% endmacro %}
{% macro default__alter_relation_comment(relation, relation_comment) -%}
  comment on table {{ relation }} is '{{ relation_comment | replace("'", "''") }}'
{%- endmacro %}
{% macro alter_column_comment(relation, column_dict) %}
  {{ return(adapter.dispatch('alter_column_comment', 'dbt')(relation, column_dict)) }}
{% endmacro %}
{% macro default__alter_column_comment(relation, column_dict) -%}
  {%- for column in column_dict.values() if column.description %}
  comment on column {{ relation }}.{{ adapter.quote(column.name) }} is '{{ column.description | replace("'", "''") }}';
  {%- endfor %}
{%- endmacro %}

{# Lists of columns. #}

{% macro get_quoted_csv(column_names) %}
  {%- set quoted = [] -%}
  {%- for name in column_names -%}{%- do quoted.append(adapter.quote(name)) -%}{%- endfor -%}
  {{ return(quoted | join(', ')) }}
{% endmacro %}
{% macro get_list_of_column_names(columns) %}{{ return(columns | map(attribute='name') | list) }}{% endmacro %}
{% macro diff_columns(source_columns, target_columns) %}
  {%- set known = target_columns | map(attribute='name') | map('lower') | list -%}
  {%- set missing = [] -%}
  {%- for column in source_columns if column.name | lower not in known -%}{%- do missing.append(column) -%}{%- endfor -%}
  {{ return(missing) }}
{% endmacro %}
{% macro diff_column_data_types(source_columns, target_columns) %}
  {{ return(adapter.dispatch('diff_column_data_types', 'dbt')(source_columns, target_columns)) }}
{% endmacro %}
{% macro default__diff_column_data_types(source_columns, target_columns) %}
  {%- set changed = [] -%}
  {%- for new in source_columns -%}
    {%- for old in target_columns if old.name | lower == new.name | lower and old.data_type != new.data_type -%}
      {%- do changed.append({'column_name': old.name, 'new_type': new.data_type}) -%}
    {%- endfor -%}
  {%- endfor -%}
  {{ return(changed) }}
{% endmacro %}

{# Hooks. #}

{% macro run_hooks(hooks, inside_transaction=true) %}
  {%- for hook in hooks if hook.transaction == inside_transaction -%}
    {%- set text = render(hook.sql) | trim -%}
    {%- if text -%}{%- call statement() -%}{{ text }}{%- endcall -%}{%- endif -%}
  {%- endfor -%}
{% endmacro %}
{% macro make_hook_config(sql, inside_transaction) %}
  {{ return(tojson({'sql': sql, 'transaction': inside_transaction})) }}
{% endmacro %}
{% macro before_begin(sql) %}{{ return(make_hook_config(sql, false)) }}{% endmacro %}
{% macro in_transaction(sql) %}{{ return(make_hook_config(sql, true)) }}{% endmacro %}
{% macro after_commit(sql) %}{{ return(make_hook_config(sql, false)) }}{% endmacro %}
{% macro noop_statement(name=none, message=none, code=none, rows_affected=none, res=none) %}
  {%- set sql = caller() -%}
  {%- do store_raw_result(name, message=message, code=code, rows_affected=rows_affected, agate_table=res) -%}
{% endmacro %}
