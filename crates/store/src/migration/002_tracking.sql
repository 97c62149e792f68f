-- Everything that a tracking client logs. What existed stays: experiments, runs, params, metrics, run_tags.

alter table experiments add column artifact_path text not null default '';
alter table experiments add column updated_ms integer not null default 0;
alter table experiments add column deleted_ms integer;
update experiments set artifact_path = cast(id as text), updated_ms = created_ms;
insert into experiments (id, name, created_ms, artifact_path) values (0, 'Default', 0, '0') on conflict do nothing;

create table experiment_tags (
    experiment_id integer not null references experiments (id) on delete cascade,
    key text not null,
    value text not null,
    primary key (experiment_id, key)
) strict, without rowid;

-- artifact_path is relative to the artifact root, or the URI of a place that only clients reach
alter table runs add column user_id text not null default '';
alter table runs add column deleted_ms integer;
drop index runs_experiment;
create index runs_experiment on runs (experiment_id, started_ms desc, id);

-- the newest value of every metric: by step, then time, then value
create table latest_metrics (
    run_id text not null references runs (id) on delete cascade,
    key text not null,
    step integer not null,
    timestamp_ms integer not null,
    value any not null,
    primary key (run_id, key)
) strict, without rowid;
insert into latest_metrics
select run_id, key, step, timestamp_ms, value from (
    select *, row_number() over (
        partition by run_id, key order by step desc, timestamp_ms desc, value desc
    ) as n from metrics
) where n = 1;

create table datasets (
    id integer primary key,
    experiment_id integer not null references experiments (id) on delete cascade,
    name text not null,
    digest text not null,
    source_type text not null,
    source text not null,
    schema text,
    profile text,
    unique (experiment_id, name, digest)
) strict;

-- an input that is a table of ours: its name, its version as digest, its role as context
insert into datasets (experiment_id, name, digest, source_type, source)
select distinct r.experiment_id, i.relation, cast(i.version as text), 'delta_table',
    json_object('delta_table_name', i.relation, 'delta_table_version', i.version)
from run_inputs i join runs r on r.id = i.run_id;

create table run_datasets (
    run_id text not null references runs (id) on delete cascade,
    dataset_id integer not null references datasets (id),
    tags text not null,
    primary key (run_id, dataset_id)
) strict, without rowid;
insert into run_datasets
select i.run_id, d.id, json_object('mlflow.data.context', i.role)
from run_inputs i join runs r on r.id = i.run_id
join datasets d on d.experiment_id = r.experiment_id and d.name = i.relation
    and d.digest = cast(i.version as text);
drop table run_inputs;

create table logged_models (
    id text primary key,
    experiment_id integer not null references experiments (id),
    name text not null,
    model_type text not null,
    source_run_id text not null,
    status text not null,
    artifact_path text not null,
    created_ms integer not null,
    updated_ms integer not null,
    deleted_ms integer
) strict;
create index logged_models_experiment on logged_models (experiment_id, created_ms desc, id);

create table logged_model_params (
    model_id text not null references logged_models (id) on delete cascade,
    key text not null,
    value text not null,
    primary key (model_id, key)
) strict, without rowid;

create table logged_model_tags (
    model_id text not null references logged_models (id) on delete cascade,
    key text not null,
    value text not null,
    primary key (model_id, key)
) strict, without rowid;

-- dataset_name and dataset_digest are empty where the metric names no dataset
create table logged_model_metrics (
    model_id text not null references logged_models (id) on delete cascade,
    key text not null,
    step integer not null,
    timestamp_ms integer not null,
    run_id text not null,
    dataset_name text not null,
    dataset_digest text not null,
    value any not null,
    primary key (model_id, key, step, timestamp_ms, run_id, dataset_name, dataset_digest, value)
) strict, without rowid;

-- step is null for a model that the run read
create table run_models (
    run_id text not null references runs (id) on delete cascade,
    model_id text not null,
    step integer,
    is_input integer not null
) strict;
create unique index run_models_run on run_models (run_id, is_input, model_id, step);

alter table registered_models add column description text not null default '';
alter table registered_models add column updated_ms integer not null default 0;
-- versions are never numbered twice, not even after the newest was deleted
alter table registered_models add column last_version integer not null default 0;
update registered_models set updated_ms = created_ms, last_version = (
    select coalesce(max(version), 0) from model_versions where model = name
);

create table registered_model_tags (
    model text not null references registered_models (name) on delete cascade on update cascade,
    key text not null,
    value text not null,
    primary key (model, key)
) strict, without rowid;

-- run_id, model_id and training_hash are empty where the version has none
create table versions_2 (
    model text not null references registered_models (name) on delete cascade on update cascade,
    version integer not null,
    run_id text not null,
    model_id text not null,
    training_hash text not null,
    source text not null,
    artifact_path text not null,
    description text not null,
    user_id text not null,
    stage text not null,
    run_link text not null,
    created_ms integer not null,
    updated_ms integer not null,
    primary key (model, version)
) strict;
insert into versions_2
select model, version, run_id, '', training_hash, source, source, '', '', 'None', '', created_ms, created_ms
from model_versions;

create table aliases_2 (
    model text not null,
    alias text not null,
    version integer not null,
    primary key (model, alias),
    foreign key (model, version) references versions_2 (model, version) on delete cascade on update cascade
) strict, without rowid;
insert into aliases_2 select * from model_aliases;

drop table model_aliases;
drop table model_versions;
alter table versions_2 rename to model_versions;
alter table aliases_2 rename to model_aliases;
create index model_versions_run on model_versions (run_id);

create table model_version_tags (
    model text not null,
    version integer not null,
    key text not null,
    value text not null,
    primary key (model, version, key),
    foreign key (model, version) references model_versions (model, version) on delete cascade on update cascade
) strict, without rowid;
