-- part: list
select id, url, description, event_types, state, disabled_reason, failing_since, header_names, sealed, version, created_at, updated_at
from webhooks
where organization_id = ?

-- part: is
and id = ?

-- part: after
and id < ?

-- part: limit
order by id desc
limit ? offset ?

-- part: lock
for update

-- name: count
select count(*) from (select from webhooks where organization_id = $1 limit $2) counted

-- name: insert
insert into webhooks (organization_id, id, url, description, event_types, header_names, sealed, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $8)

-- name: update
update webhooks
set url = $3, description = $4, event_types = $5, state = $6, disabled_reason = $7, header_names = $8, sealed = $9, updated_at = $10,
    version = version + 1
where organization_id = $1 and id = $2

-- name: remove
delete from webhooks where organization_id = $1 and id = $2

-- name: dropSpan
-- One that no event falls into.
delete from webhook_subscriptions where organization_id = $1 and webhook_id = $2 and until_number is null and after_number >= $3

-- name: closeSpan
update webhook_subscriptions set until_number = $3 where organization_id = $1 and webhook_id = $2 and until_number is null

-- name: openSpan
insert into webhook_subscriptions (organization_id, webhook_id, event_types, after_number)
select organization_id, id, event_types, $3 from webhooks where organization_id = $1 and id = $2 and state <> 'disabled'

-- part: health
select url, state, disabled_reason, failing_since, exhausted, notified_at from webhooks where organization_id = ? and id = ?

-- name: updateHealth
update webhooks
set failing_since = $3, exhausted = $4, notified_at = $5, state = $6, disabled_reason = $7,
    version = version + case when state = $6 then 0 else 1 end, updated_at = case when state = $6 then updated_at else $8 end
where organization_id = $1 and id = $2

-- name: endEpisode
-- What is disabled keeps what it was disabled for.
update webhooks set failing_since = null, exhausted = 0, notified_at = null
where organization_id = $1 and id = $2 and failing_since is not null and state <> 'disabled'
