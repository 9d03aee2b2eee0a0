-- What was written to the twin account: each write once, by its key.
create table if not exists twin_write (
    seq      integer primary key,
    key      text    not null unique,     -- incident, step and plan
    resource text    not null,
    time     integer not null,            -- of the last event the resource had seen,
    event    text    not null,            -- and its id; '' before any
    before   text    not null,            -- state, JSON
    after    text    not null,
    calls    text    not null             -- API calls, JSON
) strict;
create index if not exists twin_write_by_resource on twin_write (resource, seq);
