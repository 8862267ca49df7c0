-- +goose Up

-- Who had read a jurisdiction's old name kept a document with it after those that were there had been deleted. Now whoever makes
-- documents holds a lock from reading to keeping (documents.sql), and a new name waits until it is alone.
-- +goose StatementBegin
create or replace function forget_documents() returns trigger language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('documents', 0));
    delete from documents d using permits p where d.id = p.uuid and p.jurisdiction_id = new.id;
    return null;
end
$$;
-- +goose StatementEnd
