-- name: lock
-- Until the transaction ends, nothing that documents have of other tables changes; false when it is just being changed.
select pg_try_advisory_xact_lock_shared(hashtextextended('documents', 0))

-- name: put
insert into documents (kind, id, revision, schema, body)
select $1, u.id, u.revision, $2, u.body
from unnest(cast($3 as uuid[]), cast($4 as int[]), cast($5 as text[])) as u (id, revision, body)
order by u.id
on conflict (kind, id) do update set revision = excluded.revision, schema = excluded.schema, body = excluded.body
where documents.revision < excluded.revision or documents.schema <> excluded.schema
