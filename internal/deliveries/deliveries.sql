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
-- Of each webhook as many as it has room for; organizations take turns.
with due as (
    select d.organization_id, d.id, row_number() over (partition by w.organization_id order by d.next_attempt_at, d.id) as turn
    from webhooks w
    cross join lateral (
        select greatest(0, $3 - count(*)) as room from deliveries r
        where r.organization_id = w.organization_id and r.webhook_id = w.id and r.state = 'pending' and r.leased_until > $1
    ) running
    cross join lateral (
        select p.organization_id, p.id, p.next_attempt_at from deliveries p
        where p.organization_id = w.organization_id and p.webhook_id = w.id and p.state = 'pending' and p.next_attempt_at <= $1
            and (p.leased_until is null or p.leased_until <= $1)
        order by p.next_attempt_at
        limit running.room
    ) d
    where w.state = 'active'
), chosen as (
    select organization_id, id from due order by turn, random() limit $4 -- or with room for one, the same organization would always be first
), leased as (
    update deliveries d set leased_until = $2, fence = d.fence + 1
    from chosen c
    where d.organization_id = c.organization_id and d.id = c.id and d.next_attempt_at <= $1 -- a late worker may just have finished it
    returning d.organization_id, d.id, d.webhook_id, d.event_id, d.attempts, d.fence
)
select l.organization_id, l.id, l.webhook_id, l.event_id, l.attempts, l.fence, e.body, w.url, w.sealed
from leased l
join events e on e.organization_id = l.organization_id and e.id = l.event_id
join webhooks w on w.organization_id = l.organization_id and w.id = l.webhook_id

-- name: insertAttempt
insert into attempts (organization_id, id, delivery_id, number, started_at, request_headers, status, response_headers, response_body, truncated,
    error, address, dns_ms, connect_ms, tls_ms, wait_ms, total_ms)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)

-- name: finish
update deliveries
set state = $4, attempts = attempts + 1, next_attempt_at = $5, leased_until = null, finished_at = $6
where organization_id = $1 and id = $2 and fence = $3 and state = 'pending'

-- name: disable
update webhooks set state = 'disabled', disabled_reason = $3, version = version + 1, updated_at = $4
where organization_id = $1 and id = $2 and state <> 'disabled'

-- part: list
select d.id, d.webhook_id, d.event_id, e.type as event_type, d.state, d.reason, d.attempts, d.next_attempt_at, d.created_at, d.finished_at
from deliveries d
join events e on e.organization_id = d.organization_id and e.id = d.event_id
where d.organization_id = ?

-- part: is
and d.id = ?

-- part: of_webhook
and d.webhook_id = ?

-- part: in_state
and d.state = ?

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
select a.id, a.number, a.started_at, a.request_headers, e.body as request_body, a.status, a.response_headers, a.response_body, a.truncated, a.error,
       a.address, a.dns_ms, a.connect_ms, a.tls_ms, a.wait_ms, a.total_ms
from attempts a
join deliveries d on d.organization_id = a.organization_id and d.id = a.delivery_id
join events e on e.organization_id = d.organization_id and e.id = d.event_id
where a.organization_id = $1 and a.delivery_id = $2
order by a.number, a.id

-- name: webhookExists
select exists (select from webhooks where organization_id = $1 and id = $2)

-- name: isActive
select exists (select from webhooks where organization_id = $1 and id = $2 and state <> 'disabled')

-- name: retry
update deliveries set state = 'pending', reason = '', next_attempt_at = $3, finished_at = null
where organization_id = $1 and id = $2

-- name: notify
select pg_notify($1, cast($2 as text))
