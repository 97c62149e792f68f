with months as (

    select
        flight_month,
        carrier,
        {{ delay_figures() }}
    from {{ ref('int_flight_times') }}
    group by flight_month, carrier

)

select
    months.*,
    airlines.name as airline
from months
left join {{ ref('stg_airlines') }} as airlines on airlines.carrier = months.carrier
