-- name: insert
insert into audit_log (organization_id, id, api_key_id, operation, method, path, status, request_id, at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
