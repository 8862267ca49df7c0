-- name: getByHash
select organization_id, id, name, permissions, expires_at, revoked_at
from api_keys
where key_hash = $1

-- name: create
insert into api_keys (organization_id, id, name, permissions, key_hash, prefix, last_four, created_at, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
