-- name: insert
insert into audit_log (organization_id, id, api_key_id, member_id, operation, method, path, status, request_id, at)
values ($1, $2, nullif(cast($3 as uuid), cast('00000000-0000-0000-0000-000000000000' as uuid)),
    nullif(cast($4 as uuid), cast('00000000-0000-0000-0000-000000000000' as uuid)), $5, $6, $7, $8, $9, $10)
