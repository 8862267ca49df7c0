-- part: list
select id, slug, name, region, permits, last_checked_at, last_changed_at
from jurisdictions
where true

-- part: after
and slug > ?

-- part: limit
order by slug
limit ? offset ?

-- name: count
select count(*) from jurisdictions

-- name: ensure
insert into jurisdictions (id, slug, name, region)
values ($1, $2, $3, $4)
on conflict (slug) do update set name = excluded.name, region = excluded.region
returning id

-- name: changed
update jurisdictions set permits = permits + $2, last_changed_at = $3 where id = $1

-- name: checked
update jurisdictions set last_checked_at = $2 where id = $1
