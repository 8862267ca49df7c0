-- +goose Up

-- person_key returns what a person's name is found by: its two longest words, which few names have both of, or the only one.
create function person_key(words text[]) returns text language sql immutable parallel safe return
    (select string_agg(word, ' ' order by word collate "C")
    from (select word from unnest(words) word group by word order by length(word) desc, word collate "C" limit 2) longest);

-- The release before finds persons by key, the longest word alone. Many names share that, and a permit was compared with all of them.
alter table conditions add column person_key text generated always as (person_key(words)) stored;

create index conditions_person_idx on conditions (person_key) where person_key is not null;
