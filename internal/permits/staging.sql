-- part: createTables
-- A batch that a crash takes back is merged again by the next import. Whatever acts on a batch commits after it, and
-- that makes the batch durable too: the log is written in order.
set synchronous_commit = off;
set temp_buffers = '64MB';
create temp table incoming (
    position       bigint  not null,
    permit_number  text    collate "C" not null,
    hash           uuid    not null,
    status         text    not null,
    stage          text    not null,
    type           text    not null,
    description    text    not null,
    street         text    not null,
    city           text    not null,
    region         text    not null,
    postal_code    text    not null,
    latitude       double precision,
    longitude      double precision,
    filed_date     date,
    issued_date    date,
    expires_date   date,
    completed_date date,
    valuation      numeric(14, 2),
    parties        jsonb   not null
);
create temp table batch (
    uuid           uuid    not null,
    added          boolean not null,
    differs        boolean not null default false, -- from the stored permit
    regrouped      boolean not null default false, -- its parties differ
    search         tsvector,
    like incoming
);

-- part: copy
copy incoming (position, permit_number, hash, status, stage, type, description, street, city, region, postal_code,
    latitude, longitude, filed_date, issued_date, expires_date, completed_date, valuation, parties) from stdin

-- part: group
create temp table pending as
select row_number() over (order by l.position) as rank, l.permit_number, l.position, l.rows, l.hash, p.uuid
from (
    select permit_number, max(position) as position, count(*) as rows,
           cast(case when count(*) = 1 then min(cast(hash as text))
                else md5(string_agg(cast(hash as text), '' order by position)) end as uuid) as hash
    from incoming
    group by permit_number
) l
left join permits p on p.jurisdiction_id = '{{jurisdiction}}' and p.permit_number = l.permit_number
where p.source_hash is distinct from l.hash

-- part: unite
create index on incoming (position);
create index on pending (rank);
create temp table united as
select permit_number, jsonb_agg(party order by first) as parties
from (
    select i.permit_number, e.party, min(i.position * 1000 + e.position) as first
    from incoming i cross join lateral jsonb_array_elements(i.parties) with ordinality as e (party, position)
    where i.permit_number in (select permit_number from pending where rows > 1)
    group by i.permit_number, e.party
) parties
group by permit_number;
create index on united (permit_number);
analyze united;
analyze pending;
analyze incoming (position, permit_number)

-- part: summarize
select count(*) as rows, count(*) - count(distinct permit_number) as merged, count(distinct permit_number) as permits,
       (select count(*) from pending) as pending
from incoming

-- part: waitShortly
set lock_timeout = '3s'

-- part: lock
select pg_advisory_lock(hashtextextended('import ' || cast(? as text), 0))

-- part: waitAsUsual
reset lock_timeout

-- part: fillBatch
insert into batch (uuid, added, position, permit_number, hash, status, stage, type, description, street, city, region, postal_code,
    latitude, longitude, filed_date, issued_date, expires_date, completed_date, valuation, parties, search)
select b.*, to_tsvector('english', concat_ws(' ', b.permit_number, b.street, b.city, b.region, b.postal_code, b.description,
    (select string_agg(concat_ws(' ', e ->> 'person', e ->> 'company', e ->> 'license'), ' ') from jsonb_array_elements(b.parties) e)))
from (
    select coalesce(p.uuid, uuid_v7()), p.uuid is null, n.position, n.permit_number, n.hash,
           case when 'status' = any(given.fields) then i.status else coalesce(p.status, '') end,
           case when 'status' = any(given.fields) then i.stage else coalesce(p.stage, 'unknown') end,
           case when 'type' = any(given.fields) then i.type else coalesce(p.type, '') end,
           case when 'description' = any(given.fields) then i.description else coalesce(p.description, '') end,
           case when 'street' = any(given.fields) then i.street else coalesce(p.street, '') end,
           case when 'city' = any(given.fields) then i.city else coalesce(p.city, '') end,
           case when 'region' = any(given.fields) then i.region else coalesce(p.region, '') end,
           case when 'postal_code' = any(given.fields) then i.postal_code else coalesce(p.postal_code, '') end,
           case when 'latitude' = any(given.fields) then i.latitude else p.latitude end,
           case when 'latitude' = any(given.fields) then i.longitude else p.longitude end,
           case when 'filed_date' = any(given.fields) then i.filed_date else p.filed_date end,
           case when 'issued_date' = any(given.fields) then i.issued_date else p.issued_date end,
           case when 'expires_date' = any(given.fields) then i.expires_date else p.expires_date end,
           case when 'completed_date' = any(given.fields) then i.completed_date else p.completed_date end,
           case when 'valuation' = any(given.fields) then i.valuation else p.valuation end,
           case when not 'parties' = any(given.fields) then coalesce(stored.parties, '[]')
                else coalesce(u.parties, i.parties) end
    from (select cast(? as text[]) as fields) given
    cross join pending n
    join incoming i on i.position = n.position
    left join permits p on p.uuid = n.uuid
    left join united u on u.permit_number = n.permit_number
    left join lateral (
        select jsonb_agg(to_jsonb(s) - 'permit_uuid' - 'position' order by s.position) as parties
        from permit_parties s
        where s.permit_uuid = p.uuid and not 'parties' = any(given.fields)
    ) stored on true
    where n.rank > ? and n.rank <= ?
    order by n.rank
) b (uuid, added, position, permit_number, hash, status, stage, type, description, street, city, region, postal_code,
    latitude, longitude, filed_date, issued_date, expires_date, completed_date, valuation, parties)

-- part: stamp
select stamp_change()

-- part: recordChanges
insert into permit_changes (id, permit_uuid, scope, field, previous, new, detected_at)
select uuid_v7(), b.uuid, 'permit', v.field, nullif(v.previous, ''), nullif(v.new, ''), ?
from batch b
join permits p on p.uuid = b.uuid
cross join lateral (values
    ('status', p.status, b.status), ('stage', p.stage, b.stage), ('type', p.type, b.type),
    ('description', p.description, b.description), ('street', p.street, b.street), ('city', p.city, b.city),
    ('region', p.region, b.region), ('postal_code', p.postal_code, b.postal_code),
    ('latitude', cast(p.latitude as text), cast(b.latitude as text)),
    ('longitude', cast(p.longitude as text), cast(b.longitude as text)),
    ('filed_date', cast(p.filed_date as text), cast(b.filed_date as text)),
    ('issued_date', cast(p.issued_date as text), cast(b.issued_date as text)),
    ('expires_date', cast(p.expires_date as text), cast(b.expires_date as text)),
    ('completed_date', cast(p.completed_date as text), cast(b.completed_date as text)),
    ('valuation', cast(p.valuation as text), cast(b.valuation as text))
) v (field, previous, new)
where not b.added and nullif(v.previous, '') is distinct from nullif(v.new, '')

-- part: recordPartyChanges
-- Each value counts for itself: a name that moves from the person to the company changes what the party is.
with previous as (
    select b.uuid, s.role, array[s.person, s.company, s.license, s.phone, s.email, s.street, s.city, s.region, s.postal_code] as party
    from batch b join permit_parties s on s.permit_uuid = b.uuid
    where not b.added
), now as (
    select b.uuid, s ->> 'role' as role, array[s ->> 'person', s ->> 'company', s ->> 'license', s ->> 'phone', s ->> 'email',
        s ->> 'street', s ->> 'city', s ->> 'region', s ->> 'postal_code'] as party
    from batch b cross join lateral jsonb_array_elements(b.parties) s
    where not b.added
)
insert into permit_changes (id, permit_uuid, scope, field, previous, new, detected_at)
select uuid_v7(), uuid, 'party', role, array_to_string(array_remove(party, ''), ', '), null, cast(? as timestamptz)
from (select * from previous except select * from now) gone
union all
select uuid_v7(), uuid, 'party', role, null, array_to_string(array_remove(party, ''), ', '), cast(? as timestamptz)
from (select * from now except select * from previous) come

-- part: markChanged
update batch b set differs = true, regrouped = c.party
from (
    select permit_uuid, bool_or(scope = 'party') as party
    from permit_changes
    where permit_uuid = any(array(select uuid from batch where not added)) and detected_at = ?
    group by permit_uuid
) c
where c.permit_uuid = b.uuid

-- part: updatePermits
update permits p set
    status = b.status, stage = b.stage, type = b.type, description = b.description, street = b.street, city = b.city,
    region = b.region, postal_code = b.postal_code, latitude = b.latitude, longitude = b.longitude,
    filed_date = b.filed_date, issued_date = b.issued_date, expires_date = b.expires_date, completed_date = b.completed_date,
    valuation = b.valuation, source_hash = b.hash, updated_at = ?,
    search = b.search
from batch b
where p.uuid = b.uuid and b.differs

-- part: touchPermits
update permits p set source_hash = b.hash
from batch b
where p.uuid = b.uuid and not b.differs and not b.added

-- part: insertPermits
insert into permits (uuid, jurisdiction_id, permit_number, status, stage, type, description, street, city, region, postal_code,
    latitude, longitude, filed_date, issued_date, expires_date, completed_date, valuation, source_hash, updated_at, search)
select uuid, cast(? as uuid), permit_number, status, stage, type, description, street, city, region, postal_code,
    latitude, longitude, filed_date, issued_date, expires_date, completed_date, valuation, hash, cast(? as timestamptz), search
from batch
where added
order by position

-- part: deleteParties
-- Parties that are the same keep their positions, in whichever order they come: others refer to these.
delete from permit_parties s using batch b where s.permit_uuid = b.uuid and b.regrouped

-- part: insertParties
insert into permit_parties (permit_uuid, position, role, person, company, license, phone, email, street, city, region, postal_code)
select b.uuid, e.position, e.party ->> 'role', e.party ->> 'person', e.party ->> 'company', e.party ->> 'license', e.party ->> 'phone',
       e.party ->> 'email', e.party ->> 'street', e.party ->> 'city', e.party ->> 'region', e.party ->> 'postal_code'
from batch b
cross join lateral jsonb_array_elements(b.parties) with ordinality as e (party, position)
where b.added or b.regrouped

-- part: listMoved
select uuid from batch b
where added or regrouped or differs and exists (
    select from permit_changes c where c.permit_uuid = b.uuid and c.detected_at = ? and c.field in ('latitude', 'longitude'))

-- part: listStatusEvents
select w.organization_id, c.permit_uuid, p.permit_number, coalesce(c.previous, '') as previous, coalesce(c.new, '') as new
from permit_changes c
join permits p on p.uuid = c.permit_uuid
join watchlist_items w on w.permit_uuid = c.permit_uuid
where c.permit_uuid = any(array(select uuid from batch where differs)) and c.detected_at = ? and c.scope = 'permit' and c.field = 'status'
order by c.id

-- part: countBatch
select count(*) filter (where added) as added, count(*) filter (where differs) as changed from batch

-- part: truncateBatch
truncate batch

-- part: analyze
analyze permits, permit_parties
