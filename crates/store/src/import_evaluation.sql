-- Copies datasets to evaluate with, which another MLflow's newer files have.
insert or ignore into evaluation_datasets
select d.dataset_id, d.name, d.schema, coalesce(d.digest, ''), coalesce(d.created_by, ''),
    coalesce(d.last_updated_by, ''), coalesce(d.created_time, 0), coalesce(d.last_update_time, 0)
from other.evaluation_datasets d;
insert into added values ('evaluation_datasets', changes());
insert or ignore into evaluation_dataset_tags
select t.dataset_id, t.key, coalesce(t.value, '') from other.evaluation_dataset_tags t
where t.dataset_id in (select id from evaluation_datasets);
insert or ignore into evaluation_dataset_experiments
select a.source_id, x.id from other.entity_associations a
join other.experiments e on e.experiment_id = cast(a.destination_id as integer) join experiments x on x.name = e.name
where a.source_type = 'evaluation_dataset' and a.destination_type = 'experiment'
    and a.source_id in (select id from evaluation_datasets);
-- outputs are wrapped, so that a null among them differs from none
insert or ignore into evaluation_records
select r.dataset_record_id, r.dataset_id, sorted_json(r.inputs), r.outputs -> '$.mlflow_wrapped',
    coalesce(nullif(json(r.expectations), 'null'), '{}'), coalesce(nullif(json(r.tags), 'null'), '{}'),
    nullif(json(r.source), 'null'), coalesce(r.created_by, ''), coalesce(r.last_updated_by, ''),
    coalesce(r.created_time, 0), coalesce(r.last_update_time, 0)
from other.evaluation_dataset_records r where r.dataset_id in (select id from evaluation_datasets);
