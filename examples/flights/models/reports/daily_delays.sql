select
    flight_date,
    origin,
    {{ delay_figures() }}
from {{ ref('int_flight_times') }}
group by flight_date, origin
