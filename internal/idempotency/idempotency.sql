-- name: tryLock
select pg_try_advisory_xact_lock(hashtextextended(concat_ws(' ', 'idempotency', cast($1 as uuid), cast($2 as text), cast($3 as text), cast($4 as text)), 0))

-- name: get
select status, location, etag, body, secret_of, body_hash, created_at
from idempotency_keys
where organization_id = $1 and method = $2 and path = $3 and key = $4 and created_at > $5

-- name: put
insert into idempotency_keys (organization_id, method, path, key, body_hash, status, location, etag, body, created_at, secret_of)
values ($1, $2, $3, $4, $5, $6, $7, $8, coalesce(cast($9 as bytea), ''), $10, $11) -- no body is null in Go
on conflict (organization_id, method, path, key) do update
set body_hash = excluded.body_hash, status = excluded.status, location = excluded.location, etag = excluded.etag,
    body = excluded.body, created_at = excluded.created_at, secret_of = excluded.secret_of

-- name: drop
delete from idempotency_keys where organization_id = $1 and method = $2 and path = $3 and key = $4

-- name: forget
delete from idempotency_keys
where ctid = any(array(
    select ctid from idempotency_keys
    where organization_id = $1 and created_at <= $2
    order by created_at
    limit 10
    for update skip locked))
