-- part: list
select id, type, title, message, webhook_id, created_at, read_at from notifications where organization_id = ?

-- part: is
and id = ?

-- part: read
and read_at is not null

-- part: unread
and read_at is null

-- part: after
and id < ?

-- part: limit
order by id desc
limit ? offset ?

-- part: counted
select count(*) from (

-- part: end_counted
limit ?) counted

-- name: insert
insert into notifications (organization_id, id, type, title, message, webhook_id, created_at) values ($1, $2, $3, $4, $5, $6, $7)

-- name: listRecipients
select m.email, m.name, o.name as organization
from members m
join organizations o on o.id = m.organization_id
where m.organization_id = $1 and m.role in ('owner', 'admin')
order by m.id

-- name: markRead
update notifications set read_at = $3 where organization_id = $1 and id = $2 and read_at is null

-- name: prune
with old as (
    select organization_id, id from notifications where created_at < $1 order by created_at limit 5000
), gone as (
    delete from notifications n using old where n.organization_id = old.organization_id and n.id = old.id returning n.id
)
select count(*) from gone
