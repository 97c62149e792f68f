-- One row for each reading: will the machine fail within a day of it?
select reading, machine, site, read_at, temperature, vibration, age_days, failed
from {{ ref('readings') }}
