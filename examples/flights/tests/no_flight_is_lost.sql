-- Every loaded flight is asked about once, and none came out of nowhere.
select *
from (
    select
        (select count(*) from {{ source('raw', 'flights') }}) as loaded,
        (select count(*) from {{ ref('departures') }}) as asked
) as counts
where loaded <> asked
