{{ config(tags=['features']) }}

-- The question, once for every scheduled flight: what the timetable says, and when it is asked. `is_late` is
-- the answer to learn from; every other column is known at `asked_at`.

select
    flight_id,
    scheduled_departure - interval '2 hours' as asked_at,
    carrier,
    flight_number,
    tailnum,
    origin,
    dest,
    route,
    distance,
    scheduled_departure,
    scheduled_departure_local,
    {{ is_late('arr_delay') }} as is_late
from {{ ref('int_flight_times') }}
