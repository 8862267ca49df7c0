-- +goose Up

-- The organization's days begin at midnight of its time zone (a name of the IANA database).
alter table organizations add column time_zone text not null default 'UTC';

alter table api_keys
    add column allowed_networks    text[]  not null default '{}' check (cardinality(allowed_networks) <= 20), -- from anywhere when empty
    add column created_by          uuid, -- the API key that made it; null: the operator
    add column last_used_at        timestamptz,
    add column rotated_at          timestamptz,
    add column previous_hash       bytea   constraint api_keys_previous_hash_key unique, -- of the secret before the last rotation
    add column previous_expires_at timestamptz,
    add column version             bigint  not null default 1,
    add constraint api_keys_creator_fkey foreign key (organization_id, created_by) references api_keys,
    add check ((previous_hash is null) = (previous_expires_at is null));

-- What the operator does has no key.
alter table audit_log alter column api_key_id drop not null;

-- secret_of is the id of what an answer showed a secret of; such an answer is not kept, and secret_of is '' for the others.
alter table idempotency_keys add column secret_of text not null default '';

-- usage_flushes holds which batches of counts were added, so that one that is sent twice counts once.
create table usage_flushes (
    replica    uuid        not null, -- a process
    number     bigint      not null, -- of its batches, from 1
    flushed_at timestamptz not null,
    primary key (replica, number)
);

create index usage_flushes_time_idx on usage_flushes (flushed_at);

-- usage_minutes counts requests by the minute, for 35 days.
create table usage_minutes (
    organization_id  uuid             not null references organizations,
    minute           timestamptz      not null,
    api_key_id       uuid             not null,
    operation        text             not null, -- the specification's operationId
    status           smallint         not null,
    code             text             not null, -- the error code; '' for a success
    requests         bigint           not null check (requests > 0),
    milliseconds     double precision not null, -- all of them together
    max_milliseconds double precision not null,
    primary key (organization_id, minute, api_key_id, operation, status, code)
);

create index usage_minutes_minute_idx on usage_minutes (minute);

-- usage_days counts the same requests by the organization's day, for ever.
create table usage_days (
    organization_id  uuid             not null references organizations,
    day              date             not null,
    api_key_id       uuid             not null,
    operation        text             not null,
    status           smallint         not null,
    code             text             not null,
    requests         bigint           not null check (requests > 0),
    milliseconds     double precision not null,
    max_milliseconds double precision not null,
    primary key (organization_id, day, api_key_id, operation, status, code)
);
