-- Values know their experiment, so that an index finds the runs of one by what was logged to them.

create table params_2 (
    run_id text not null references runs (id) on delete cascade,
    experiment_id integer not null,
    key text not null,
    value text not null,
    primary key (run_id, key)
) strict, without rowid;
insert into params_2
select p.run_id, r.experiment_id, p.key, p.value from params p join runs r on r.id = p.run_id;
drop table params;
alter table params_2 rename to params;

create table run_tags_2 (
    run_id text not null references runs (id) on delete cascade,
    experiment_id integer not null,
    key text not null,
    value text not null,
    primary key (run_id, key)
) strict, without rowid;
insert into run_tags_2
select t.run_id, r.experiment_id, t.key, t.value from run_tags t join runs r on r.id = t.run_id;
drop table run_tags;
alter table run_tags_2 rename to run_tags;

create table latest_metrics_2 (
    run_id text not null references runs (id) on delete cascade,
    experiment_id integer not null,
    key text not null,
    step integer not null,
    timestamp_ms integer not null,
    value any not null,
    primary key (run_id, key)
) strict, without rowid;
insert into latest_metrics_2
select m.run_id, r.experiment_id, m.key, m.step, m.timestamp_ms, m.value
from latest_metrics m join runs r on r.id = m.run_id;
drop table latest_metrics;
alter table latest_metrics_2 rename to latest_metrics;

-- nobody looks for a long text by its whole
create index params_value on params (experiment_id, key, value, run_id) where length(value) <= 250;
create index run_tags_value on run_tags (experiment_id, key, value, run_id) where length(value) <= 250;
create index latest_metrics_value on latest_metrics (experiment_id, key, value, run_id);
