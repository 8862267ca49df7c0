-- +goose Up

-- How a webhook answered lately; written when it changes.
alter table webhooks
    add column failing_since timestamptz, -- the first failed attempt since the last success
    add column exhausted     integer not null default 0 check (exhausted >= 0), -- deliveries in a row
    add column notified_at   timestamptz, -- when its organization was told, in this episode
    add constraint webhooks_health_check check (failing_since is not null or (exhausted = 0 and notified_at is null));

create table members (
    organization_id uuid        not null references organizations,
    id              uuid        not null,
    email           text        not null check (length(email) between 3 and 254),
    name            text        not null check (length(name) between 1 and 200),
    role            text        not null check (role in ('owner', 'admin', 'member')),
    created_at      timestamptz not null,
    primary key (organization_id, id)
);

create unique index members_email_key on members (organization_id, lower(email));

-- notifications are what organizations are told about their own affairs, for 30 days.
create table notifications (
    organization_id uuid        not null references organizations,
    id              uuid        not null,
    type            text        not null check (type in ('webhook.failing', 'webhook.disabled')),
    title           text        not null,
    message         text        not null,
    webhook_id      uuid        not null, -- which may be deleted since
    created_at      timestamptz not null,
    read_at         timestamptz,
    primary key (organization_id, id)
);

create index notifications_created_idx on notifications (created_at);

-- mails are to be sent, or were: one for each recipient.
create table mails (
    organization_id uuid        not null references organizations,
    id              uuid        not null,
    notification_id uuid        not null,
    email           text        not null,
    name            text        not null,
    subject         text        not null,
    body            text        not null,
    state           text        not null default 'pending' check (state in ('pending', 'sent', 'logged', 'failed')),
    attempts        integer     not null default 0, -- counts what was begun too: only the last one may say what came of it
    next_attempt_at timestamptz, -- while it is pending; not before the one that is under way has had its time
    error           text        not null default '', -- of the last attempt
    created_at      timestamptz not null,
    finished_at     timestamptz,
    primary key (organization_id, id),
    constraint mails_notification_fkey foreign key (organization_id, notification_id) references notifications on delete cascade,
    check ((state = 'pending') = (next_attempt_at is not null)),
    check ((state = 'pending') = (finished_at is null))
);

create index mails_due_idx on mails (next_attempt_at) where state = 'pending';
create index mails_notification_idx on mails (organization_id, notification_id);
