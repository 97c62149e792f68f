-- One row an aircraft that flew. Tail numbers that the register lacks stay in, without a description.

with flown as (

    select
        tailnum,
        count(distinct carrier) as carriers,
        sum(distance) as miles,
        min(flight_date) as first_flight,
        max(flight_date) as last_flight,
        {{ delay_figures() }}
    from {{ ref('int_flight_times') }}
    where tailnum is not null
    group by tailnum

)

select
    flown.*,
    planes.built_year,
    planes.manufacturer,
    planes.model,
    planes.seats,
    planes.tailnum is not null as is_registered
from flown
left join {{ ref('stg_planes') }} as planes on planes.tailnum = flown.tailnum
