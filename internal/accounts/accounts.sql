-- name: memberships
select m.organization_id, o.name as organization, o.plan, m.id as member_id, m.name, m.role
from members m
join organizations o on o.id = m.organization_id
where lower(m.email) = $1
order by o.name, m.organization_id

-- name: passwordOf
-- Of somebody who is no member any more, nothing.
select a.password_hash from accounts a where a.email = $1 and exists (select from members m where lower(m.email) = a.email)

-- name: setPassword
insert into accounts (email, password_hash, created_at, changed_at) values ($1, $2, $3, $3)
on conflict (email) do update set password_hash = excluded.password_hash, changed_at = excluded.changed_at

-- name: changed
select changed_at from accounts where email = $1

-- name: insertLink
insert into sign_in_links (token_hash, email, created_at, expires_at) values ($1, $2, $3, $4)

-- name: linkOf
select email from sign_in_links where token_hash = $1 and used_at is null and expires_at > $2

-- name: useLink
update sign_in_links set used_at = $2 where token_hash = $1 and used_at is null and expires_at > $2
returning email

-- name: pruneLinks
delete from sign_in_links where expires_at < $1

-- name: pruneSessions
delete from sessions where expiry < $1
