-- name: add
insert into watchlist_items (organization_id, permit_uuid, added_at)
select $1, unnest(cast($2 as uuid[])), stamp_change()
on conflict do nothing

-- name: pick
select uuid from permits where permit_number = $1 or uuid in (select uuid from permits order by uuid limit $2)
