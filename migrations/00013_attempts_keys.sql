-- +goose Up

-- An attempt is looked for by its delivery. Its organization is the delivery's: looking it up again would be a statement an attempt.
drop index attempts_delivery_idx;
alter table attempts
    drop constraint attempts_pkey,
    drop constraint attempts_organization_id_fkey,
    add primary key (organization_id, delivery_id, id);
