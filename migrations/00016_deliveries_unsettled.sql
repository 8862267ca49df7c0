-- +goose Up

-- A list of what is pending, exhausted or cancelled would go through all that succeeded since.
create index deliveries_unsettled_idx on deliveries (organization_id, id) where state <> 'succeeded';
