-- How delays go with what could be seen from the tower in the hour of the scheduled departure.

with flights as (

    select
        times.*,
        weather.visib,
        weather.precip
    from {{ ref('int_flight_times') }} as times
    left join {{ ref('stg_weather') }} as weather
        on weather.origin = times.origin
        and weather.observed_at = date_trunc('hour', times.scheduled_departure)

),

banded as (

    select
        *,
        case
            when visib is null then 'not observed'
            when visib < 1 then 'under 1 mile'
            when visib < 3 then '1 to 3 miles'
            when visib < 10 then '3 to 10 miles'
            else '10 miles'
        end as visibility
    from flights

)

select
    origin,
    visibility,
    sum(case when precip > 0 then 1 else 0 end) as flights_in_rain,
    {{ delay_figures() }}
from banded
group by origin, visibility
