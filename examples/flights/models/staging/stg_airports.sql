select
    faa,
    name,
    lat,
    lon,
    alt as altitude_feet,
    tz,
    dst,
    tzone
from {{ source('raw', 'airports') }}
