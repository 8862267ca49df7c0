-- part: columns
select c.id, c.entity_type, c.name, c.person, c.company, c.phone, c.email, c.address, c.roles, c.licenses, c.permit_count,
       c.created_at, c.updated_at, cast(c.updated_at as text) as sort_value,
       array(select m.id from contacts m where m.organization_id = c.organization_id and m.merged_into = c.id order by m.id limit 1000) as merged_ids
from contacts c

-- part: of_organization
where c.organization_id = ? and c.merged_into is null

-- part: is
where c.organization_id = ? and c.id = (select coalesce(merged_into, id) from contacts where organization_id = ? and id = ?)

-- part: matches
and c.search @@ websearch_to_tsquery('simple', ?)

-- part: role
and ? = any(c.roles)

-- part: entity_type
and c.entity_type = ?

-- part: updated_since
and c.updated_at >= ?

-- part: after_id
and c.id > ?

-- part: after_updated
and (c.updated_at, c.id) > (cast(? as timestamptz), ?)

-- part: by_id
order by c.id

-- part: by_updated
order by c.updated_at, c.id

-- part: limit
limit ? offset ?

-- part: count
select count(*) from (select from contacts c

-- part: count_limit
limit ?) counted

-- name: lock
-- One at a time writes an organization's contacts, so that the order of their stamps is the order of the commits.
select pg_advisory_xact_lock(hashtextextended('contacts ' || cast($1 as text), 0))

-- name: enqueue
insert into contact_backlog (organization_id, permit_uuid)
select $1, permit_uuid from unnest(cast($2 as uuid[])) permit_uuid

-- name: enqueueTracked
insert into contact_backlog (organization_id, permit_uuid)
select organization_id, permit_uuid from watchlist_items where permit_uuid = any($1)
union
select organization_id, permit_uuid from condition_matches where permit_uuid = any($1)
union
select organization_id, permit_uuid from contact_parties where permit_uuid = any($1)
union -- who takes a permit out of the backlog right now may still see it tracked
select organization_id, permit_uuid from contact_backlog where permit_uuid = any($1)

-- name: listBehind
select distinct organization_id from contact_backlog

-- name: take
delete from contact_backlog
where organization_id = $1 and id = any(array(
    select id from contact_backlog where organization_id = $1 order by id limit $2))
returning permit_uuid

-- name: settle
-- Comes before the parties are read: whatever is queued later is about what they do not show yet.
delete from contact_backlog where organization_id = $1 and permit_uuid = any($2)

-- name: unlink
with gone as (
    delete from contact_parties where organization_id = $1 and permit_uuid = any($2) returning contact_id
)
select distinct contact_id from gone

-- name: listParties
select s.permit_uuid, s.position, s.company_key, upper(s.license) as license, j.region, s.phone, s.email,
       array_to_string(array(select word from unnest(s.person_words) word order by word), ' ') as person_key
from permit_parties s
join permits p on p.uuid = s.permit_uuid
join jurisdictions j on j.id = p.jurisdiction_id
where s.permit_uuid = any($2)
    and (exists (select from watchlist_items w where w.organization_id = $1 and w.permit_uuid = s.permit_uuid)
        or exists (select from condition_matches m where m.organization_id = $1 and m.permit_uuid = s.permit_uuid))
order by s.permit_uuid, s.position

-- name: knownKeys
select key, contact_id from contact_keys where organization_id = $1 and key = any($2)

-- name: create
insert into contacts (organization_id, id, created_at, updated_at)
select $1, unnest(cast($2 as uuid[])), at, at from clock_timestamp() at

-- name: mergeParties
update contact_parties p set contact_id = m.kept
from unnest(cast($2 as uuid[]), cast($3 as uuid[])) m (merged, kept)
where p.organization_id = $1 and p.contact_id = m.merged

-- name: mergeKeys
update contact_keys k set contact_id = m.kept
from unnest(cast($2 as uuid[]), cast($3 as uuid[])) m (merged, kept)
where k.organization_id = $1 and k.contact_id = m.merged

-- name: mergeContacts
update contacts c set merged_into = m.kept, permit_count = 0
from unnest(cast($2 as uuid[]), cast($3 as uuid[])) m (merged, kept)
where c.organization_id = $1 and (c.id = m.merged or c.merged_into = m.merged)

-- name: touch
update contacts set updated_at = contact_stamp($1) where organization_id = $1 and id = any($2)

-- name: addKeys
insert into contact_keys (organization_id, key, contact_id)
select $1, k.key, k.contact_id from unnest(cast($2 as text[]), cast($3 as uuid[])) k (key, contact_id)

-- name: link
insert into contact_parties (organization_id, permit_uuid, position, contact_id)
select $1, l.permit_uuid, l.position, l.contact_id
from unnest(cast($2 as uuid[]), cast($3 as smallint[]), cast($4 as uuid[])) l (permit_uuid, position, contact_id)

-- name: describe
-- Each value is that of the newest permit that has one. Permits in the backlog count, but whoever stands in their place by
-- now may be another; a contact of which nothing is known keeps what it had.
update contacts c set
    entity_type = d.entity_type, name = d.name, person = d.person, company = d.company, phone = d.phone, email = d.email,
    address = d.address, roles = d.roles, licenses = d.licenses, permit_count = d.permit_count, updated_at = contact_stamp($1),
    search = to_tsvector('simple', concat_ws(' ', d.name, d.person, d.company, d.phone, regexp_replace(d.phone, '\D', '', 'g'), d.email,
        replace(d.email, '@', ' '), array_to_string(d.licenses, ' ')))
from (
    select o.id, n.permits as permit_count,
           case when n.known = 0 then o.entity_type when n.company is null then 'person' else 'company' end as entity_type,
           coalesce(n.company, n.person, n.email, n.licenses[1], n.phone, o.name) as name,
           case when n.known = 0 then o.person else coalesce(n.person, '') end as person,
           case when n.known = 0 then o.company else coalesce(n.company, '') end as company,
           case when n.known = 0 then o.phone else coalesce(n.phone, '') end as phone,
           case when n.known = 0 then o.email else coalesce(n.email, '') end as email,
           case when n.known = 0 then o.address else coalesce(n.address, '') end as address,
           case when n.known = 0 then o.roles else n.roles end as roles,
           case when n.known = 0 then o.licenses else coalesce(n.licenses, '{}') end as licenses
    from contacts o
    cross join lateral (
        select count(distinct l.permit_uuid) as permits, count(s.permit_uuid) as known,
               (array_agg(s.person order by s.permit_uuid desc, s.position) filter (where s.person <> ''))[1] as person,
               (array_agg(s.company order by s.permit_uuid desc, s.position) filter (where s.company <> ''))[1] as company,
               (array_agg(s.phone order by s.permit_uuid desc, s.position) filter (where s.phone <> ''))[1] as phone,
               (array_agg(s.email order by s.permit_uuid desc, s.position) filter (where s.email <> ''))[1] as email,
               (array_agg(a.address order by s.permit_uuid desc, s.position) filter (where a.address <> ''))[1] as address,
               array_agg(distinct s.role) filter (where s.role <> '') as roles,
               (array_agg(distinct upper(s.license)) filter (where s.license <> ''))[1:100] as licenses
        from contact_parties l
        left join permit_parties s on s.permit_uuid = l.permit_uuid and s.position = l.position
            and not exists (select from contact_backlog b where b.organization_id = l.organization_id and b.permit_uuid = l.permit_uuid)
        cross join lateral (select address_line(s.street, s.city, s.region, s.postal_code) as address) a
        where l.organization_id = o.organization_id and l.contact_id = o.id
    ) n
    where o.organization_id = $1 and o.id = any($2) and o.merged_into is null
) d
where c.organization_id = $1 and c.id = d.id
    and (c.entity_type, c.name, c.person, c.company, c.phone, c.email, c.address, c.roles, c.licenses, c.permit_count)
        is distinct from (d.entity_type, d.name, d.person, d.company, d.phone, d.email, d.address, d.roles, d.licenses, d.permit_count)
