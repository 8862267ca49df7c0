-- part: columns
select p.uuid, p.permit_number, p.status, p.stage, p.state, p.type, p.description,
       p.street, p.city, p.region, p.postal_code, p.latitude, p.longitude,
       p.filed_date, p.issued_date, p.expires_date, p.completed_date, p.valuation, p.updated_at,
       j.slug as jurisdiction_slug, j.name as jurisdiction_name

-- part: documents
-- What is in the parentheses decides the order; a document is looked up for what is on the page alone.
select x.uuid, x.sort_value,
       (select d.body from documents d where d.kind = ? and d.id = x.uuid and d.revision = x.revision and d.schema = ?) as document
from (select p.uuid, p.revision

-- part: documents_end
) x

-- part: sorted_by_uuid
, '' as sort_value

-- part: sorted_by_updated_at
, cast(p.updated_at as text) as sort_value

-- part: sorted_by_joined
, cast(greatest(p.updated_at, w.joined_at) as text) as sort_value

-- part: sorted_by_filed_date
, cast(coalesce(p.filed_date, '-infinity') as text) as sort_value

-- part: sorted_by_issued_date
, cast(coalesce(p.issued_date, '-infinity') as text) as sort_value

-- part: from_all
from permits p left join jurisdictions j on j.id = p.jurisdiction_id
where true

-- part: from_watchlist
from (select permit_uuid, added_at as joined_at from watchlist_items where organization_id = ?) w
join permits p on p.uuid = w.permit_uuid
left join jurisdictions j on j.id = p.jurisdiction_id
where true

-- part: from_portfolio
from (select permit_uuid, min(matched_at) as joined_at from condition_matches where organization_id = ? group by permit_uuid) w
join permits p on p.uuid = w.permit_uuid
left join jurisdictions j on j.id = p.jurisdiction_id
where true

-- part: from_condition
from (select permit_uuid, matched_at as joined_at from condition_matches where organization_id = ? and condition_id = ?) w
join permits p on p.uuid = w.permit_uuid
left join jurisdictions j on j.id = p.jurisdiction_id
where true

-- part: count
select count(*) as n from (select 1

-- part: count_stamped
-- With the newest stamp of the same moment.
select count(*) as n, (select coalesce(cast(max(updated_at) as text), '') from permits) as newest from (select 1

-- part: count_watchlist_plain
-- Every permit that is watched, or matches, is there: no filter needs to look at it.
from watchlist_items where organization_id = ?

-- part: count_portfolio_plain
from (select distinct permit_uuid from condition_matches where organization_id = ?) matched where true

-- part: count_condition_plain
from condition_matches where organization_id = ? and condition_id = ?

-- part: count_all
from permits p where true

-- part: count_watchlist
from (select permit_uuid, added_at as joined_at from watchlist_items where organization_id = ?) w
join permits p on p.uuid = w.permit_uuid
where true

-- part: count_portfolio
from (select permit_uuid, min(matched_at) as joined_at from condition_matches where organization_id = ? group by permit_uuid) w
join permits p on p.uuid = w.permit_uuid
where true

-- part: count_condition
from (select permit_uuid, matched_at as joined_at from condition_matches where organization_id = ? and condition_id = ?) w
join permits p on p.uuid = w.permit_uuid
where true

-- part: count_limit
limit ?) counted

-- part: status_is
and p.status = ?

-- part: status_in
and p.status = any(?)

-- part: state_is
and p.state = ?

-- part: stage_in
and p.stage = any(?)

-- part: type_in
and p.type = any(?)

-- part: jurisdiction_is
and p.jurisdiction_id = (select id from jurisdictions where slug = ?)

-- part: jurisdiction_in
and p.jurisdiction_id = any(array(select id from jurisdictions where slug = any(?)))

-- part: matches
and (p.search @@ websearch_to_tsquery('english', ?)
  or (upper(p.permit_number) collate "C" >= upper(?) and upper(p.permit_number) collate "C" < upper(?) || chr(1114111)))

-- part: updated_since
and p.updated_at >= ?

-- part: joined_since
and greatest(p.updated_at, w.joined_at) >= ?

-- part: portfolio_since
-- Finds the few that moved by index; joined_since says which of them count.
and p.uuid in (
    select uuid from permits where updated_at >= ?
    union
    select permit_uuid from condition_matches where organization_id = ? and matched_at >= ?)

-- part: filed_after
and coalesce(p.filed_date, '-infinity') >= cast(? as date)

-- part: filed_before
and coalesce(p.filed_date, '-infinity') <= cast(? as date) and p.filed_date is not null

-- part: near
and p.latitude is not null
and (point(p.longitude, p.latitude) <@ cast(? as box) or point(p.longitude, p.latitude) <@ cast(? as box))
and distance_m(p.latitude, p.longitude, ?, ?) <= ?

-- part: after_uuid
and p.uuid > ?

-- part: after_uuid_joined
and p.uuid > ? and w.permit_uuid > ?

-- part: after_updated_at
and (p.updated_at, p.uuid) > (cast(? as timestamptz), ?)

-- part: before_updated_at
and (p.updated_at, p.uuid) < (cast(? as timestamptz), ?)

-- part: after_joined
and (greatest(p.updated_at, w.joined_at), p.uuid) > (cast(? as timestamptz), ?)

-- part: before_joined
and (greatest(p.updated_at, w.joined_at), p.uuid) < (cast(? as timestamptz), ?)

-- part: after_filed_date
and (coalesce(p.filed_date, '-infinity'), p.uuid) > (cast(? as date), ?)

-- part: before_filed_date
and (coalesce(p.filed_date, '-infinity'), p.uuid) < (cast(? as date), ?)

-- part: after_issued_date
and (coalesce(p.issued_date, '-infinity'), p.uuid) > (cast(? as date), ?)

-- part: before_issued_date
and (coalesce(p.issued_date, '-infinity'), p.uuid) < (cast(? as date), ?)

-- part: by_uuid
order by p.uuid

-- part: by_updated_at
order by p.updated_at, p.uuid

-- part: by_updated_at_descending
order by p.updated_at desc, p.uuid desc

-- part: by_joined
order by greatest(p.updated_at, w.joined_at), p.uuid

-- part: by_joined_descending
order by greatest(p.updated_at, w.joined_at) desc, p.uuid desc

-- part: by_filed_date
order by coalesce(p.filed_date, '-infinity'), p.uuid

-- part: by_filed_date_descending
order by coalesce(p.filed_date, '-infinity') desc, p.uuid desc

-- part: by_issued_date
order by coalesce(p.issued_date, '-infinity'), p.uuid

-- part: by_issued_date_descending
order by coalesce(p.issued_date, '-infinity') desc, p.uuid desc

-- part: limit
limit ? offset ?

-- name: listByUUID
select p.uuid, p.permit_number, p.status, p.stage, p.state, p.type, p.description,
       p.street, p.city, p.region, p.postal_code, p.latitude, p.longitude,
       p.filed_date, p.issued_date, p.expires_date, p.completed_date, p.valuation, p.updated_at,
       j.slug as jurisdiction_slug, j.name as jurisdiction_name, p.revision
from permits p
join jurisdictions j on j.id = p.jurisdiction_id
where p.uuid = any(cast($1 as uuid[]))

-- name: get
select j.last_checked_at, w.tags, w.priority, w.added_at,
       (select d.body from documents d where d.kind = $3 and d.id = p.uuid and d.revision = p.revision and d.schema = $4) as document,
       array(select m.condition_id from condition_matches m where m.organization_id = $1 and m.permit_uuid = p.uuid
             order by m.condition_id limit 100) as condition_ids,
       exists (select from notes n where n.organization_id = $1 and n.permit_uuid = p.uuid) as noted
from permits p
join jurisdictions j on j.id = p.jurisdiction_id
left join watchlist_items w on w.organization_id = $1 and w.permit_uuid = p.uuid
where p.uuid = $2

-- name: exists
select exists (select from permits where uuid = $1)

-- name: newest
select coalesce(cast(max(updated_at) as text), '') from permits

-- name: listUnknownSlugs
select s from unnest(cast($1 as text[])) as u (s) where not exists (select from jurisdictions where slug = s)

-- name: listParties
select role, person, company, license, phone, email, street, city, region, postal_code
from permit_parties
where permit_uuid = $1
order by position
limit 1000

-- name: listFees
select number, name, amount, paid_amount, assessed_date, paid_date
from permit_fees
where permit_uuid = $1
order by position
limit 1000

-- name: listInspections
select number, type, description, result, scheduled_date, inspected_date, inspector, notes
from permit_inspections
where permit_uuid = $1
order by position
limit 1000

-- name: listStatusChanges
select id, scope, field, previous, new, detected_at
from permit_changes
where permit_uuid = $1 and scope = 'permit' and field = 'status'
order by detected_at desc, id desc
limit 1000

-- name: listChanges
select id, scope, field, previous, new, detected_at, cast(detected_at as text) as sort_value
from permit_changes
where permit_uuid = $1
order by detected_at desc, id desc
limit $2 offset $3

-- name: listChangesAfter
select id, scope, field, previous, new, detected_at, cast(detected_at as text) as sort_value
from permit_changes
where permit_uuid = $1 and (detected_at, id) < (cast($2 as timestamptz), $3)
order by detected_at desc, id desc
limit $4

-- name: countChanges
select count(*) from (select from permit_changes where permit_uuid = $1 limit $2) counted

-- name: listNotes
select n.id, n.body, n.api_key_id, k.name as api_key_name, n.created_at, n.updated_at
from notes n
join api_keys k on k.organization_id = n.organization_id and k.id = n.api_key_id
where n.organization_id = $1 and n.permit_uuid = $2
order by n.id desc
limit 100

-- name: conditionExists
select exists (select from conditions where organization_id = $1 and id = $2)
