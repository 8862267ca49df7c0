-- name: authenticate
select k.organization_id, k.id, k.name, k.permissions, k.allowed_networks, k.revoked_at,
       case when k.key_hash = $1 then k.expires_at else least(k.expires_at, k.previous_expires_at) end as expires_at,
       k.key_hash <> $1 as superseded,
       coalesce(o.requests_per_minute, p.requests_per_minute) as requests_per_minute
from api_keys k
join organizations o on o.id = k.organization_id
join plans p on p.name = o.plan
where k.key_hash = $1 or k.previous_hash = $1

-- part: list
select k.organization_id, k.id, k.name, k.permissions, k.prefix, k.last_four, k.allowed_networks, k.created_at, k.created_by,
       coalesce(c.name, '') as creator_name, k.last_used_at, k.expires_at, k.revoked_at, k.rotated_at, k.previous_expires_at, k.version
from api_keys k
left join api_keys c on c.organization_id = k.organization_id and c.id = k.created_by
where true

-- part: of
and k.organization_id = ?

-- part: is
and k.id = ?

-- part: active
and k.revoked_at is null and (k.expires_at is null or k.expires_at > ?)

-- part: expired
and k.revoked_at is null and k.expires_at <= ?

-- part: revoked
and k.revoked_at is not null

-- part: after
and k.id < ?

-- part: limit
order by k.id desc
limit ? offset ?

-- part: counted
select count(*) from (

-- part: end_counted
limit ?) counted

-- part: lock
for no key update of k

-- part: or_admin
and (k.id = ? or 'admin' = any(k.permissions) and k.revoked_at is null and (k.expires_at is null or k.expires_at > ?)) -- for as long at least
order by k.id
for no key update of k

-- name: insert
insert into api_keys (organization_id, id, name, permissions, key_hash, prefix, last_four, allowed_networks, created_at, created_by, expires_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)

-- name: rotate
update api_keys
set previous_hash = key_hash, previous_expires_at = $6, key_hash = $3, last_four = $4, rotated_at = $5, version = version + 1
where organization_id = $1 and id = $2

-- name: revoke
update api_keys set revoked_at = $3, version = version + 1
where organization_id = $1 and id = $2 and revoked_at is null

-- name: touch
with used as (
    select k.organization_id, k.id, u.at
    from unnest(cast($1 as uuid[]), cast($2 as uuid[]), cast($3 as timestamptz[])) as u (organization_id, id, at)
    join api_keys k on k.organization_id = u.organization_id and k.id = u.id
    order by k.organization_id, k.id
    for no key update of k
)
update api_keys k set last_used_at = greatest(k.last_used_at, used.at)
from used
where k.organization_id = used.organization_id and k.id = used.id
