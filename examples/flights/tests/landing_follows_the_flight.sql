-- Two ways to the same instant: actual departure plus gate to gate, and scheduled arrival plus delay.
-- Both must agree, and no flight is at the gate before its time in the air has passed.
select flight_id, departed_at, landed_at, air_time
from {{ ref('int_flight_times') }}
where status = 'arrived'
    and (
        {{ minutes_between('scheduled_arrival', 'landed_at') }} <> arr_delay
        or gate_to_gate < air_time
    )
