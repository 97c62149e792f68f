{# A name for one scheduled flight that a person can read: UA1545-EWR-20130101-0515. #}
{% macro flight_id(carrier, flight, origin, date, hmm) -%}
  {{ carrier }} || cast({{ flight }} as varchar) || '-' || {{ origin }}
    || '-' || replace(cast({{ date }} as varchar), '-', '')
    || '-' || lpad(cast({{ hmm }} as varchar), 4, '0')
{%- endmacro %}

{# 1 when the delay counts as late, 0 when not, null when it is not known. Its mean is the late share. #}
{% macro is_late(delay) -%}
  case when {{ delay }} > {{ var('late_after_minutes') }} then 1
       when {{ delay }} is not null then 0 end
{%- endmacro %}

{# The figures that every report on delays shows, over rows of `int_flight_times`. #}
{% macro delay_figures() -%}
  count(*) as flights,
  sum(case when status = 'cancelled' then 1 else 0 end) as cancelled,
  sum(case when status = 'diverted' then 1 else 0 end) as diverted,
  sum({{ is_late('arr_delay') }}) as late,
  avg({{ is_late('arr_delay') }}) as late_share,
  avg(dep_delay) as mean_dep_delay,
  avg(arr_delay) as mean_arr_delay
{%- endmacro %}
