-- An aircraft cannot arrive in two places in the same minute. One pair of rows says so.
{{ config(severity='warn') }}

select tailnum, known_at, count(*) as landings
from {{ ref('arrivals') }}
group by tailnum, known_at
having count(*) > 1
