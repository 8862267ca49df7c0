-- name: list
select id, email, name, role, created_at from members where organization_id = $1 order by id

-- name: lockSeats
-- The organization's row is the lock: of two that race for the last seat, the second counts after the first.
select o.plan, p.seats as allowed
from organizations o
join plans p on p.name = o.plan
where o.id = $1
for no key update of o

-- name: count
select count(*) from members where organization_id = $1

-- name: insert
insert into members (organization_id, id, email, name, role, created_at) values ($1, $2, $3, $4, $5, $6)
