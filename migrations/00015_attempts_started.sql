-- +goose Up

-- The summaries of a BRIN index only widen: once the room of what was pruned is used again, each block range seems to hold
-- something old, and every pruning reads the whole table.
drop index attempts_started_idx;
create index attempts_started_idx on attempts (started_at);
