-- +goose Up

-- deliveries are what is to be sent to webhooks: a row for each event and webhook.
create table deliveries (
    organization_id uuid        not null references organizations,
    id              uuid        not null,
    webhook_id      uuid        not null, -- which may be deleted since
    event_id        uuid        not null,
    state           text        not null default 'pending' check (state in ('pending', 'succeeded', 'exhausted', 'cancelled')),
    reason          text        not null default '', -- of cancelled
    attempts        integer     not null default 0,
    next_attempt_at timestamptz, -- while it is pending
    leased_until    timestamptz, -- a worker is at it
    fence           bigint      not null default 0, -- counts the leases: only the last one may say what came of it
    created_at      timestamptz not null,
    finished_at     timestamptz,
    primary key (organization_id, id),
    constraint deliveries_event_key unique (organization_id, event_id, webhook_id),
    constraint deliveries_event_fkey foreign key (organization_id, event_id) references events on delete cascade,
    check ((state = 'pending') = (next_attempt_at is not null)),
    check ((state = 'pending') = (finished_at is null))
);

create index deliveries_due_idx on deliveries (organization_id, webhook_id, next_attempt_at) where state = 'pending';
create index deliveries_webhook_idx on deliveries (organization_id, webhook_id, id);

-- attempts are the requests that were made for deliveries.
create table attempts (
    organization_id  uuid             not null references organizations,
    id               uuid             not null,
    delivery_id      uuid             not null,
    number           integer          not null,
    started_at       timestamptz      not null,
    request_headers  jsonb            not null, -- the values of the webhook's own headers are left out
    status           integer,
    response_headers jsonb            not null,
    response_body    text             not null,
    truncated        boolean          not null,
    error            text             not null, -- '' when there was an answer in time
    address          text             not null,
    dns_ms           double precision not null,
    connect_ms       double precision not null,
    tls_ms           double precision not null,
    wait_ms          double precision not null,
    total_ms         double precision not null,
    primary key (organization_id, id),
    constraint attempts_delivery_fkey foreign key (organization_id, delivery_id) references deliveries on delete cascade
);

create index attempts_delivery_idx on attempts (organization_id, delivery_id, number);
