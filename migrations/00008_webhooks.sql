-- +goose Up

create table webhooks (
    organization_id uuid        not null references organizations,
    id              uuid        not null,
    url             text        not null check (length(url) between 1 and 2048),
    description     text        not null default '' check (length(description) <= 200),
    event_types     text[]      not null check (cardinality(event_types) > 0),
    state           text        not null default 'active' check (state in ('active', 'paused', 'disabled')),
    disabled_reason text        check ((state = 'disabled') = (disabled_reason is not null)),
    header_names    text[]      not null default '{}' check (cardinality(header_names) <= 10),
    sealed          bytea       not null, -- secrets and headers, encrypted
    version         bigint      not null default 1,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    primary key (organization_id, id)
);
