-- One file holds everything of embedded mode. Times are integers, nanoseconds since 1970
-- (what lies beyond 2262 counts as 2262), where the store sorts by them, else RFC 3339 text.
-- Every statement is idempotent: two processes may lay the schema at once.

-- Events as they came. The normalised event is not kept: it is read from `raw` again. The
-- columns before `raw` are for queries; `raw` stands last, so they are read without it.
create table if not exists event (
    seq         integer primary key,      -- order of arrival
    id          text    not null,         -- the source's own id
    fold        integer not null,         -- 64 bits of the id's digest: its short form in the index
    variant     text    not null,         -- '' for the first content under that id, else the content's digest
    time        integer not null,
    source      integer not null,         -- 0: CloudTrail, 1: GuardDuty, 2: Config, 3: Security Hub,
                                          -- 4: Access Analyzer, 5: our own scans
    disposition integer not null,         -- 0: examined, 1: caused by our own role
    name        text    not null,         -- eventName
    service     text    not null,         -- eventSource
    account     text    not null,
    region      text    not null,
    principal   text,                     -- role behind the session, else ARN, else key
    error       text,                     -- error code of a call that failed
    raw         text    not null
) strict;
-- Ids are random, so each new event changes some page of this index. Entries a third as long
-- as the ids make for a third of the pages.
create index if not exists event_by_fold on event (fold, variant);
create index if not exists event_by_time on event (time, id);

-- What rules said about events.
create table if not exists hit (
    event     text    not null,           -- event.id
    rule      text    not null,
    resource  text    not null,           -- key of the resource
    seq       integer not null,           -- event.seq of the content that was hit
    time      integer not null,
    principal text,
    content   text    not null,           -- the hit as JSON
    primary key (event, rule, resource)
) strict, without rowid;
create index if not exists hit_by_seq on hit (seq, rule, resource);
create index if not exists hit_by_principal on hit (principal, time, rule) where principal is not null;

-- Events with hits that no incident took yet.
create table if not exists pending (
    time integer not null,
    id   text    not null,
    seq  integer not null,                -- event.seq
    primary key (time, id, seq)
) strict, without rowid;

-- Which events changed which resource.
create table if not exists touch (
    resource text    not null,            -- key of the resource
    time     integer not null,
    seq      integer not null,            -- event.seq
    primary key (resource, time, seq)
) strict, without rowid;

-- The time of the earliest event that shows something: a caller, a region of an account.
create table if not exists seen (
    what text    primary key,
    time integer not null
) strict, without rowid;

-- What could not be read as an event.
create table if not exists dead_letter (
    seq         integer primary key,      -- order of arrival
    fingerprint text    not null unique,  -- digest of origin, line and content
    origin      text    not null,
    line        integer not null,
    reason      text    not null,
    content     text    not null
) strict;

-- Incidents. `links` and `head` are the head of the ledger chain, so that a cut tail is seen.
create table if not exists incident (
    id       text    primary key,
    time     integer not null,            -- of the event that opened it
    resource text    not null,            -- key of the resource
    detected text    not null,            -- Detect's hand-off as JSON
    links    integer not null,
    head     text    not null
) strict;
create index if not exists incident_by_time on incident (time, id);

create table if not exists incident_event (
    event    text not null,               -- event.id
    incident text not null,
    primary key (event, incident)
) strict, without rowid;
create index if not exists incident_event_by_incident on incident_event (incident, event);

-- Incidents that took one of a limited number of places.
create table if not exists admitted (
    name     text not null,               -- rule and hour
    incident text not null,
    primary key (name, incident)
) strict, without rowid;

-- The ledger: append-only, hash-chained for each incident.
create table if not exists ledger (
    incident text    not null,
    seq      integer not null,            -- from 1, without gaps
    key      text    not null,            -- the step that wrote it
    at       text    not null,
    entry    text    not null,            -- JSON, as it was hashed
    prev     text    not null,
    hash     text    not null,
    primary key (incident, seq)
) strict;
create unique index if not exists ledger_by_key on ledger (incident, key);

-- `remediated` entries by resource, for the budget of writes.
create table if not exists write_made (
    resource text    not null,
    at       integer not null,
    incident text    not null,
    seq      integer not null,            -- ledger.seq
    primary key (resource, at, incident, seq)
) strict, without rowid;

-- The newest question about each incident, and the answer that decided it.
create table if not exists question (
    incident text    primary key,
    digest   text    not null,            -- of the plan
    token    text    not null,
    asked    text    not null,
    asked_at integer not null,            -- the same, to sort by
    expires  text    not null,
    vote     text,
    voter    text,
    voted    text
) strict;
-- Answers that count, in their order. Questions of stores without this table have theirs above.
create table if not exists answer (
    incident text    not null,
    number   integer not null,            -- from 1
    vote     text    not null,
    voter    text    not null,
    reason   text    not null,
    voted    text    not null,
    primary key (incident, number)
) strict, without rowid;

-- How many people have to grant, where one is not enough.
create table if not exists quorum (
    incident  text    primary key,
    approvals integer not null
) strict, without rowid;
create index if not exists question_open on question (asked_at, incident) where vote is null;

-- States that were read, under their digests.
create table if not exists state (
    digest  text primary key,
    content text not null
) strict;

-- The last state of a resource on which a control was silent.
create table if not exists baseline (
    resource text not null,
    control  text not null,
    state    text not null,               -- state.digest
    primary key (resource, control)
) strict, without rowid;

-- What correlations count: matching events by group. Every correlation cuts time into buckets
-- as long as its span.
create table if not exists window_entry (
    correlation text    not null,         -- rule
    grouping    text    not null,         -- values of the group as a JSON array
    time        integer not null,         -- of the event
    event       text    not null,         -- event.id
    part        integer not null,         -- which of the correlation's rules matched
    value       text    not null,         -- what is counted; '' where events are
    bucket      integer not null,
    arrived     integer not null,
    is_fired    integer not null,         -- 1: the correlation fired at it, and all that follows is kept
    primary key (correlation, grouping, time, event, part, value)
) strict, without rowid;
create index if not exists window_entry_by_arrival on window_entry (arrived);

-- Entries of a bucket by part: each part has room of its own.
create table if not exists window_part (
    correlation text    not null,
    grouping    text    not null,
    bucket      integer not null,
    part        integer not null,
    size        integer not null,
    primary key (correlation, grouping, bucket, part)
) strict, without rowid;

create table if not exists window_bucket (
    correlation text    not null,
    grouping    text    not null,
    bucket      integer not null,
    size        integer not null,         -- entries in it
    version     integer not null,         -- entries that were ever added
    is_changed  integer not null,         -- 1: not evaluated since the last one was added
    is_full     integer not null,         -- 1: entries were dropped that would have counted
    added_at    integer not null,         -- when the last entry was added
    primary key (correlation, grouping, bucket)
) strict, without rowid;
create index if not exists window_changed on window_bucket (correlation, grouping, bucket) where is_changed = 1;
