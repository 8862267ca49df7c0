-- name: insert
insert into mails (organization_id, id, notification_id, email, name, subject, body, next_attempt_at, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $8)

-- name: claim
-- Until $2 nobody else takes it.
with due as materialized (
    select organization_id, id from mails
    where state = 'pending' and next_attempt_at <= $1
    order by next_attempt_at, id
    limit 1
    for update skip locked
)
update mails m set attempts = m.attempts + 1, next_attempt_at = $2
from due
where m.organization_id = due.organization_id and m.id = due.id
returning m.organization_id, m.id, m.notification_id, m.email, m.name, m.subject, m.body, m.created_at, m.attempts

-- name: finish
update mails set state = $4, error = $5, next_attempt_at = $6, finished_at = $7
where organization_id = $1 and id = $2 and attempts = $3 and state = 'pending'
