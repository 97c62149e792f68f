-- More than three hours between gate and runway, at both ends together. It happened five times.
{{ config(severity='error', warn_if='>0', error_if='>20') }}

select flight_id, departed_at, landed_at, air_time, gate_to_gate - air_time as taxi_minutes
from {{ ref('int_flight_times') }}
where gate_to_gate - air_time > 180
