{{ config(materialized='ephemeral') }}

select faa, tz, dst from {{ ref('stg_airports') }}
union all
select faa, tz, dst from {{ ref('unlisted_airports') }}
