-- part: list
select c.id, c.type, c.name, c.company, c.license, c.person, coalesce(c.latitude, 0) as latitude, coalesce(c.longitude, 0) as longitude,
       coalesce(c.radius_m, 0) as radius_m, c.created_at, c.updated_at, c.version,
       (select count(*) from condition_matches m where m.organization_id = c.organization_id and m.condition_id = c.id) as match_count
from conditions c
where c.organization_id = ?

-- part: is
and c.id = ?

-- part: after
and c.id > ?

-- part: limit
order by c.id
limit ? offset ?

-- name: lockLimit
-- The organization's row is the lock: of two that race for the last condition, the second counts after the first.
select o.plan, p.conditions as allowed
from organizations o
join plans p on p.name = o.plan
where o.id = $1
for no key update of o

-- name: count
select count(*) from conditions where organization_id = $1

-- name: lock
select version from conditions where organization_id = $1 and id = $2 for update

-- name: stamp
select stamp_change()

-- name: insert
insert into conditions (organization_id, id, type, name, company, license, person, latitude, longitude, radius_m, key, words, area, other_area,
    created_at, updated_at)
select $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, condition_key($3, $5, $6, $7), case when $3 = 'person' then person_words($7) end, cast($11 as box), cast($12 as box), $13, $13

-- name: update
update conditions
set name = $3, company = $4, license = $5, person = $6, latitude = $7, longitude = $8, radius_m = $9,
    key = condition_key(type, $4, $5, $6), words = case when type = 'person' then person_words($6) end, area = cast($10 as box), other_area = cast($11 as box),
    version = version + 1, updated_at = $12
where organization_id = $1 and id = $2

-- name: remove
delete from conditions where organization_id = $1 and id = $2

-- name: removeMatches
delete from condition_matches where organization_id = $1 and condition_id = $2 returning permit_uuid

-- part: find_company
with found as (
    select distinct permit_uuid from permit_parties
    where company_key <> '' and company_key = (select key from conditions where organization_id = ? and id = ?)
)

-- part: find_license
with found as (
    select distinct permit_uuid from permit_parties
    where license <> '' and upper(license) = (select key from conditions where organization_id = ? and id = ?)
)

-- part: find_person
with found as (
    select distinct permit_uuid from permit_parties
    where person_words @> (select words from conditions where organization_id = ? and id = ? and words <> '{}')
)

-- part: find_location
with c as (
    select latitude, longitude, radius_m, area, other_area from conditions where organization_id = ? and id = ?
), found as (
    select p.uuid as permit_uuid
    from c
    join permits p on p.latitude is not null
        and (point(p.longitude, p.latitude) <@ c.area or point(p.longitude, p.latitude) <@ c.other_area)
    where distance_m(p.latitude, p.longitude, c.latitude, c.longitude) <= c.radius_m
)

-- part: replace
, gone as (
    delete from condition_matches m
    where m.organization_id = ? and m.condition_id = ? and not exists (select from found f where f.permit_uuid = m.permit_uuid)
    returning m.permit_uuid
), come as (
    insert into condition_matches (organization_id, condition_id, permit_uuid, matched_at)
    select ?, ?, permit_uuid, ? from found
    on conflict do nothing
    returning permit_uuid
)
select permit_uuid from gone union all select permit_uuid from come

-- name: exist
select exists (select from conditions)

-- name: match
-- What matches the permits now, by the conditions' indexes, takes the place of what matched them before. What stays is not written, and
-- nobody else writes matches meanwhile.
with party as (
    select permit_uuid, company_key, upper(license) as license, person_words
    from permit_parties
    where permit_uuid = any($1)
), place as (
    select uuid as permit_uuid, latitude, longitude, box(point(longitude, latitude), point(longitude, latitude)) as spot
    from permits
    where uuid = any($1) and latitude is not null
), found as (
    select c.organization_id, c.id, s.permit_uuid
    from party s
    join conditions c on c.type = 'company' and c.key = s.company_key
    where s.company_key <> ''
    union
    select c.organization_id, c.id, s.permit_uuid
    from party s
    join conditions c on c.type = 'license' and c.key = s.license
    where s.license <> ''
    union -- by each word, and by each two in the order of person_key
    select c.organization_id, c.id, s.permit_uuid
    from party s
    cross join lateral unnest(s.person_words) v (word)
    join lateral unnest(s.person_words) w (word) on v.word <= w.word collate "C"
    join conditions c on c.words <@ s.person_words
        and c.person_key = case when v.word = w.word then v.word else v.word || ' ' || w.word end
    union
    select c.organization_id, c.id, p.permit_uuid
    from place p
    join conditions c on c.area @> p.spot
    where distance_m(p.latitude, p.longitude, c.latitude, c.longitude) <= c.radius_m
    union
    select c.organization_id, c.id, p.permit_uuid
    from place p
    join conditions c on c.other_area @> p.spot
    where distance_m(p.latitude, p.longitude, c.latitude, c.longitude) <= c.radius_m
), before as (
    select ctid as tuple, organization_id, condition_id, permit_uuid from condition_matches where permit_uuid = any($1)
), gone as (
    delete from condition_matches
    where ctid = any(array(
        select tuple from before b
        where not exists (select from found f where f.organization_id = b.organization_id and f.id = b.condition_id and f.permit_uuid = b.permit_uuid)))
)
insert into condition_matches (organization_id, condition_id, permit_uuid, matched_at)
select organization_id, id, permit_uuid, $2 from found f
where not exists (select from before b where b.organization_id = f.organization_id and b.condition_id = f.id and b.permit_uuid = f.permit_uuid)
