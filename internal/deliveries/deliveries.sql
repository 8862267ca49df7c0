-- name: relax
-- What a crash of Postgres loses of the last moments is done once more: events and deliveries themselves are not written here.
select set_config('synchronous_commit', 'off', true)

-- name: lockClaims
select pg_advisory_xact_lock(hashtextextended('claim deliveries', 0)) -- one worker claims at a time, so that limits are exact

-- name: cancel
-- The webhooks are found as those of claim are, not by way of all that waits: a webhook that is paused may have very much.
with recursive waiting as (
    (select organization_id, webhook_id from deliveries where state = 'pending' order by organization_id, webhook_id, next_attempt_at limit 1)
    union all
    select n.organization_id, n.webhook_id from waiting
    cross join lateral (
        select organization_id, webhook_id from deliveries
        where state = 'pending' and (organization_id, webhook_id) > (waiting.organization_id, waiting.webhook_id)
        order by organization_id, webhook_id, next_attempt_at limit 1
    ) n
), ended as materialized (
    select waiting.organization_id, waiting.webhook_id, case w.state when 'disabled' then 'the webhook was disabled' else 'the webhook was deleted' end as reason
    from waiting
    left join webhooks w on w.organization_id = waiting.organization_id and w.id = waiting.webhook_id
    where w.state is null or w.state = 'disabled'
)
update deliveries d set state = 'cancelled', reason = ended.reason, next_attempt_at = null, finished_at = $1
from ended
where d.organization_id = ended.organization_id and d.webhook_id = ended.webhook_id and d.state = 'pending'
    and not exists (select from leases l where l.organization_id = d.organization_id and l.webhook_id = d.webhook_id and l.delivery_id = d.id and l.until > $1)

-- name: endLeases
delete from leases where until <= $1

-- name: claim
-- Of each webhook that something is due for, as many as it has room for. Organizations take turns, those with the fewest
-- requests of this worker under way first, and one has at most four times as many as are left free: so that however many
-- webhooks of it hang, others find room. A test waits for nobody, and goes to a webhook that is paused too. The webhooks are found in the order of the index of what is due, each with what
-- is due first: another index would lead through all that was delivered.
with recursive waiting as (
    (select organization_id, webhook_id, next_attempt_at from deliveries where state = 'pending' order by organization_id, webhook_id, next_attempt_at limit 1)
    union all
    select n.organization_id, n.webhook_id, n.next_attempt_at from waiting
    cross join lateral (
        select organization_id, webhook_id, next_attempt_at from deliveries
        where state = 'pending' and (organization_id, webhook_id) > (waiting.organization_id, waiting.webhook_id)
        order by organization_id, webhook_id, next_attempt_at limit 1
    ) n
), ready as materialized (
    select w.organization_id, w.id, coalesce(busy.requests, 0) as under_way
    from waiting
    join webhooks w on w.organization_id = waiting.organization_id and w.id = waiting.webhook_id and w.state = 'active'
    left join unnest(cast($5 as uuid[]), cast($6 as integer[])) as busy (organization_id, requests) on busy.organization_id = w.organization_id
    where waiting.next_attempt_at <= $1
), due as (
    select d.organization_id, d.id, d.webhook_id, w.under_way, row_number() over (partition by w.organization_id order by d.next_attempt_at, d.id) as turn
    from ready w
    cross join lateral (
        select p.organization_id, p.id, p.webhook_id, p.next_attempt_at from deliveries p
        where p.organization_id = w.organization_id and p.webhook_id = w.id and p.state = 'pending' and p.next_attempt_at <= $1 and not p.test
            and not exists (select from leases l where l.organization_id = p.organization_id and l.webhook_id = p.webhook_id and l.delivery_id = p.id offset 0) -- looked up one by one: they come and go
        order by p.next_attempt_at
        limit least(1 + 2 * $4 / (select count(*) from ready), -- more than about its part is not looked at
            greatest(0, $3 - (select count(*) from leases l where l.organization_id = w.organization_id and l.webhook_id = w.id)))
    ) d
), chosen as (
    (select organization_id, id, webhook_id from due
    where turn <= ceil((4 * $4 - under_way) / 5.0)
    order by under_way + turn, random() limit $4) -- or with room for one, the same organization would always be first
    union all
    select t.organization_id, t.id, t.webhook_id from deliveries t
    join webhooks w on w.organization_id = t.organization_id and w.id = t.webhook_id and w.state <> 'disabled'
    where t.state = 'pending' and t.test and t.next_attempt_at <= $1
        and not exists (select from leases l where l.organization_id = t.organization_id and l.webhook_id = t.webhook_id and l.delivery_id = t.id)
), leased as (
    insert into leases (organization_id, delivery_id, webhook_id, until)
    select organization_id, id, webhook_id, $2 from chosen
    returning organization_id, delivery_id, fence
)
select d.organization_id, d.id, d.webhook_id, d.event_id, d.test, d.attempts, d.tries, l.fence, d.requested_at, d.created_at, e.body, w.url, w.sealed
from leased l
join deliveries d on d.organization_id = l.organization_id and d.id = l.delivery_id
join events e on e.organization_id = d.organization_id and e.id = d.event_id
join webhooks w on w.organization_id = d.organization_id and w.id = d.webhook_id

-- name: insertAttempts
-- What is there already was written before: only the news of the commit was lost.
insert into attempts (organization_id, id, delivery_id, number, started_at, url, request_headers, status, response_headers, response_body, truncated,
    error, address, dns_ms, connect_ms, tls_ms, wait_ms, total_ms)
select organization_id, id, delivery_id, number, started_at, url, cast(request_headers as json), nullif(status, 0), cast(response_headers as json),
    response_body, truncated, error, address, dns_ms, connect_ms, tls_ms, wait_ms, total_ms
from unnest(cast($1 as uuid[]), cast($2 as uuid[]), cast($3 as uuid[]), cast($4 as integer[]), cast($5 as timestamptz[]), cast($6 as text[]),
    cast($7 as text[]), cast($8 as integer[]), cast($9 as text[]), cast($10 as text[]), cast($11 as boolean[]), cast($12 as text[]), cast($13 as text[]),
    cast($14 as double precision[]), cast($15 as double precision[]), cast($16 as double precision[]), cast($17 as double precision[]),
    cast($18 as double precision[])) as u (organization_id, id, delivery_id, number, started_at, url, request_headers, status, response_headers,
    response_body, truncated, error, address, dns_ms, connect_ms, tls_ms, wait_ms, total_ms)
on conflict do nothing

-- name: finish
-- Returns the deliveries that this worker still had the lease of, and whether their webhooks were failing before: a success of
-- one that was not needs no other statement. One that a person asked for since it was claimed stays due when the attempt failed.
with held as (
    delete from leases l
    using unnest(cast($1 as uuid[]), cast($2 as uuid[]), cast($3 as uuid[]), cast($4 as bigint[]), cast($5 as text[]), cast($6 as timestamptz[]),
        cast($7 as timestamptz[]), cast($8 as timestamptz[])) as u (organization_id, webhook_id, id, fence, state, next, ended, requested)
    where l.organization_id = u.organization_id and l.webhook_id = u.webhook_id and l.delivery_id = u.id and l.fence = u.fence
    returning u.*
)
update deliveries d
set attempts = d.attempts + 1,
    (state, tries, next_attempt_at, finished_at) = (
        select case when again then 'pending' else h.state end,
               case when again and h.state <> 'pending' then 0 else d.tries + 1 end,
               case when again then d.next_attempt_at else h.next end,
               case when again then null else h.ended end
        from (select h.state <> 'succeeded' and d.requested_at is distinct from h.requested) as asked (again)
    )
from held h
where d.organization_id = h.organization_id and d.id = h.id and d.state = 'pending'
returning d.id, exists (select from webhooks w where w.organization_id = d.organization_id and w.id = d.webhook_id and w.failing_since is not null) as failing

-- part: list
select d.id, d.webhook_id, d.event_id, e.type as event_type, d.test, d.state, d.reason, d.attempts, d.next_attempt_at, d.requested_at, d.created_at,
       d.finished_at
from deliveries d
join events e on e.organization_id = d.organization_id and e.id = d.event_id
where d.organization_id = ?

-- name: get
select d.id, d.webhook_id, d.event_id, e.type as event_type, d.test, d.state, d.reason, d.attempts, d.next_attempt_at, d.requested_at, d.created_at,
       d.finished_at, e.body
from deliveries d
join events e on e.organization_id = d.organization_id and e.id = d.event_id
where d.organization_id = $1 and d.id = $2

-- part: of_webhook
and d.webhook_id = ?

-- part: in_state
and d.state = ?

-- part: unsettled
-- Said without a parameter: the plan that is kept for every state would not know that the index of what did not succeed will do.
and d.state <> 'succeeded'

-- part: of_type
and exists (select from events t where t.organization_id = d.organization_id and t.id = d.event_id and t.type = ?)

-- part: created
and d.created_at >= ?

-- part: requested
and d.requested_at >= ?

-- part: after
and d.id < ?

-- part: by_id
order by d.id desc

-- part: limit
limit ? offset ?

-- part: counted
select count(*) from (select from deliveries d where d.organization_id = ?

-- part: limit_counted
limit ?

-- part: end_counted
) counted

-- name: listAttempts
select a.id, a.number, a.started_at, a.url, a.request_headers, e.body as request_body, a.status, a.response_headers, a.response_body, a.truncated, a.error,
       a.address, a.dns_ms, a.connect_ms, a.tls_ms, a.wait_ms, a.total_ms
from attempts a
join deliveries d on d.organization_id = a.organization_id and d.id = a.delivery_id
join events e on e.organization_id = d.organization_id and e.id = d.event_id
where a.organization_id = $1 and a.delivery_id = $2
order by a.number, a.id

-- name: listOfEvent
select d.id, d.webhook_id, d.event_id, e.type as event_type, d.test, d.state, d.reason, d.attempts, d.next_attempt_at, d.requested_at, d.created_at,
       d.finished_at, coalesce(w.url, '') as url, a.status, coalesce(a.error, '') as error
from deliveries d
join events e on e.organization_id = d.organization_id and e.id = d.event_id
left join webhooks w on w.organization_id = d.organization_id and w.id = d.webhook_id
left join lateral (
    select status, error from attempts where organization_id = d.organization_id and delivery_id = d.id order by number desc, id desc limit 1
) a on true
where d.organization_id = $1 and d.event_id = $2
order by d.id

-- name: hours
-- Whatever was attempted since is pending still, or was settled since.
select d.webhook_id, date_bin('1 hour', a.started_at, $3) as start,
       count(*) filter (where a.error = '' and a.status between 200 and 299) as succeeded,
       count(*) filter (where not (a.error = '' and a.status between 200 and 299) or a.status is null) as failed
from deliveries d
join attempts a on a.organization_id = d.organization_id and a.delivery_id = d.id and a.started_at >= $3
where d.organization_id = $1 and d.webhook_id = any($2) and d.attempts > 0 and not d.test and (d.finished_at is null or d.finished_at >= $3)
group by d.webhook_id, start

-- name: listLastAttempts
select distinct on (delivery_id) delivery_id, id, number, started_at, status, error, total_ms
from attempts
where organization_id = $1 and delivery_id = any($2)
order by delivery_id, number desc, id desc

-- name: listWebhookAttempts
-- The last attempt at one of the newest deliveries of each: an older one may have been tried again since.
select w.id as webhook_id, a.delivery_id, a.id, a.number, a.started_at, a.status, a.error, a.total_ms
from unnest(cast($2 as uuid[])) as w (id)
cross join lateral (
    select a.* from (
        select d.id from deliveries d where d.organization_id = $1 and d.webhook_id = w.id and d.attempts > 0 order by d.id desc limit 20
    ) newest
    join attempts a on a.organization_id = $1 and a.delivery_id = newest.id
    order by a.started_at desc, a.id desc
    limit 1
) a

-- name: getBody
select body from events where organization_id = $1 and id = $2

-- name: webhookExists
select exists (select from webhooks where organization_id = $1 and id = $2)

-- name: getWebhookState
-- Nobody disables or deletes it until the transaction ends.
select state from webhooks where organization_id = $1 and id = $2 for share

-- name: retry
-- One that was settled begins its schedule anew.
update deliveries
set state = 'pending', reason = '', next_attempt_at = $3, requested_at = $3, finished_at = null, tries = case state when 'pending' then tries else 0 end
where organization_id = $1 and id = $2

-- name: recover
with failed as (
    select id, row_number() over (order by created_at, id) - 1 as place from deliveries
    where organization_id = $1 and webhook_id = $2 and state in ('exhausted', 'cancelled') and created_at >= $3 and not test
), queued as (
    update deliveries d
    set state = 'pending', reason = '', next_attempt_at = cast($4 as timestamptz) + f.place * make_interval(secs => cast($5 as double precision)), finished_at = null, tries = 0
    from failed f
    where f.place < $6 and d.organization_id = $1 and d.id = f.id
)
select least(count(*), $6) as queued, greatest(count(*) - $6, 0) as remaining from failed

-- name: insertTest
insert into deliveries (organization_id, id, webhook_id, event_id, test, next_attempt_at, requested_at, created_at)
values ($1, uuid_v7(), $2, $3, true, $4, $4, $4)
returning id

-- name: cancelTest
update deliveries d set state = 'cancelled', reason = 'no worker sent it in time', next_attempt_at = null, finished_at = $3
where d.organization_id = $1 and d.id = $2 and d.state = 'pending'
    and not exists (select from leases l where l.organization_id = $1 and l.webhook_id = d.webhook_id and l.delivery_id = $2 and l.until > $3)

-- name: pruneAttempts
delete from attempts where ctid = any(array(select ctid from attempts where started_at < $1 limit 5000))

-- name: measure
-- What is paused waits by the customer's wish, and is not due.
with waiting as (
    select d.next_attempt_at <= $1 as due, d.next_attempt_at,
        exists (select from leases l where l.organization_id = d.organization_id and l.webhook_id = d.webhook_id and l.delivery_id = d.id and l.until > $1) as leased
    from deliveries d
    join webhooks w on w.organization_id = d.organization_id and w.id = d.webhook_id and w.state = 'active'
    where d.state = 'pending'
)
select count(*) filter (where leased) as sending, count(*) filter (where due and not leased) as due, count(*) filter (where not due and not leased) as scheduled,
       coalesce(extract(epoch from $1 - min(next_attempt_at) filter (where due and not leased)), 0) as oldest
from waiting
