-- +goose Up

-- idempotency_keys holds the answers to POSTs that carried an Idempotency-Key, for 24 hours.
create table idempotency_keys (
    organization_id uuid        not null references organizations,
    method          text        not null,
    path            text        not null,
    key             text        not null check (length(key) between 1 and 255),
    body_hash       bytea       not null, -- SHA-256 of the request's body
    status          integer     not null check (status between 200 and 299),
    location        text        not null,
    etag            text        not null,
    body            bytea       not null,
    created_at      timestamptz not null,
    primary key (organization_id, method, path, key)
);

create index idempotency_keys_created_idx on idempotency_keys (organization_id, created_at);

create table audit_log (
    organization_id uuid        not null references organizations,
    id              uuid        not null,
    api_key_id      uuid        not null,
    operation       text        not null, -- the specification's operationId
    method          text        not null,
    path            text        not null,
    status          integer     not null,
    request_id      text        not null,
    at              timestamptz not null,
    primary key (organization_id, id)
);

alter table watchlist_items
    add column tags       text[]      not null default '{}' check (cardinality(tags) <= 20),
    add column priority   text        not null default 'none' check (priority in ('none', 'low', 'medium', 'high')),
    add column version    bigint      not null default 1,
    add column updated_at timestamptz;

update watchlist_items set updated_at = added_at;

alter table watchlist_items alter column updated_at set not null;

create index watchlist_items_permit_idx on watchlist_items (permit_uuid);

create table notes (
    organization_id uuid        not null references organizations,
    id              uuid        not null,
    permit_uuid     uuid        not null references permits,
    body            text        not null check (length(body) between 1 and 10000), -- Markdown, as it was sent
    api_key_id      uuid        not null, -- who wrote it
    version         bigint      not null default 1,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    primary key (organization_id, id),
    constraint notes_author_fkey foreign key (organization_id, api_key_id) references api_keys
);

create index notes_permit_idx on notes (organization_id, permit_uuid, id);
