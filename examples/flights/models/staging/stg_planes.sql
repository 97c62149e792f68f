select
    tailnum,
    year as built_year,
    type as aircraft_type,
    manufacturer,
    model,
    engines,
    seats,
    engine
from {{ source('raw', 'planes') }}
