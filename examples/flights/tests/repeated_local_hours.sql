-- When the clocks go back, one local hour happens twice: only the UTC hour identifies an observation.
{{ config(severity='warn') }}

select origin, month, day, hour, count(*) as observations
from {{ source('raw', 'weather') }}
group by origin, month, day, hour
having count(*) > 1
