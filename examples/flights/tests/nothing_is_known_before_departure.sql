-- A delay that is known when its own question is asked would be a leak.
select arrivals.flight_id, departures.asked_at, arrivals.known_at
from {{ ref('arrivals') }} as arrivals
inner join {{ ref('departures') }} as departures on departures.flight_id = arrivals.flight_id
where arrivals.known_at <= departures.asked_at
