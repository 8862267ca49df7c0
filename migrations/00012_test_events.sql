-- +goose Up

-- Test events have no number: they are not in the feed.
alter table events alter column number drop not null;

alter table deliveries
    add column test         boolean not null default false,
    add column tries        integer not null default 0, -- attempts since its schedule began
    add column requested_at timestamptz;                -- when a person last asked for it
update deliveries set tries = attempts;

create index deliveries_test_due_idx on deliveries (next_attempt_at) where state = 'pending' and test;
create index deliveries_requested_idx on deliveries (organization_id, requested_at) where requested_at is not null;
create index deliveries_failed_idx on deliveries (organization_id, webhook_id, created_at) where state in ('exhausted', 'cancelled');

alter table attempts add column url text not null default ''; -- where it was sent: the webhook's may be another one by now

-- A request whose answer is to come after its transaction has the status 0.
alter table idempotency_keys
    drop constraint idempotency_keys_status_check,
    add constraint idempotency_keys_status_check check (status = 0 or status between 200 and 299);

-- Looking each attempt's delivery up would cost as much as writing it. Attempts are pruned by their own time.
alter table attempts drop constraint attempts_delivery_fkey;
create index attempts_started_idx on attempts using brin (started_at);

-- leases are the deliveries that a worker is at: few, while deliveries are many and are written once an attempt.
create table leases (
    organization_id uuid        not null,
    delivery_id     uuid        not null,
    webhook_id      uuid        not null,
    fence           bigint      not null generated always as identity, -- tells a worker's lease from that of the one before
    until           timestamptz not null,
    primary key (organization_id, delivery_id)
);

create index leases_webhook_idx on leases (organization_id, webhook_id);

alter table deliveries drop column leased_until, drop column fence;
