-- The row with 1,048 mph must have been held when the file was loaded.
select origin, observed_at, wind_speed
from {{ ref('stg_weather') }}
where wind_speed > 250
