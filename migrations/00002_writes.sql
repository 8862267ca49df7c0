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

-- row_versions gives the versions of rows that can come again under the same key, each of them once.
create sequence row_versions;

alter table watchlist_items
    add column tags       text[]      not null default '{}' check (cardinality(tags) <= 20),
    add column priority   text        not null default 'none' check (priority in ('none', 'low', 'medium', 'high')),
    add column version    bigint      not null default nextval('row_versions'),
    add column updated_at timestamptz not null default now();

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

-- change_clock holds the newest stamp of stamp_change.
create table change_clock (last timestamptz not null);

insert into change_clock select coalesce(max(updated_at), '-infinity') from permits;

-- stamp_change returns the instant under which a transaction's changes become visible to those who poll by time. The
-- row's lock is held until the transaction ends, so that the order of stamps is the order of commits: who has seen a
-- stamp has seen all that came before it. It stays ahead of the newest stamp when the clock is set back.
-- +goose StatementBegin
create or replace function stamp_change() returns timestamptz language sql volatile
begin atomic
    update change_clock set last = greatest(clock_timestamp(), last + interval '1 microsecond') returning last;
end;
-- +goose StatementEnd

-- address_line returns an address in one line, as a US letter has it.
create function address_line(street text, city text, region text, postal_code text) returns text language sql immutable parallel safe return
    concat_ws(', ', nullif(street, ''), nullif(city, ''), nullif(trim(region || ' ' || postal_code), ''));
