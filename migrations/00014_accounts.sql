-- +goose Up

-- accounts are people who sign in, by the e-mail address that makes them members of organizations.
create table accounts (
    email         text        primary key check (email = lower(email)),
    password_hash text        not null default '', -- argon2id, with its parameters; '' until one is set
    created_at    timestamptz not null,
    changed_at    timestamptz not null -- when the password was set: sessions of before are over
);

-- sign_in_links let somebody in once, without a password.
create table sign_in_links (
    token_hash bytea       primary key, -- SHA-256
    email      text        not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    used_at    timestamptz
);

create index sign_in_links_expires_idx on sign_in_links (expires_at);

create table sessions (
    token  text        primary key, -- SHA-256 of the cookie's
    data   bytea       not null,
    expiry timestamptz not null
);

create index sessions_expiry_idx on sessions (expiry);
create index members_person_idx on members (lower(email));

alter table audit_log add column member_id uuid; -- of the person, where it was not an API key
