{# Macros that every project has. A macro of the same name in the project takes their place. #}

{% macro generate_schema_name(custom_schema_name=none, node=none) -%}
  {%- if custom_schema_name is none -%} {{ target.schema }}
  {%- else -%} {{ target.schema }}_{{ custom_schema_name | trim }}
  {%- endif -%}
{%- endmacro %}

{% macro default__generate_schema_name(custom_schema_name, node) -%}
  {{ return(dbt.generate_schema_name(custom_schema_name, node)) }}
{%- endmacro %}

{% macro generate_schema_name_for_env(custom_schema_name, node=none) -%}
  {%- if target.name == 'prod' and custom_schema_name is not none -%} {{ custom_schema_name | trim }}
  {%- else -%} {{ target.schema }}
  {%- endif -%}
{%- endmacro %}

{% macro generate_alias_name(custom_alias_name=none, node=none) -%}
  {%- if custom_alias_name -%} {{ custom_alias_name | trim }}
  {%- else -%} {{ node.name }}
  {%- endif -%}
{%- endmacro %}

{% macro default__generate_alias_name(custom_alias_name=none, node=none) -%}
  {{ return(dbt.generate_alias_name(custom_alias_name, node)) }}
{%- endmacro %}

{# The rows that a generic test looks at: all, or those of its `where`. #}
{% macro get_where_subquery(relation) -%}
  {%- set where = config.get('where') -%}
  {%- if where -%} (select * from {{ relation }} where {{ where }}) dbt_subquery
  {%- else -%} {{ relation }}
  {%- endif -%}
{%- endmacro %}

{% test not_null(model, column_name) %}
select *
from {{ model }}
where {{ column_name }} is null
{% endtest %}

{% test unique(model, column_name) %}
select {{ column_name }} as unique_field, count(*) as n_records
from {{ model }}
where {{ column_name }} is not null
group by {{ column_name }}
having count(*) > 1
{% endtest %}

{% test accepted_values(model, column_name, values, quote=true) %}
select {{ column_name }} as value_field, count(*) as n_records
from {{ model }}
where {{ column_name }} not in (
  {%- for value in values %}
  {%- if not loop.first %}, {% endif %}
  {%- if quote %}'{{ value | string | replace("'", "''") }}'{% else %}{{ value }}{% endif %}
  {%- endfor -%}
)
group by {{ column_name }}
{% endtest %}

{% test relationships(model, column_name, to, field) %}
select child.from_field
from (
  select {{ column_name }} as from_field from {{ model }} where {{ column_name }} is not null
) as child
left join (
  select {{ field }} as to_field from {{ to }}
) as parent on child.from_field = parent.to_field
where parent.to_field is null
{% endtest %}
