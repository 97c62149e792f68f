select
    origin,
    cast(extract(hour from scheduled_departure_local) as bigint) as local_hour,
    {{ delay_figures() }}
from {{ ref('int_flight_times') }}
group by origin, cast(extract(hour from scheduled_departure_local) as bigint)
