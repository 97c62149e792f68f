{% snapshot planes_register %}

{{
    config(
        target_schema='snapshots',
        unique_key='tailnum',
        strategy='check',
        check_cols='all',
    )
}}

select * from {{ ref('stg_planes') }}

{% endsnapshot %}
