-- Copies another MLflow's SQLite file, attached as `other`, into ours. What is here already stays as
-- it is, so that copying again adds only what is new.

-- how many rows came to which table: counted as they come, as there may be millions already
create temp table added (name text, rows integer);

insert into experiments (name, created_ms, updated_ms, artifact_path, deleted_ms)
select e.name, coalesce(e.creation_time, 0), coalesce(e.last_update_time, 0), e.artifact_location,
    case e.lifecycle_stage when 'deleted' then coalesce(e.last_update_time, 0) end
from other.experiments e where true on conflict (name) do nothing;
insert into added values ('experiments', changes());

create temp table experiment_of as
select e.experiment_id as theirs, x.id as ours from other.experiments e join experiments x on x.name = e.name;

insert or ignore into experiment_tags
select x.ours, t.key, coalesce(t.value, '') from other.experiment_tags t
join experiment_of x on x.theirs = t.experiment_id;

create temp table new_runs as
select r.run_uuid as id from other.runs r where r.run_uuid not in (select id from runs);

insert into runs (id, experiment_id, name, state, artifact_path, started_ms, finished_ms, user_id, deleted_ms)
select r.run_uuid, x.ours, coalesce(r.name, ''), r.status, r.artifact_uri, coalesce(r.start_time, 0),
    r.end_time, coalesce(r.user_id, ''),
    case r.lifecycle_stage when 'deleted' then coalesce(r.deleted_time, 0) end
from other.runs r join new_runs n on n.id = r.run_uuid join experiment_of x on x.theirs = r.experiment_id;
insert into added values ('runs', changes());

insert or ignore into params
select r.id, r.experiment_id, p.key, p.value
from other.params p join new_runs n on n.id = p.run_uuid join runs r on r.id = n.id;
insert or ignore into run_tags
select r.id, r.experiment_id, t.key, coalesce(t.value, '')
from other.tags t join new_runs n on n.id = t.run_uuid join runs r on r.id = n.id;

-- runs that go on are read again: their metrics are measurements, which nothing changes
insert or ignore into metrics
select m.run_uuid, m.key, m.step, m.timestamp, case when m.is_nan then 'NaN' else cast(m.value as real) end
from other.metrics m where m.run_uuid in (select id from runs);
insert into added values ('metrics', changes());
insert or replace into latest_metrics
select m.run_id, r.experiment_id, m.key, m.step, m.timestamp_ms, m.value from (
    select *, row_number() over (
        partition by run_id, key order by step desc, timestamp_ms desc, value desc
    ) as n from metrics where run_id in (select run_uuid from other.runs)
) m join runs r on r.id = m.run_id where m.n = 1;

insert or ignore into datasets (experiment_id, name, digest, source_type, source, schema, profile)
select x.ours, d.name, d.digest, d.dataset_source_type, d.dataset_source, d.dataset_schema, d.dataset_profile
from other.datasets d join experiment_of x on x.theirs = d.experiment_id;
insert or ignore into run_datasets
select i.destination_id, o.id, coalesce((
    select json_group_object(t.name, t.value) from other.input_tags t where t.input_uuid = i.input_uuid
), '{}')
from other.inputs i join other.datasets d on d.dataset_uuid = i.source_id
join experiment_of x on x.theirs = d.experiment_id
join datasets o on o.experiment_id = x.ours and o.name = d.name and o.digest = d.digest
where i.source_type = 'DATASET' and i.destination_type = 'RUN' and i.destination_id in (select id from runs);

insert or ignore into logged_models
select m.model_id, x.ours, m.name, coalesce(m.model_type, ''), coalesce(m.source_run_id, ''),
    case m.status when 2 then 'READY' when 3 then 'UPLOAD_FAILED' else 'PENDING' end,
    m.artifact_location, m.creation_timestamp_ms, m.last_updated_timestamp_ms,
    case m.lifecycle_stage when 'deleted' then m.last_updated_timestamp_ms end
from other.logged_models m join experiment_of x on x.theirs = m.experiment_id;
insert into added values ('logged_models', changes());
insert or ignore into logged_model_params select model_id, param_key, param_value from other.logged_model_params;
insert or ignore into logged_model_tags select model_id, tag_key, tag_value from other.logged_model_tags;
insert or ignore into logged_model_metrics
select model_id, metric_name, metric_step, metric_timestamp_ms, run_id, coalesce(dataset_name, ''),
    coalesce(dataset_digest, ''), cast(metric_value as real)
from other.logged_model_metrics where metric_value is not null;
insert or ignore into run_models
select i.source_id, i.destination_id, i.step, 0 from other.inputs i
where i.source_type = 'RUN_OUTPUT' and i.source_id in (select id from runs);
insert into run_models
select i.source_id, i.destination_id, null, 1 from other.inputs i
where i.source_type = 'RUN_INPUT' and i.source_id in (select id from runs) and not exists (
    select 1 from run_models m where m.run_id = i.source_id and m.model_id = i.destination_id and m.is_input
);

-- a model whose name is taken here keeps our versions: theirs are not mixed among them
create temp table new_models as
select name from other.registered_models where name not in (select name from registered_models);
insert into registered_models (name, description, created_ms, updated_ms, last_version)
select m.name, coalesce(m.description, ''), coalesce(m.creation_time, 0), coalesce(m.last_updated_time, 0),
    coalesce((select max(v.version) from other.model_versions v where v.name = m.name), 0)
from other.registered_models m join new_models n on n.name = m.name;
insert into added values ('registered_models', changes());
insert into registered_model_tags
select t.name, t.key, coalesce(t.value, '') from other.registered_model_tags t join new_models n on n.name = t.name;
insert into model_versions
select v.name, v.version, coalesce(v.run_id, ''),
    case when v.source like 'models:/m-%' then substr(v.source, 9) else '' end, '', coalesce(v.source, ''),
    coalesce(v.storage_location, v.source, ''), coalesce(v.description, ''), coalesce(v.user_id, ''),
    coalesce(v.current_stage, 'None'), coalesce(v.run_link, ''), coalesce(v.creation_time, 0),
    coalesce(v.last_updated_time, 0)
from other.model_versions v join new_models n on n.name = v.name where v.current_stage is not 'Deleted_Internal';
insert into added values ('model_versions', changes());
insert into model_version_tags
select t.name, t.version, t.key, coalesce(t.value, '') from other.model_version_tags t
join model_versions v on v.model = t.name and v.version = t.version join new_models n on n.name = t.name;
insert into model_aliases
select a.name, a.alias, a.version from other.registered_model_aliases a
join model_versions v on v.model = a.name and v.version = a.version join new_models n on n.name = a.name;

-- what went through their server lies below its artifact root, as ours does below our own
update experiments set artifact_path = substr(artifact_path, 19) where artifact_path like 'mlflow-artifacts:/%';
update runs set artifact_path = substr(artifact_path, 19) where artifact_path like 'mlflow-artifacts:/%';
update logged_models set artifact_path = substr(artifact_path, 19) where artifact_path like 'mlflow-artifacts:/%';
update model_versions set artifact_path = substr(artifact_path, 19) where artifact_path like 'mlflow-artifacts:/%';

-- whoever names no place gets the usual one
update experiments set artifact_path = cast(id as text) where artifact_path = '';

drop table experiment_of;
drop table new_runs;
drop table new_models;
