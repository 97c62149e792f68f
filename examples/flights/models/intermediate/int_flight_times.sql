{{
    config(
        materialized='incremental',
        incremental_strategy='delete+insert',
        unique_key='flight_month',
    )
}}

-- Every scheduled flight on one clock, UTC. A month is computed anew, as a whole, when a file came
-- that this table has not seen.

with flights as (

    select * from {{ ref('stg_flights') }}

    {% if is_incremental() %}
    where flight_month in (
        select flight_month
        from {{ ref('stg_flights') }}
        where _load_id not in (select distinct _load_id from {{ this }})
    )
    {% endif %}

),

-- The destination's clock: the list has its standard time. Where clocks change, they do so with New York's.
zoned as (

    select
        flights.*,
        case when zones.dst = 'A' then zones.tz + (flights.origin_utc_offset + 5) else zones.tz end
            as dest_utc_offset
    from flights
    left join {{ ref('int_airport_zones') }} as zones on zones.faa = flights.dest

),

-- From gate to gate: the two wall clocks, with the hours between their zones taken out.
timed as (

    select
        *,
        {{ within_day('arr_minute - dep_minute - 60 * (dest_utc_offset - origin_utc_offset)') }}
            as gate_to_gate,
        {{ within_day('sched_arr_minute - sched_dep_minute - 60 * (dest_utc_offset - origin_utc_offset)') }}
            as sched_gate_to_gate
    from zoned

)

select
    flight_id,
    carrier,
    flight_number,
    tailnum,
    origin,
    dest,
    route,
    distance,
    flight_date,
    flight_month,
    case
        when arr_delay is not null then 'arrived'
        when arr_minute is not null then 'diverted'
        when dep_minute is not null then 'lost'
        else 'cancelled'
    end as status,
    scheduled_departure,
    {{ add_minutes('scheduled_departure', '60 * origin_utc_offset') }} as scheduled_departure_local,
    {{ add_minutes('scheduled_departure', 'sched_gate_to_gate') }} as scheduled_arrival,
    {{ add_minutes('scheduled_departure', 'dep_delay') }} as departed_at,
    {{ add_minutes('scheduled_departure', 'dep_delay + gate_to_gate') }} as landed_at,
    sched_gate_to_gate,
    gate_to_gate,
    air_time,
    dep_delay,
    arr_delay,
    _file,
    _line,
    _load_id
from timed
