-- name: get
select o.id, o.name, o.plan, coalesce(o.requests_per_minute, p.requests_per_minute) as requests_per_minute,
       p.permit_slots, p.seats, p.conditions
from organizations o
join plans p on p.name = o.plan
where o.id = $1

-- name: getByName
select id from organizations where name = $1 order by id limit 1

-- name: create
insert into organizations (id, name, plan, created_at) values ($1, $2, $3, $4)
