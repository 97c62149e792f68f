-- The ten worst days of the year: to read, not to build.
with days as (

    select
        flight_date,
        sum(flights) as all_flights,
        sum(late) as late_flights,
        sum(cancelled) as cancelled_flights
    from {{ ref('daily_delays') }}
    group by flight_date

)

select *
from days
order by late_flights + cancelled_flights desc, flight_date
limit 10
