{{ config(materialized='table', tags=['features']) }}

select
    origin,
    time_hour as observed_at,
    temp,
    dewp,
    humid,
    wind_dir,
    wind_speed,
    wind_gust,
    precip,
    pressure,
    visib,
    _file,
    _line
from {{ source('raw', 'weather') }}
