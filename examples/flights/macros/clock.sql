{# Arithmetic on clocks, in SQL that every engine reads the same. #}

{# A time of day written HMM (517 is 5:17, 2400 is midnight) as minutes after midnight. #}
{% macro minute_of_day(hmm) -%}
  cast(floor({{ hmm }} / 100.0) as bigint) * 60 + {{ hmm }} % 100
{%- endmacro %}

{# Minutes brought into one day, 0 to 1439, also when they are negative. #}
{% macro within_day(minutes) -%}
  (({{ minutes }}) % 1440 + 1440) % 1440
{%- endmacro %}

{# An instant, moved by a number of minutes that may differ from row to row. #}
{% macro add_minutes(instant, minutes) -%}
  to_timestamp(cast(extract(epoch from {{ instant }}) as bigint) + 60 * ({{ minutes }}))
{%- endmacro %}

{# Minutes from one instant to a later one. #}
{% macro minutes_between(start, finish) -%}
  (cast(extract(epoch from {{ finish }}) as bigint) - cast(extract(epoch from {{ start }}) as bigint)) / 60.0
{%- endmacro %}
