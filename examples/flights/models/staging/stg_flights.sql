with flights as (

    select
        *,
        make_date(year, month, day) as flight_date
    from {{ source('raw', 'flights') }}

)

select
    {{ flight_id('carrier', 'flight', 'origin', 'flight_date', 'sched_dep_time') }} as flight_id,
    carrier,
    flight as flight_number,
    tailnum,
    origin,
    dest,
    origin || '-' || dest as route,
    distance,
    flight_date,
    cast(date_trunc('month', flight_date) as date) as flight_month,
    {{ add_minutes('time_hour', 'minute') }} as scheduled_departure,
    -- New York is four or five hours behind UTC: the hour is given on both clocks.
    -((cast(extract(hour from time_hour) as bigint) - hour + 24) % 24) as origin_utc_offset,
    {{ minute_of_day('sched_dep_time') }} as sched_dep_minute,
    {{ minute_of_day('sched_arr_time') }} as sched_arr_minute,
    {{ minute_of_day('dep_time') }} as dep_minute,
    {{ minute_of_day('arr_time') }} as arr_minute,
    dep_delay,
    arr_delay,
    air_time,
    _file,
    _line,
    _load_id
from flights
