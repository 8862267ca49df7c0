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
-- The links of before are over.
with over as (update sign_in_links set used_at = $3 where email = $1 and used_at is null)
insert into accounts (email, password_hash, created_at, changed_at) values ($1, $2, $3, $3)
on conflict (email) do update set password_hash = excluded.password_hash, changed_at = excluded.changed_at

-- name: changed
select changed_at from accounts where email = $1

-- name: insertLink
insert into sign_in_links (token_hash, email, created_at, expires_at) values ($1, $2, $3, $4)

-- name: linkOf
select l.email from sign_in_links l
where l.token_hash = $1 and l.used_at is null and l.expires_at > $2 and exists (select from members m where lower(m.email) = l.email)

-- name: useLink
update sign_in_links l set used_at = $2
where l.token_hash = $1 and l.used_at is null and l.expires_at > $2 and exists (select from members m where lower(m.email) = l.email)
returning l.email

-- name: lockAddress
select pg_advisory_xact_lock(hashtextextended('address ' || $1, 0))

-- name: isElsewhere
select exists (select from members where lower(email) = $1 and organization_id <> $2)

-- name: findSession
select data from sessions where token = $1 and expiry > $2

-- name: commitSession
-- One that is over stays so.
insert into sessions (token, data, expiry) values ($1, $2, $3)
on conflict (token) do update set data = excluded.data, expiry = excluded.expiry where sessions.expiry > $4

-- name: endSession
update sessions set data = '', expiry = $2 where token = $1 and expiry > $2

-- name: pruneLinks
delete from sign_in_links where expires_at < $1

-- name: pruneSessions
delete from sessions where expiry < $1
