-- +goose Up

-- revision counts the writes of a permit's row, whoever writes: what was made of an older one is out of date.
alter table permits add column revision integer not null default 0;

-- +goose StatementBegin
create function count_revision() returns trigger language plpgsql as $$
begin
    new.revision := old.revision + 1;
    return new;
end
$$;
-- +goose StatementEnd

create trigger permits_revision before update on permits for each row execute function count_revision();

-- documents holds resources as the JSON that they are answered with. A row is good for its revision of the resource, and for
-- the specification that schema, a hash, tells. It can be made again at any time: unlogged, it is lost in a crash, and costs little.
create unlogged table documents (
    kind     text    not null,
    id       uuid    not null,
    revision integer not null,
    schema   bytea   not null,
    body     text    not null,
    constraint documents_pkey primary key (kind, id)
);

-- A permit's document has the name of its jurisdiction in it.
-- +goose StatementBegin
create function forget_documents() returns trigger language plpgsql as $$
begin
    delete from documents d using permits p where d.id = p.uuid and p.jurisdiction_id = new.id;
    return null;
end
$$;
-- +goose StatementEnd

create trigger jurisdictions_renamed after update of slug, name on jurisdictions for each row
    when ((old.slug, old.name) is distinct from (new.slug, new.name)) execute function forget_documents();
