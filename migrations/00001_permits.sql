-- +goose Up

-- uuid_v7 returns a UUID of version 7 (RFC 9562 §5.7): 48 bits of milliseconds, the version, 12 bits of the fraction of
-- the millisecond (§6.2, method 3), then random bits. One session's UUIDs sort by their making.
create function uuid_v7() returns uuid language sql volatile parallel safe as $$
    select encode(overlay(uuid_send(gen_random_uuid()) placing
        int8send(((micros / 1000) << 16) | 28672 | (micros % 1000 * 4096 / 1000)) from 1 for 8), 'hex')::uuid
    from (select cast(extract(epoch from clock_timestamp()) * 1000000 as bigint) as micros) clock
$$;

-- distance_m returns the great-circle distance in metres (haversine, mean Earth radius 6,371,008.8 m).
create function distance_m(latitude_1 double precision, longitude_1 double precision,
    latitude_2 double precision, longitude_2 double precision) returns double precision
    language sql immutable parallel safe as $$
    select 2 * 6371008.8 * asin(least(1, sqrt(
        power(sin(radians(latitude_2 - latitude_1) / 2), 2) +
        cos(radians(latitude_1)) * cos(radians(latitude_2)) * power(sin(radians(longitude_2 - longitude_1) / 2), 2))))
$$;

create table plans (
    name                text    primary key,
    requests_per_minute integer not null check (requests_per_minute > 0),
    permit_slots        integer check (permit_slots >= 0), -- null: without limit
    seats               integer check (seats >= 0),
    conditions          integer check (conditions >= 0),
    api_access          boolean not null default true
);

insert into plans (name, requests_per_minute, permit_slots, seats, conditions) values
    ('starter', 100, 25, 2, 3),
    ('professional', 1000, 100, 10, 5),
    ('enterprise', 10000, null, null, 10);

create table organizations (
    id                  uuid        primary key,
    name                text        not null check (length(name) between 1 and 200),
    plan                text        not null references plans,
    requests_per_minute integer     check (requests_per_minute > 0), -- agreed with this organization; null: the plan's
    created_at          timestamptz not null
);

create table api_keys (
    organization_id uuid        not null references organizations,
    id              uuid        not null,
    name            text        not null check (length(name) between 1 and 100),
    permissions     text[]      not null check (permissions <@ array['admin', 'read', 'write'] and cardinality(permissions) > 0),
    key_hash        bytea       not null constraint api_keys_key_hash_key unique, -- SHA-256
    prefix          text        not null,
    last_four       text        not null,
    created_at      timestamptz not null,
    expires_at      timestamptz,
    revoked_at      timestamptz,
    primary key (organization_id, id)
);

create table jurisdictions (
    id              uuid        primary key,
    slug            text        not null constraint jurisdictions_slug_key unique,
    name            text        not null,
    region          text        not null default '',
    permits         bigint      not null default 0,
    last_checked_at timestamptz,
    last_changed_at timestamptz
);

create table permits (
    uuid            uuid          primary key,
    jurisdiction_id uuid          not null references jurisdictions,
    permit_number   text          not null check (length(permit_number) between 1 and 100),
    status          text          not null default '',
    stage           text          not null default 'unknown' check (stage in ('application_accepted', 'in_review',
        'permit_issued', 'inspection_phase', 'permit_finaled', 'permit_cancelled', 'expired', 'unknown')),
    state           text          not null generated always as (
        case when stage in ('permit_finaled', 'permit_cancelled', 'expired') then 'closed' else 'active' end) stored,
    type            text          not null default '',
    description     text          not null default '',
    street          text          not null default '',
    city            text          not null default '',
    region          text          not null default '',
    postal_code     text          not null default '',
    latitude        double precision check (latitude between -90 and 90),
    longitude       double precision check (longitude between -180 and 180),
    filed_date      date,
    issued_date     date,
    expires_date    date,
    completed_date  date,
    valuation       numeric(14, 2), -- US dollars
    search          tsvector      not null,
    source_hash     uuid          not null, -- of the source's row, to tell an unchanged one without comparing it
    updated_at      timestamptz   not null,
    constraint permits_jurisdiction_number_key unique (jurisdiction_id, permit_number),
    check ((latitude is null) = (longitude is null))
);

create index permits_updated_idx on permits (updated_at, uuid);
create index permits_status_idx on permits (jurisdiction_id, status, uuid);
create index permits_filed_idx on permits (coalesce(filed_date, '-infinity'), uuid);
create index permits_issued_idx on permits (coalesce(issued_date, '-infinity'), uuid);
create index permits_number_idx on permits (upper(permit_number) collate "C");
create index permits_search_idx on permits using gin (search);
create index permits_point_idx on permits using gist (point(longitude, latitude)) where latitude is not null;

create table permit_parties (
    permit_uuid uuid     not null references permits on delete cascade,
    position    smallint not null,
    role        text     not null check (role in ('contractor', 'owner', 'applicant')),
    person      text     not null default '',
    company     text     not null default '',
    license     text     not null default '',
    phone       text     not null default '',
    email       text     not null default '',
    street      text     not null default '',
    city        text     not null default '',
    region      text     not null default '',
    postal_code text     not null default '',
    primary key (permit_uuid, position)
);

create table permit_changes (
    id          uuid        primary key,
    permit_uuid uuid        not null references permits on delete cascade,
    scope       text        not null check (scope in ('permit', 'party')),
    field       text        not null,
    previous    text,
    new         text,
    detected_at timestamptz not null,
    check (previous is distinct from new)
);

create index permit_changes_permit_idx on permit_changes (permit_uuid, detected_at, id);

-- stamp_change returns the instant under which a transaction's changes become visible to those who poll by time. The
-- lock is held until the transaction ends, so that the order of stamps is the order of commits: who has seen a stamp
-- has seen all that came before it. It stays ahead of the newest stamp when the clock is set back.
-- +goose StatementBegin
create function stamp_change() returns timestamptz language plpgsql volatile as $$
begin
    perform pg_advisory_xact_lock(7305210001);
    return greatest(clock_timestamp(), (select max(updated_at) + interval '1 microsecond' from permits));
end
$$;
-- +goose StatementEnd

create table watchlist_items (
    organization_id uuid        not null references organizations,
    permit_uuid     uuid        not null references permits,
    added_at        timestamptz not null,
    primary key (organization_id, permit_uuid)
);
