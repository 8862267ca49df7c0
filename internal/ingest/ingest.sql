-- name: tryLock
select pg_try_advisory_lock(hashtextextended(concat_ws(' ', 'sync', cast($1 as uuid), cast($2 as text), cast($3 as text)), 0))

-- name: get
select source_hash, watermark, watermark_rows
from soda_syncs
where jurisdiction_id = $1 and dataset = $2 and portal_dataset = $3

-- name: put
insert into soda_syncs (jurisdiction_id, dataset, portal_dataset, source_hash, watermark, watermark_rows, last_run_at, last_rows,
    last_rejected, last_new, last_changed, last_unchanged)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
on conflict (jurisdiction_id, dataset, portal_dataset) do update
set source_hash = excluded.source_hash, watermark = excluded.watermark, watermark_rows = excluded.watermark_rows,
    last_run_at = excluded.last_run_at, last_rows = excluded.last_rows, last_rejected = excluded.last_rejected,
    last_new = excluded.last_new, last_changed = excluded.last_changed, last_unchanged = excluded.last_unchanged
