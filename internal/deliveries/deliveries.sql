-- name: lockClaims
select pg_advisory_xact_lock(hashtextextended('claim deliveries', 0)) -- one worker claims at a time, so that limits are exact

-- name: cancel
update deliveries d set state = 'cancelled', reason = coalesce(
        (select case w.state when 'disabled' then 'the webhook was disabled' end from webhooks w where w.organization_id = d.organization_id and w.id = d.webhook_id),
        'the webhook was deleted'),
    next_attempt_at = null, leased_until = null, finished_at = $1
where d.state = 'pending' and (d.leased_until is null or d.leased_until <= $1) and not exists (
    select from webhooks w where w.organization_id = d.organization_id and w.id = d.webhook_id and w.state <> 'disabled')

-- name: claim
-- Of each webhook as many as it has room for; organizations take turns. A test waits for nobody, and goes to a webhook that
-- is paused too.
with due as (
    select d.organization_id, d.id, row_number() over (partition by w.organization_id order by d.next_attempt_at, d.id) as turn
    from webhooks w
    cross join lateral (
        select greatest(0, $3 - count(*)) as room from deliveries r
        where r.organization_id = w.organization_id and r.webhook_id = w.id and r.state = 'pending' and r.leased_until > $1 and not r.test
    ) running
    cross join lateral (
        select p.organization_id, p.id, p.next_attempt_at from deliveries p
        where p.organization_id = w.organization_id and p.webhook_id = w.id and p.state = 'pending' and p.next_attempt_at <= $1 and not p.test
            and (p.leased_until is null or p.leased_until <= $1)
        order by p.next_attempt_at
        limit running.room
    ) d
    where w.state = 'active'
), chosen as (
    (select organization_id, id from due order by turn, random() limit $4) -- or with room for one, the same organization would always be first
    union all
    select t.organization_id, t.id from deliveries t
    join webhooks w on w.organization_id = t.organization_id and w.id = t.webhook_id and w.state <> 'disabled'
    where t.state = 'pending' and t.test and t.next_attempt_at <= $1 and (t.leased_until is null or t.leased_until <= $1)
), leased as (
    update deliveries d set leased_until = $2, fence = d.fence + 1
    from chosen c
    where d.organization_id = c.organization_id and d.id = c.id and d.next_attempt_at <= $1 -- a late worker may just have finished it
    returning d.organization_id, d.id, d.webhook_id, d.event_id, d.test, d.attempts, d.tries, d.fence, d.created_at
)
select l.organization_id, l.id, l.webhook_id, l.event_id, l.test, l.attempts, l.tries, l.fence, l.created_at, e.body, w.url, w.sealed
from leased l
join events e on e.organization_id = l.organization_id and e.id = l.event_id
join webhooks w on w.organization_id = l.organization_id and w.id = l.webhook_id

-- name: insertAttempts
-- What is there already was written before: only the news of the commit was lost.
insert into attempts (organization_id, id, delivery_id, number, started_at, url, request_headers, status, response_headers, response_body, truncated,
    error, address, dns_ms, connect_ms, tls_ms, wait_ms, total_ms)
select organization_id, id, delivery_id, number, started_at, url, cast(request_headers as jsonb), nullif(status, 0), cast(response_headers as jsonb),
    response_body, truncated, error, address, dns_ms, connect_ms, tls_ms, wait_ms, total_ms
from unnest(cast($1 as uuid[]), cast($2 as uuid[]), cast($3 as uuid[]), cast($4 as integer[]), cast($5 as timestamptz[]), cast($6 as text[]),
    cast($7 as text[]), cast($8 as integer[]), cast($9 as text[]), cast($10 as text[]), cast($11 as boolean[]), cast($12 as text[]), cast($13 as text[]),
    cast($14 as double precision[]), cast($15 as double precision[]), cast($16 as double precision[]), cast($17 as double precision[]),
    cast($18 as double precision[])) as u (organization_id, id, delivery_id, number, started_at, url, request_headers, status, response_headers,
    response_body, truncated, error, address, dns_ms, connect_ms, tls_ms, wait_ms, total_ms)
on conflict do nothing

-- name: finish
-- Returns the deliveries that this worker still had the lease of.
update deliveries d
set state = u.state, attempts = d.attempts + 1, tries = d.tries + 1, next_attempt_at = u.next, leased_until = null, finished_at = u.ended
from unnest(cast($1 as uuid[]), cast($2 as uuid[]), cast($3 as bigint[]), cast($4 as text[]), cast($5 as timestamptz[]), cast($6 as timestamptz[]))
    as u (organization_id, id, fence, state, next, ended)
where d.organization_id = u.organization_id and d.id = u.id and d.fence = u.fence and d.state = 'pending'
returning d.id

-- name: disable
update webhooks set state = 'disabled', disabled_reason = $3, version = version + 1, updated_at = $4
where organization_id = $1 and id = $2 and state <> 'disabled'

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

-- part: requested
and d.requested_at >= ?

-- part: after
and d.id < ?

-- part: limit
order by d.id desc
limit ? offset ?

-- part: counted
select count(*) from (

-- part: end_counted
limit ?) counted

-- name: listAttempts
select a.id, a.number, a.started_at, a.url, a.request_headers, e.body as request_body, a.status, a.response_headers, a.response_body, a.truncated, a.error,
       a.address, a.dns_ms, a.connect_ms, a.tls_ms, a.wait_ms, a.total_ms
from attempts a
join deliveries d on d.organization_id = a.organization_id and d.id = a.delivery_id
join events e on e.organization_id = d.organization_id and e.id = d.event_id
where a.organization_id = $1 and a.delivery_id = $2
order by a.number, a.id

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
update deliveries set state = 'cancelled', reason = 'no worker sent it in time', next_attempt_at = null, finished_at = $3
where organization_id = $1 and id = $2 and state = 'pending' and leased_until is null

-- name: notify
select pg_notify($1, cast($2 as text))

-- name: measure
-- What is paused waits by the customer's wish, and is not due.
select count(*) filter (where leased_until > $1) as sending,
       count(*) filter (where next_attempt_at <= $1 and not coalesce(leased_until > $1, false)) as due,
       count(*) filter (where next_attempt_at > $1 and not coalesce(leased_until > $1, false)) as scheduled,
       coalesce(extract(epoch from $1 - min(next_attempt_at) filter (where next_attempt_at <= $1 and not coalesce(leased_until > $1, false))), 0) as oldest
from deliveries d
where state = 'pending' and exists (select from webhooks w where w.organization_id = d.organization_id and w.id = d.webhook_id and w.state = 'active')
