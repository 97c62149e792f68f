-- Who is told of what happens in the registry.

-- secret is empty where deliveries are not signed
create table webhooks (
    id text primary key,
    name text not null,
    url text not null,
    description text not null,
    secret text not null,
    is_active integer not null,
    created_ms integer not null,
    updated_ms integer not null
) strict;

-- event is entity.action, such as model_version.created
create table webhook_events (
    webhook_id text not null references webhooks (id) on delete cascade,
    event text not null,
    primary key (webhook_id, event)
) strict, without rowid;
create index webhook_events_event on webhook_events (event);
