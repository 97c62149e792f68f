create table invocations (
    id text primary key,
    command text not null,
    arguments text not null,
    pid integer not null,
    status text not null,
    started_ms integer not null,
    finished_ms integer
) strict;
create index invocations_started on invocations (started_ms desc);

create table node_runs (
    invocation_id text not null references invocations (id) on delete cascade,
    node_id text not null,
    attempt integer not null,
    status text not null,
    started_ms integer,
    finished_ms integer,
    message text not null default '',
    details text not null default '{}',
    primary key (invocation_id, node_id, attempt)
) strict, without rowid;
create index node_runs_node on node_runs (node_id, started_ms desc);

create table experiments (
    id integer primary key,
    name text not null unique,
    created_ms integer not null
) strict;

create table runs (
    id text primary key,
    experiment_id integer not null references experiments (id),
    name text not null,
    state text not null,
    invocation_id text,
    artifact_path text not null,
    started_ms integer not null,
    finished_ms integer
) strict;
create index runs_experiment on runs (experiment_id, started_ms desc);

create table params (
    run_id text not null references runs (id) on delete cascade,
    key text not null,
    value text not null,
    primary key (run_id, key)
) strict, without rowid;

-- value is a float as text where SQLite has no number for it: 'NaN', 'Infinity', '-Infinity'
create table metrics (
    run_id text not null references runs (id) on delete cascade,
    key text not null,
    step integer not null,
    timestamp_ms integer not null,
    value any not null,
    primary key (run_id, key, step, timestamp_ms, value)
) strict, without rowid;

create table run_tags (
    run_id text not null references runs (id) on delete cascade,
    key text not null,
    value text not null,
    primary key (run_id, key)
) strict, without rowid;

create table run_inputs (
    run_id text not null references runs (id) on delete cascade,
    relation text not null,
    version integer not null,
    role text not null,
    primary key (run_id, relation)
) strict, without rowid;

create table registered_models (
    name text primary key,
    created_ms integer not null
) strict;

create table model_versions (
    model text not null references registered_models (name) on delete cascade,
    version integer not null,
    run_id text not null references runs (id),
    training_hash text not null,
    source text not null,
    created_ms integer not null,
    primary key (model, version)
) strict, without rowid;

create table model_aliases (
    model text not null,
    alias text not null,
    version integer not null,
    primary key (model, alias),
    foreign key (model, version) references model_versions (model, version) on delete cascade
) strict, without rowid;
