-- +goose Up

-- event_counters numbers each organization's events. Its rows are locked last in every transaction, in the order of the
-- organizations, and until the commit: so the order of numbers is the order of commits, without gaps.
create table event_counters (
    organization_id uuid   primary key references organizations,
    last            bigint not null check (last > 0),
    pruned          bigint not null default 0 -- events up to this number were deleted after their time
);

create table events (
    organization_id uuid        not null references organizations,
    id              uuid        not null,
    number          bigint      not null,
    type            text        not null,
    permit_uuid     uuid        not null,
    body            text        not null, -- exactly what webhooks get
    schema_hash     bytea       not null, -- of the schema that the body was held against (SHA-256)
    created_at      timestamptz not null,
    primary key (organization_id, id),
    constraint events_number_key unique (organization_id, number)
);

create index events_created_idx on events (created_at);

-- quarantined_events holds events whose body breaks its schema: they have no number and never leave.
create table quarantined_events (
    organization_id uuid        not null references organizations,
    id              uuid        not null,
    type            text        not null,
    permit_uuid     uuid        not null,
    body            text        not null,
    reason          text        not null,
    created_at      timestamptz not null,
    primary key (organization_id, id)
);
