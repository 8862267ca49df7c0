-- +goose Up

create table permit_fees (
    permit_uuid   uuid           not null references permits on delete cascade,
    position      integer        not null,
    number        text           not null default '', -- the city's own
    name          text           not null check (length(name) between 1 and 200),
    amount        numeric(14, 2) not null, -- US dollars; a credit is negative
    paid_amount   numeric(14, 2),
    assessed_date date,
    paid_date     date,
    primary key (permit_uuid, position)
);

create table permit_inspections (
    permit_uuid    uuid    not null references permits on delete cascade,
    position       integer not null,
    number         text    not null default '', -- the city's own
    type           text    not null check (length(type) between 1 and 200),
    description    text    not null default '',
    result         text    not null default '', -- the city's own words
    scheduled_date date,
    inspected_date date,
    inspector      text    not null default '',
    notes          text    not null default '',
    primary key (permit_uuid, position)
);

-- Of the rows that the sources gave, to tell unchanged ones without comparing them; null: none were ever imported.
alter table permits add column fees_hash uuid, add column inspections_hash uuid;

alter table permit_changes
    drop constraint permit_changes_scope_check,
    add constraint permit_changes_scope_check check (scope in ('permit', 'party', 'fee', 'inspection'));
