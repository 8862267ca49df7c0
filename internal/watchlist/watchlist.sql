-- part: list
select w.permit_uuid, p.permit_number, j.slug as jurisdiction_slug, j.name as jurisdiction_name, p.status,
       address_line(p.street, p.city, p.region, p.postal_code) as address,
       w.tags, w.priority, w.added_at, w.updated_at, w.version
from watchlist_items w
join permits p on p.uuid = w.permit_uuid
join jurisdictions j on j.id = p.jurisdiction_id
where w.organization_id = ?

-- part: is
and w.permit_uuid = ?

-- part: tagged
and w.tags && ?

-- part: priority
and w.priority = any(?)

-- part: after
and w.permit_uuid > ?

-- part: limit
order by w.permit_uuid
limit ? offset ?

-- part: count
select count(*) from (select from watchlist_items w where w.organization_id = ?

-- part: count_limit
limit ?) counted

-- name: findByUUID
select uuid from permits where uuid = $1

-- name: findByNumber
select p.uuid, j.slug
from permits p
join jurisdictions j on j.id = p.jurisdiction_id
where upper(p.permit_number) collate "C" = upper($1) collate "C" and p.permit_number = $1 and (j.slug = $2 or $2 = '')
order by j.slug
limit 101

-- name: lockSlots
-- The organization's row is the lock: of two that race for the last slot, the second counts after the first.
select o.plan, p.permit_slots as allowed
from organizations o
join plans p on p.name = o.plan
where o.id = $1
for no key update of o

-- name: countUsed
select count(*) from watchlist_items where organization_id = $1

-- name: insert
insert into watchlist_items (organization_id, permit_uuid, tags, priority, added_at, updated_at)
select $1, $2, $3, $4, at, at from stamp_change() at

-- name: lockVersion
select version from watchlist_items where organization_id = $1 and permit_uuid = $2 for update

-- name: update
update watchlist_items
set tags = coalesce($3, tags), priority = coalesce($4, priority), version = nextval('row_versions'), updated_at = $5
where organization_id = $1 and permit_uuid = $2 and (tags, priority) is distinct from (coalesce($3, tags), coalesce($4, priority))

-- name: remove
delete from watchlist_items where organization_id = $1 and permit_uuid = $2
