-- Two observations of one airport and hour would make the weather of a flight a matter of luck.
select origin, observed_at, count(*) as observations
from {{ ref('stg_weather') }}
group by origin, observed_at
having count(*) > 1
