{{ config(tags=['features']) }}

-- What is known of a flight once it is at the gate, and from when on: the source of all delay features.

select
    flight_id,
    landed_at as known_at,
    carrier,
    tailnum,
    origin,
    dest,
    route,
    dep_delay,
    arr_delay,
    {{ is_late('arr_delay') }} as is_late,
    _file,
    _line
from {{ ref('int_flight_times') }}
where status = 'arrived'
