-- part: list
select o.id, o.name, o.plan, coalesce(o.requests_per_minute, p.requests_per_minute) as requests_per_minute,
       p.permit_slots, p.seats, p.conditions, o.time_zone, o.created_at,
       (select count(*) from watchlist_items w where w.organization_id = o.id) as used_permit_slots,
       (select count(*) from members m where m.organization_id = o.id) as used_seats,
       (select count(*) from conditions c where c.organization_id = o.id) as used_conditions
from organizations o
join plans p on p.name = o.plan

-- part: is
where o.id = ?

-- part: by_id
order by o.id

-- name: listByName
select id from organizations where name = $1 order by id limit 10

-- name: create
insert into organizations (id, name, plan, created_at) values ($1, $2, $3, $4)

-- name: knowsZone
select exists (select from pg_timezone_names where name = $1 and name not like 'posix/%' and name not like 'right/%')

-- name: setTimeZone
update organizations set time_zone = $2 where id = $1

-- name: setPlan
update organizations set plan = $2, requests_per_minute = $3 where id = $1
