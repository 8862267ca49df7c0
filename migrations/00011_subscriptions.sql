-- +goose Up

-- A webhook may be there before its organization's first event. Of events up to unrecorded it was not noted who was
-- subscribed to them.
alter table event_counters
    drop constraint event_counters_last_check,
    add constraint event_counters_last_check check (last >= 0),
    add column unrecorded bigint not null default 0;

update event_counters set unrecorded = last;

-- webhook_subscriptions is the history of what webhooks are told of, in spans of their organization's event numbers: the
-- deliveries are audited against it. Active and paused webhooks have an open span, disabled and deleted ones have none.
create table webhook_subscriptions (
    organization_id uuid   not null references organizations,
    webhook_id      uuid   not null, -- which may be deleted since
    event_types     text[] not null check (cardinality(event_types) > 0),
    after_number    bigint not null check (after_number >= 0),
    until_number    bigint check (until_number > after_number), -- null while it is open
    primary key (organization_id, webhook_id, after_number)
);

create unique index webhook_subscriptions_open_idx on webhook_subscriptions (organization_id, webhook_id) where until_number is null;

insert into webhook_subscriptions (organization_id, webhook_id, event_types, after_number)
select w.organization_id, w.id, w.event_types, coalesce(c.last, 0)
from webhooks w
left join event_counters c on c.organization_id = w.organization_id
where w.state <> 'disabled';
