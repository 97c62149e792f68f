select
    flight_month,
    route,
    origin,
    dest,
    count(distinct carrier) as carriers,
    {{ delay_figures() }}
from {{ ref('int_flight_times') }}
group by flight_month, route, origin, dest
