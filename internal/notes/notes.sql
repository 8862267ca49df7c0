-- part: list
select n.id, n.permit_uuid, n.body, n.api_key_id, k.name as api_key_name, n.created_at, n.updated_at, n.version
from notes n
join api_keys k on k.organization_id = n.organization_id and k.id = n.api_key_id
where n.organization_id = ?

-- part: is
and n.id = ?

-- part: on_permit
and n.permit_uuid = ?

-- part: after
and n.id < ?

-- part: limit
order by n.id desc
limit ? offset ?

-- name: count
select count(*) from (select from notes where organization_id = $1 and permit_uuid = $2 limit $3) counted

-- name: tracked
select exists (select from watchlist_items where organization_id = $1 and permit_uuid = p.uuid)
    or exists (select from condition_matches where organization_id = $1 and permit_uuid = p.uuid)
from permits p
where p.uuid = $2

-- name: insert
insert into notes (organization_id, id, permit_uuid, body, api_key_id, created_at, updated_at)
values ($1, $2, $3, $4, $5, $6, $6)

-- name: lockVersion
select version from notes where organization_id = $1 and id = $2 for update

-- name: update
update notes set body = coalesce($3, body), version = version + 1, updated_at = $4
where organization_id = $1 and id = $2 and body is distinct from $3 and $3 is not null

-- name: remove
delete from notes where organization_id = $1 and id = $2
