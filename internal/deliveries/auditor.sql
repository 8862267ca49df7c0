-- name: organizations
select o.id, coalesce(c.last, 0) as last, coalesce(c.pruned, 0) as pruned, coalesce(c.unrecorded, 0) as unrecorded, coalesce(s.spans, 0) as spans,
       coalesce(s.webhooks, 0) as webhooks
from organizations o
left join event_counters c on c.organization_id = o.id
left join (
    select organization_id, count(*) as spans, count(distinct webhook_id) as webhooks from webhook_subscriptions group by organization_id
) s on s.organization_id = o.id
where cast($1 as uuid) is null or o.id = $1
order by o.id

-- name: overall
-- What is wrong with an organization as a whole.
with found as (
    select 'beyond' as kind, id as event, cast(null as uuid) as webhook, 'number ' || number || ' of ' || $2 as detail
    from events where organization_id = $1 and number > cast($2 as bigint)
    union all
    select 'beyond', null, null, 'pruned up to number ' || pruned || ' of ' || last from event_counters where organization_id = $1 and pruned > last
    union all
    select 'quarantined', id, null, reason from quarantined_events where organization_id = $1
    union all
    select 'subscription', null, coalesce(w.id, s.webhook_id),
           case when s.webhook_id is null then 'no span is open' when w.id is null then 'a span is open, of a webhook that is disabled or deleted'
                else 'the open span has other event types' end
    from (select id, event_types from webhooks where organization_id = $1 and state <> 'disabled') w
    full join (select webhook_id, event_types from webhook_subscriptions where organization_id = $1 and until_number is null) s on s.webhook_id = w.id
    where w.id is null or s.webhook_id is null or not (w.event_types @> s.event_types and w.event_types <@ s.event_types)
), ranked as (
    select kind, event, webhook, detail, row_number() over (partition by kind order by event, webhook) as place from found
)
select kind, count(*) as count,
       jsonb_agg(jsonb_build_object('event', event, 'webhook', webhook, 'detail', detail) order by place) filter (where place <= $3) as examples
from ranked group by kind

-- name: next
-- Where the next events end: a step has so many of them, however far apart their numbers are.
select coalesce(max(number), $3) as until, count(*) as events
from (select number from events where organization_id = $1 and number > $2 and number <= $3 order by number limit $4) step

-- name: gaps
select concat_ws(' to ', previous + 1, nullif(number - 1, previous + 1)) as numbers
from (
    select number, lag(number, 1, $2) over (order by number) as previous
    from (select number from events where organization_id = $1 and number > $2 and number <= $3 union all select $3 + 1) step
) neighbours
where number > previous + 1
order by number
limit $4

-- name: judge
-- Holds the deliveries of a step's events against who was subscribed to them, and against their attempts. An attempt is
-- counted in the transaction that logs it; that of a worker that was late is logged alone, under a number that is, or will
-- be, another one's too.
with step as materialized (
    select id, number, type, number > $4 as recorded from events where organization_id = $1 and number > $2 and number <= $3
), pair as (
    select step.id as event, s.webhook_id as webhook, step.number
    from step
    join webhook_subscriptions s on s.organization_id = $1 and s.after_number < $3 and (s.until_number is null or s.until_number > $2)
        and step.number > s.after_number and (s.until_number is null or step.number <= s.until_number) and step.type = any(s.event_types)
    where step.recorded
), delivery as materialized (
    select d.id, d.event_id as event, d.webhook_id as webhook, step.number, step.recorded, d.state, d.reason, d.attempts, d.next_attempt_at,
           d.state = 'pending' and d.next_attempt_at < $6 and not exists (
               select from leases l where l.organization_id = $1 and l.webhook_id = d.webhook_id and l.delivery_id = d.id and l.until > $5) as due
    from step
    join deliveries d on d.organization_id = $1 and d.event_id = step.id
), attempted as (
    select d.id, count(distinct a.number) filter (where a.number between 1 and d.attempts) as counted,
           bool_or(a.number not between 1 and d.attempts + 1) as strange,
           bool_or(a.number = d.attempts and a.error = '' and a.status between 200 and 299) as succeeded,
           bool_or(a.number = d.attempts and (a.error = '' and a.status between 200 and 299) is not true) as failed
    from delivery d
    join attempts a on a.organization_id = $1 and a.delivery_id = d.id
    group by d.id
), judged as materialized (
    select d.id as delivery, event, webhook, coalesce(p.number, d.number) as number, d.state, d.attempts, coalesce(a.counted, 0) as counted,
           d.next_attempt_at, p.number is not null as paired, d.recorded and p.number is null as surplus,
           d.state = 'succeeded' and a.succeeded is not true as unanswered, d.state = 'exhausted' and a.failed is not true as untried,
           d.state = 'cancelled' and d.reason = '' as unreasoned, coalesce(a.counted, 0) <> d.attempts or a.strange is true as miscounted,
           d.due and w.state is distinct from 'paused' as overdue
    from pair p
    full join delivery d using (event, webhook)
    left join attempted a on a.id = d.id
    left join webhooks w on w.organization_id = $1 and w.id = webhook
), found as (
    select f.kind, j.delivery, j.event, j.webhook, f.detail, row_number() over (partition by f.kind order by j.number, j.webhook) as place
    from judged j
    cross join lateral (values
        ('missing', j.delivery is null, 'number ' || j.number),
        ('surplus', j.surplus, 'number ' || j.number || ', ' || j.state),
        ('succeeded_without_2xx', j.unanswered, j.attempts || ' attempts'),
        ('exhausted_without_failure', j.untried, j.attempts || ' attempts'),
        ('cancelled_without_reason', j.unreasoned, ''),
        ('attempts_miscounted', j.miscounted, j.attempts || ' attempts, ' || j.counted || ' of them logged'),
        ('overdue', j.overdue, 'since ' || to_char(j.next_attempt_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'))
    ) f (kind, wrong, detail)
    where f.wrong
)
select 'pair' as kind, count(*) as count, cast(null as jsonb) as examples from judged where paired
union all
select 'unrecorded', count(*), null from step where not recorded
union all
select state, count(*), null from judged where delivery is not null group by state
union all
select kind, count(*),
       jsonb_agg(jsonb_build_object('delivery', delivery, 'event', event, 'webhook', webhook, 'detail', detail) order by place) filter (where place <= $7)
from found group by kind

-- name: bodies
select id, type, schema_hash, body from events where organization_id = $1 and number > $2 and number <= $3 order by number
