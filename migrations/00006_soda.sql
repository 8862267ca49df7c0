-- +goose Up

-- soda_syncs holds how far the datasets of open-data portals (Socrata's SODA API) were pulled and merged.
create table soda_syncs (
    jurisdiction_id uuid        not null references jurisdictions,
    dataset         text        not null check (dataset in ('permits', 'inspections', 'fees')),
    portal_dataset  text        not null, -- the portal's id of it, such as abcd-1234
    source_hash     bytea       not null, -- of the source file that it was pulled with; with another one all is pulled again
    watermark       text        not null, -- the newest :updated_at that was merged, as the portal writes it; '' before the first row
    watermark_rows  bigint      not null, -- how many rows have exactly that time
    last_run_at     timestamptz not null, -- of the last sync that came to its end; what it did:
    last_rows       bigint      not null,
    last_rejected   bigint      not null,
    last_new        bigint      not null,
    last_changed    bigint      not null,
    last_unchanged  bigint      not null,
    primary key (jurisdiction_id, dataset, portal_dataset)
);
