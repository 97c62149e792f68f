-- Flights with no observation in the six hours before they are asked about: the feed ends on 30 December.
-- An observation serves the questions of seven hours: its own, and the six after it up to the full hour.
{{ config(severity='error', warn_if='>0', error_if='>1000') }}

with hours as (

    select 0 as age union all select 1 union all select 2 union all select 3
    union all select 4 union all select 5 union all select 6

),

served as (

    select
        weather.origin,
        {{ add_minutes('weather.observed_at', '60 * hours.age') }} as hour,
        min(hours.age) as age
    from {{ ref('stg_weather') }} as weather
    cross join hours
    group by weather.origin, {{ add_minutes('weather.observed_at', '60 * hours.age') }}

)

select departures.flight_id, departures.asked_at
from {{ ref('departures') }} as departures
left join served
    on served.origin = departures.origin
    and served.hour = date_trunc('hour', departures.asked_at)
where served.age is null
    or (served.age = 6 and extract(minute from departures.asked_at) > 0)
