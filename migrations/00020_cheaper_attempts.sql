-- +goose Up

-- A lease is always looked for with its webhook: one index does for both.
alter table leases
    drop constraint leases_pkey,
    add primary key (organization_id, webhook_id, delivery_id);
drop index leases_webhook_idx;

-- Headers are read whole, as they were written.
alter table attempts
    alter column request_headers type json,
    alter column response_headers type json;
