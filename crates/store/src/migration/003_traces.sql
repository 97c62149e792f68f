-- Traces with their spans and assessments; datasets and scorers to evaluate with.

-- duration_ms is null while the trace goes on; texts are empty where nothing was said
create table traces (
    id text primary key,
    experiment_id integer not null references experiments (id) on delete cascade,
    client_request_id text not null,
    state text not null,
    started_ms integer not null,
    duration_ms integer,
    request_preview text not null,
    response_preview text not null,
    -- its client has said when it began and how long it took: spans no longer tell
    is_final integer not null
) strict;
create index traces_experiment on traces (experiment_id, started_ms desc, id);

create table trace_tags (
    trace_id text not null references traces (id) on delete cascade,
    key text not null,
    value text not null,
    primary key (trace_id, key)
) strict, without rowid;

create table trace_metadata (
    trace_id text not null references traces (id) on delete cascade,
    key text not null,
    value text not null,
    primary key (trace_id, key)
) strict, without rowid;

-- content is the span in OpenTelemetry's protobuf JSON
create table spans (
    trace_id text not null references traces (id) on delete cascade,
    id text not null,
    parent_id text not null,
    name text not null,
    type text not null,
    status text not null,
    started_ns integer not null,
    finished_ns integer,
    content text not null,
    primary key (trace_id, id)
) strict;

-- kind is feedback, expectation or issue; value is JSON; content is the assessment in protobuf JSON
create table assessments (
    id text primary key,
    trace_id text not null references traces (id) on delete cascade,
    name text not null,
    kind text not null,
    value text not null,
    is_valid integer not null,
    overrides text not null,
    content text not null
) strict;
create index assessments_trace on assessments (trace_id);

create table trace_runs (
    trace_id text not null references traces (id) on delete cascade,
    run_id text not null,
    primary key (trace_id, run_id)
) strict, without rowid;
create index trace_runs_run on trace_runs (run_id);

-- prompt is name/version
create table trace_prompts (
    trace_id text not null references traces (id) on delete cascade,
    prompt text not null,
    primary key (trace_id, prompt)
) strict, without rowid;

create table evaluation_datasets (
    id text primary key,
    name text not null,
    schema text,
    digest text not null,
    created_by text not null,
    updated_by text not null,
    created_ms integer not null,
    updated_ms integer not null
) strict;

create table evaluation_dataset_tags (
    dataset_id text not null references evaluation_datasets (id) on delete cascade,
    key text not null,
    value text not null,
    primary key (dataset_id, key)
) strict, without rowid;

create table evaluation_dataset_experiments (
    dataset_id text not null references evaluation_datasets (id) on delete cascade,
    experiment_id integer not null references experiments (id) on delete cascade,
    primary key (dataset_id, experiment_id)
) strict, without rowid;

-- inputs, outputs, expectations, tags and source are JSON; no two records have the same inputs
create table evaluation_records (
    id text primary key,
    dataset_id text not null references evaluation_datasets (id) on delete cascade,
    inputs text not null,
    outputs text,
    expectations text,
    tags text,
    source text,
    created_by text not null,
    updated_by text not null,
    created_ms integer not null,
    updated_ms integer not null,
    unique (dataset_id, inputs)
) strict;

create table scorers (
    id text primary key,
    experiment_id integer not null references experiments (id) on delete cascade,
    name text not null,
    unique (experiment_id, name)
) strict;

create table scorer_versions (
    scorer_id text not null references scorers (id) on delete cascade,
    version integer not null,
    serialized text not null,
    created_ms integer not null,
    primary key (scorer_id, version)
) strict;
