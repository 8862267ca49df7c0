-- part: createTables
-- As in staging.sql: a batch that a crash takes back is merged again by the next import.
set synchronous_commit = off;
set temp_buffers = '64MB';
create temp table batch (
    permit_uuid uuid    primary key,
    hash        uuid    not null,
    first       boolean not null, -- nothing was imported for this permit before
    differs     boolean not null default false
);
create temp table differences (
    permit_uuid uuid not null,
    label       text not null,
    previous    text,
    new         text,
    number      text not null, -- the city's own; '' when there is none
    nth         bigint not null, -- among those of the same key
    was_amount  text, -- of fees
    amount      text,
    was_day     date, -- of inspections: what they are scheduled for
    day         date
)

-- part: createFees
-- The view entries describes the stored rows and the new ones alike. Rows with the same key are the same fee over time,
-- first those that also have the same day. History shows the headline, and the details where only they differ; rows are
-- equal when whole is.
create temp table incoming (like permit_fees, hash uuid not null);
create temp view entries as
select stored, permit_uuid, case number when '' then 'name ' || name else 'number ' || number end as key, cast(null as date) as day,
       number, cast(amount as text) as amount, name as label, cast(amount as text) as headline,
       nullif(concat_ws(', ', 'assessed ' || assessed_date, 'paid ' || paid_amount, 'paid on ' || paid_date), '') as details,
       cast(row(number, name, amount, paid_amount, assessed_date, paid_date) as text) as whole
from (
    select true as stored, permit_uuid, number, name, amount, paid_amount, assessed_date, paid_date from permit_fees
    union all
    select false, permit_uuid, number, name, amount, paid_amount, assessed_date, paid_date from incoming
) fees

-- part: createInspections
-- As for fees.
create temp table incoming (like permit_inspections, hash uuid not null);
create temp view entries as
select stored, permit_uuid, case number when '' then 'type ' || type else 'number ' || number end as key, scheduled_date as day,
       number, cast(null as text) as amount, type as label,
       coalesce(nullif(concat_ws(', ', coalesce(scheduled_date, inspected_date), nullif(result, '')), ''), 'not scheduled') as headline,
       nullif(concat_ws(', ', 'scheduled ' || scheduled_date, 'inspected ' || inspected_date, 'inspector ' || nullif(inspector, ''),
           'description ' || nullif(description, ''), 'notes ' || nullif(notes, '')), '') as details,
       cast(row(number, type, description, result, scheduled_date, inspected_date, inspector, notes) as text) as whole
from (
    select true as stored, permit_uuid, number, type, description, result, scheduled_date, inspected_date, inspector, notes
    from permit_inspections
    union all
    select false, permit_uuid, number, type, description, result, scheduled_date, inspected_date, inspector, notes
    from incoming
) inspections

-- name: listKnown
select permit_number, uuid from permits where jurisdiction_id = $1 and permit_number = any($2)

-- part: copyFees
copy incoming (permit_uuid, position, hash, number, name, amount, paid_amount, assessed_date, paid_date) from stdin

-- part: copyInspections
copy incoming (permit_uuid, position, hash, number, type, description, result, scheduled_date, inspected_date, inspector, notes) from stdin

-- part: group
delete from incoming where position in (
    select position
    from (
        select position, row_number() over (partition by permit_uuid, number order by position desc) as nth
        from incoming
        where number <> ''
    ) numbered
    where nth > 1
);
create index on incoming (permit_uuid);
create temp table pending as
select row_number() over (order by l.position) as rank, l.permit_uuid, l.hash, p.{{kind}}_hash is null as first
from (
    select permit_uuid, min(position) as position,
           cast(md5(string_agg(cast(hash as text), '' order by hash)) as uuid) as hash -- whatever the order of the rows
    from incoming
    group by permit_uuid
) l
join permits p on p.uuid = l.permit_uuid
where p.{{kind}}_hash is distinct from l.hash;
create index on pending (rank);
analyze pending;
analyze incoming

-- part: summarize
select count(*) as rows, count(distinct permit_uuid) as permits, (select count(*) from pending) as pending
from incoming

-- part: fillBatch
insert into batch (permit_uuid, hash, first)
select permit_uuid, hash, first
from pending
where rank > ? and rank <= ?

-- part: compare
-- Equal rows cancel each other out. What is left of a key is paired: first on its day, then in order.
with described as (
    select e.permit_uuid, e.stored, e.key, e.day, e.number, e.amount, e.label, e.headline, e.details, e.whole
    from batch b join entries e on e.permit_uuid = b.permit_uuid
    where not b.first
), left_over as (
    select true as stored, gone.*
    from (
        select permit_uuid, key, day, number, amount, label, headline, details, whole from described where stored
        except all
        select permit_uuid, key, day, number, amount, label, headline, details, whole from described where not stored
    ) gone
    union all
    select false, come.*
    from (
        select permit_uuid, key, day, number, amount, label, headline, details, whole from described where not stored
        except all
        select permit_uuid, key, day, number, amount, label, headline, details, whole from described where stored
    ) come
), counted as (
    select *, row_number() over (partition by stored, permit_uuid, key, day order by headline, whole) as nth
    from left_over
), matched as (
    select *, count(*) over (partition by permit_uuid, key, day, nth) = 2 as same_day
    from counted
), paired as (
    select *, row_number() over (partition by stored, permit_uuid, key, same_day order by day, nth) as pair
    from matched
)
insert into differences (permit_uuid, label, number, nth, was_amount, amount, was_day, day, previous, new)
select coalesce(n.permit_uuid, p.permit_uuid), coalesce(n.label, p.label), coalesce(n.number, p.number), coalesce(n.pair, p.pair),
       p.amount, n.amount, p.day, n.day,
       case when p.headline = n.headline then concat_ws(', ', p.headline, nullif(p.label, n.label), nullif(p.details, n.details))
            else p.headline end,
       case when p.headline = n.headline then concat_ws(', ', n.headline, nullif(n.label, p.label), nullif(n.details, p.details))
            else n.headline end
from (select * from paired where stored) p
full join (select * from paired where not stored) n
    on n.permit_uuid = p.permit_uuid and n.key = p.key and n.same_day = p.same_day and n.pair = p.pair

-- part: markDiffering
update batch b set differs = true
where b.first or exists (select from differences d where d.permit_uuid = b.permit_uuid)

-- part: recordChanges
insert into permit_changes (id, permit_uuid, scope, field, previous, new, detected_at)
select uuid_v7(), permit_uuid, ?, label, previous, new, ?
from differences
where previous is distinct from new

-- part: deleteEntries
delete from permit_{{kind}} e using batch b where e.permit_uuid = b.permit_uuid and b.differs

-- part: insertFees
insert into permit_fees (permit_uuid, position, number, name, amount, paid_amount, assessed_date, paid_date)
select i.permit_uuid, row_number() over (partition by i.permit_uuid order by i.position), i.number, i.name, i.amount, i.paid_amount,
       i.assessed_date, i.paid_date
from batch b join incoming i on i.permit_uuid = b.permit_uuid
where b.differs

-- part: insertInspections
insert into permit_inspections (permit_uuid, position, number, type, description, result, scheduled_date, inspected_date, inspector, notes)
select i.permit_uuid, row_number() over (partition by i.permit_uuid order by i.position), i.number, i.type, i.description, i.result,
       i.scheduled_date, i.inspected_date, i.inspector, i.notes
from batch b join incoming i on i.permit_uuid = b.permit_uuid
where b.differs

-- part: updatePermits
update permits p set {{kind}}_hash = b.hash, updated_at = case when b.differs then ? else p.updated_at end
from batch b
where p.uuid = b.permit_uuid

-- part: countBatch
select count(*) filter (where first) as first, count(*) filter (where differs and not first) as changed from batch

-- part: listFeeEvents
select w.organization_id, d.permit_uuid, p.permit_number, d.label, d.number, d.was_amount, d.amount
from differences d
join permits p on p.uuid = d.permit_uuid
join watchlist_items w on w.permit_uuid = d.permit_uuid
where d.was_amount is distinct from d.amount
order by d.permit_uuid, d.label, d.nth

-- part: listInspectionEvents
-- One without a number is named by its place among the permit's others of its type that have a day: of those on the same
-- day, the new ones come last.
select w.organization_id, d.permit_uuid, p.permit_number, d.label, d.was_day, d.day,
       case when d.number <> '' then d.number else d.label || ' #' || (
           select count(*)
           from permit_inspections i
           where i.permit_uuid = d.permit_uuid and i.number = '' and i.type = d.label and i.scheduled_date <= d.day
       ) - count(*) over same_day + row_number() over (same_day order by d.nth) end as number
from differences d
join permits p on p.uuid = d.permit_uuid
join watchlist_items w on w.permit_uuid = d.permit_uuid
where d.day is not null and d.was_day is distinct from d.day
window same_day as (partition by w.organization_id, d.permit_uuid, d.number, d.label, d.day)
order by d.permit_uuid, d.day, d.label, d.nth

-- part: truncateBatch
truncate batch, differences

-- part: analyze
analyze permits, permit_{{kind}}
