-- name: insertFlush
insert into usage_flushes (replica, number, flushed_at) values ($1, $2, $3)
on conflict (replica, number) do nothing

-- name: addMinutes
insert into usage_minutes (organization_id, minute, api_key_id, operation, status, code, requests, milliseconds, max_milliseconds)
select organization_id, minute, api_key_id, operation, status, code, requests, milliseconds, max_milliseconds
from unnest(cast($1 as uuid[]), cast($2 as timestamptz[]), cast($3 as uuid[]), cast($4 as text[]), cast($5 as smallint[]), cast($6 as text[]),
    cast($7 as bigint[]), cast($8 as double precision[]), cast($9 as double precision[]))
    as u (organization_id, minute, api_key_id, operation, status, code, requests, milliseconds, max_milliseconds)
where exists (select from organizations o where o.id = u.organization_id) -- as for days
order by organization_id, minute, api_key_id, operation, status, code -- as all who add do, so that none waits for another in a circle
on conflict (organization_id, minute, api_key_id, operation, status, code) do update
set requests = usage_minutes.requests + excluded.requests, milliseconds = usage_minutes.milliseconds + excluded.milliseconds,
    max_milliseconds = greatest(usage_minutes.max_milliseconds, excluded.max_milliseconds)

-- name: addDays
insert into usage_days (organization_id, day, api_key_id, operation, status, code, requests, milliseconds, max_milliseconds)
select u.organization_id, cast(u.minute at time zone o.time_zone as date) as day, u.api_key_id, u.operation, u.status, u.code,
       sum(u.requests), sum(u.milliseconds), max(u.max_milliseconds)
from unnest(cast($1 as uuid[]), cast($2 as timestamptz[]), cast($3 as uuid[]), cast($4 as text[]), cast($5 as smallint[]), cast($6 as text[]),
    cast($7 as bigint[]), cast($8 as double precision[]), cast($9 as double precision[]))
    as u (organization_id, minute, api_key_id, operation, status, code, requests, milliseconds, max_milliseconds)
join organizations o on o.id = u.organization_id
group by u.organization_id, day, u.api_key_id, u.operation, u.status, u.code
order by u.organization_id, day, u.api_key_id, u.operation, u.status, u.code
on conflict (organization_id, day, api_key_id, operation, status, code) do update
set requests = usage_days.requests + excluded.requests, milliseconds = usage_days.milliseconds + excluded.milliseconds,
    max_milliseconds = greatest(usage_days.max_milliseconds, excluded.max_milliseconds)

-- name: deleteMinutes
delete from usage_minutes
where ctid = any(array(select ctid from usage_minutes where minute < $1 order by minute limit 10000 for update skip locked))

-- name: deleteFlushes
delete from usage_flushes where flushed_at < $1

-- name: peaks
-- The busiest minute of each period, of all keys: they share the limit.
with minutes as (
    select minute, sum(requests) as requests from usage_minutes
    where organization_id = $1 and minute >= $2 and minute < $3
    group by minute
)
select distinct on (start) cast(date_trunc($4, minute at time zone $5) as date) as start, minute as at, requests
from minutes
order by start, requests desc, minute

-- name: getOrganization
select o.time_zone,
       cast($2 as uuid) is null or exists (select from api_keys k where k.organization_id = o.id and k.id = $2) as has_key
from organizations o
where o.id = $1

-- part: period
select cast(date_trunc(?, cast(day as timestamp)) as date) as start,

-- part: operation
select operation,

-- part: counts
       coalesce(sum(requests), 0) as requests,
       coalesce(sum(requests) filter (where status between 400 and 499), 0) as client_errors,
       coalesce(sum(requests) filter (where status >= 500), 0) as server_errors,
       coalesce(sum(requests) filter (where status = 429), 0) as rate_limited,
       cast(round(cast(sum(milliseconds) / nullif(sum(requests), 0) as numeric), 2) as double precision) as average_milliseconds,
       cast(round(cast(max(max_milliseconds) as numeric), 2) as double precision) as max_milliseconds

-- part: failure
select status, code, operation, sum(requests) as requests

-- part: in_range
from usage_days
where organization_id = ? and day between ? and ?

-- part: of_key
and api_key_id = ?

-- part: failed
and status >= 400 and code <> '' -- a client that hung up got no answer
group by status, code, operation
order by requests desc, status, code, operation
limit ?

-- part: by_period
group by grouping sets ((start), ()) -- the total has no start

-- part: by_operation
group by operation
order by requests desc, operation
limit ?
