-- +goose Up

-- plain_text returns a text in lower case, without accents, apostrophes and trade marks, with single spaces for all that is neither
-- letter nor digit. Characters beyond ASCII count as letters.
create function plain_text(text text) returns text language sql immutable parallel safe return
    trim(regexp_replace(translate(lower(regexp_replace(normalize(translate(text, '''’‘ʼ`´®™©℠', ''), NFKD), '[\u0300-\u036f.]', '', 'g')),
        '–—·•“”«»', '        '), '[^a-z0-9\u0080-\U0010ffff]+', ' ', 'g'));

-- company_key returns what two spellings of a company's name have in common: no case, accents or punctuation, "and" for
-- "&", initials joined, and neither a leading "the" nor legal suffixes.
create function company_key(company text) returns text language sql immutable parallel safe return
    case when company = '' then '' else
        regexp_replace(regexp_replace(regexp_replace(plain_text(replace(replace(company, '&', ' and '), '.', ' ')),
            '\m(\w) (?=\w\M)', '\1', 'g'),
            '( (inc|incorporated|llc|lc|llp|lllp|lp|pllc|plc|pc|pa|ltd|limited|co|company|corp|corporation|and))+$', ''),
            '^the (?=.)', '')
    end;

-- person_words returns the words of a person's name.
create function person_words(person text) returns text[] language sql immutable parallel safe return
    case when person = '' then '{}' else string_to_array(plain_text(person), ' ') end;

-- condition_key returns what permits are compared with a condition by: for a person the longest word, which the fewest have.
create function condition_key(type text, company text, license text, person text) returns text language sql immutable parallel safe return
    case type
        when 'company' then company_key(company)
        when 'license' then upper(license)
        when 'person' then coalesce((select word from unnest(person_words(person)) word order by length(word) desc, word limit 1), '')
    end;

alter table permit_parties
    add column company_key  text   not null generated always as (company_key(company)) stored,
    add column person_words text[] not null generated always as (person_words(person)) stored;

create index permit_parties_company_idx on permit_parties (company_key) where company_key <> '';
create index permit_parties_license_idx on permit_parties (upper(license)) where license <> '';
create index permit_parties_person_idx on permit_parties using gin (person_words);

create table conditions (
    organization_id uuid        not null references organizations,
    id              uuid        not null,
    type            text        not null check (type in ('company', 'license', 'person', 'location')),
    name            text        not null check (length(name) between 1 and 100),
    company         text        not null default '',
    license         text        not null default '',
    person          text        not null default '',
    latitude        double precision check (latitude between -90 and 90),
    longitude       double precision check (longitude between -180 and 180),
    radius_m        integer     check (radius_m between 1 and 50000),
    key             text,       -- what permits are compared by: company_key, the license in upper case, or a word of the person
    words           text[],     -- all words of the person
    area            box,        -- covers the circle
    other_area      box,        -- covers what lies beyond the antimeridian; null where it does not reach there
    version         bigint      not null default 1,
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    primary key (organization_id, id),
    check ((type = 'location') = (area is not null) and (type = 'location') = (key is null))
);

create index conditions_key_idx on conditions (type, key) where key is not null;
create index conditions_area_idx on conditions using gist (area) where area is not null;
create index conditions_other_area_idx on conditions using gist (other_area) where other_area is not null;

-- condition_matches holds the permits that match each condition. Whoever writes it holds the lock of stamp_change(), so
-- it does without foreign keys, which would cost more than the rows.
create table condition_matches (
    organization_id uuid        not null,
    condition_id    uuid        not null,
    permit_uuid     uuid        not null,
    matched_at      timestamptz not null,
    primary key (organization_id, condition_id, permit_uuid)
);

create index condition_matches_portfolio_idx on condition_matches (organization_id, permit_uuid) include (matched_at);
create index condition_matches_matched_idx on condition_matches (organization_id, matched_at);
create index condition_matches_permit_idx on condition_matches (permit_uuid);

create table contacts (
    organization_id uuid        not null references organizations,
    id              uuid        not null,
    entity_type     text        not null default 'person' check (entity_type in ('company', 'person')),
    name            text        not null default '',
    person          text        not null default '',
    company         text        not null default '',
    phone           text        not null default '',
    email           text        not null default '',
    address         text        not null default '',
    roles           text[]      not null default '{}',
    licenses        text[]      not null default '{}',
    permit_count    integer     not null default 0,
    merged_into     uuid,       -- the contact that this one turned out to be
    search          tsvector    not null default '',
    created_at      timestamptz not null,
    updated_at      timestamptz not null,
    primary key (organization_id, id)
);

create index contacts_updated_idx on contacts (organization_id, updated_at, id);
create index contacts_merged_idx on contacts (organization_id, merged_into) where merged_into is not null;
create index contacts_search_idx on contacts using gin (search);

-- contact_keys says which contact a license, an e-mail address, or a name with a phone number is of.
create table contact_keys (
    organization_id uuid not null,
    key             text not null,
    contact_id      uuid not null,
    primary key (organization_id, key)
);

create index contact_keys_contact_idx on contact_keys (organization_id, contact_id);

-- contact_parties says which contact a party of a tracked permit is.
create table contact_parties (
    organization_id uuid     not null,
    permit_uuid     uuid     not null,
    position        smallint not null,
    contact_id      uuid     not null,
    primary key (organization_id, permit_uuid, position)
);

create index contact_parties_contact_idx on contact_parties (organization_id, contact_id);
create index contact_parties_permit_idx on contact_parties (permit_uuid);

-- contact_backlog holds the permits of which an organization's contacts are still to be found. A permit may stand in it
-- several times: writers never wait for each other or for who works it off.
create table contact_backlog (
    organization_id uuid   not null,
    id              bigint not null generated always as identity,
    permit_uuid     uuid   not null,
    primary key (organization_id, id)
);

create index contact_backlog_permit_idx on contact_backlog (permit_uuid);

-- contact_stamp returns the instant under which a transaction's changes of an organization's contacts become visible to
-- those who poll by time. The transaction holds the lock of the organization's contacts.
-- +goose StatementBegin
create function contact_stamp(of_organization uuid) returns timestamptz language sql volatile
begin atomic
    select greatest(clock_timestamp(), (select max(updated_at) + interval '1 microsecond' from contacts where organization_id = of_organization));
end;
-- +goose StatementEnd
