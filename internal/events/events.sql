-- name: number
-- An organization that gets no event has its counter locked all the same.
insert into event_counters (organization_id, last)
select organization_id, n from unnest(cast($1 as uuid[]), cast($2 as bigint[])) as u (organization_id, n)
order by organization_id
on conflict (organization_id) do update set last = event_counters.last + excluded.last
returning organization_id, last

-- name: insert
insert into events (organization_id, id, number, type, permit_uuid, body, schema_hash, created_at)
select * from unnest(cast($1 as uuid[]), cast($2 as uuid[]), cast($3 as bigint[]), cast($4 as text[]), cast($5 as uuid[]), cast($6 as text[]),
    cast($7 as bytea[]), cast($8 as timestamptz[]))

-- name: insertTest
insert into events (organization_id, id, type, permit_uuid, body, schema_hash, created_at)
values ($1, $2, $3, $4, $5, $6, $7)

-- name: deliver
-- What is paused waits; what is disabled is told nothing.
insert into deliveries (organization_id, id, webhook_id, event_id, next_attempt_at, created_at)
select e.organization_id, uuid_v7(), w.id, e.id, e.created_at, e.created_at
from unnest(cast($1 as uuid[]), cast($2 as uuid[]), cast($3 as text[]), cast($4 as timestamptz[])) as e (organization_id, id, type, created_at)
join webhooks w on w.organization_id = e.organization_id and e.type = any(w.event_types) and w.state <> 'disabled'

-- name: notify
select pg_notify($1, organization_id) from unnest(cast($2 as text[])) as u (organization_id)

-- name: quarantine
insert into quarantined_events (organization_id, id, type, permit_uuid, body, reason, created_at)
values ($1, $2, $3, $4, $5, $6, $7)

-- name: countQuarantined
select count(*) from quarantined_events where created_at > $1

-- name: pruneQuarantined
delete from quarantined_events where created_at < $1

-- part: list
-- With the bounds in the same statement, or what is pruned between two would be passed over; they come without an event too.
select bounds.last, bounds.pruned, e.id, e.number, e.body
from (select coalesce(max(last), 0) as last, coalesce(max(pruned), 0) as pruned from event_counters where organization_id = ?) bounds
left join lateral (
    select id, number, body
    from events
    where organization_id = ? and number > coalesce(?, bounds.pruned) and number <= bounds.last
        and (cardinality(cast(? as text[])) = 0 or type = any(?))
    order by number

-- part: end_list
) e on true
order by e.number

-- part: stored
select id, coalesce(number, 0) as number, type, permit_uuid, body, created_at from events where organization_id = ?

-- part: of_type
and type = ?

-- part: before
and number < ?

-- part: newest
and number is not null
order by events.number desc -- not the column above, which no index is for
limit ?

-- part: is
and id = ?

-- name: prune
-- The counters are locked in the order of number; what another prune deletes is left to it.
with old as (
    select organization_id, id from events where created_at < $1 order by created_at limit 5000 for update skip locked
), gone as (
    delete from events e using old where e.organization_id = old.organization_id and e.id = old.id
    returning e.organization_id, e.number
), numbers as (
    select organization_id, max(number) as number from gone where number is not null group by organization_id
), locked as (
    select organization_id from event_counters where organization_id in (select organization_id from numbers) order by organization_id for update
), counted as (
    update event_counters c set pruned = greatest(c.pruned, n.number)
    from numbers n
    join locked using (organization_id)
    where c.organization_id = n.organization_id
)
select count(*) from gone
