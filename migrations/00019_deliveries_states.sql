-- +goose Up

-- With the state in it, the index alone finds and counts what failed.
drop index deliveries_unsettled_idx;
create index deliveries_unsettled_idx on deliveries (organization_id, state, id) where state <> 'succeeded';
