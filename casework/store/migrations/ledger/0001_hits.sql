-- One UTC day of recording on one node. Rows are only ever added; a count may grow until its second has passed.
CREATE TABLE facts (
    id INTEGER PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,    -- BLAKE2b-128 of the packed facts: equal facts are stored once
    qname TEXT NOT NULL,
    qtype INTEGER NOT NULL,
    transport TEXT NOT NULL,
    action TEXT NOT NULL,
    address TEXT NOT NULL,
    indicator TEXT NOT NULL,
    subdomains INTEGER NOT NULL,
    kind TEXT NOT NULL,
    family TEXT NOT NULL,
    list TEXT NOT NULL,
    version INTEGER NOT NULL,
    line INTEGER NOT NULL,
    campaign TEXT NOT NULL,
    letter TEXT NOT NULL,
    source TEXT NOT NULL,
    serial INTEGER NOT NULL
) STRICT;

CREATE TABLE hits (
    seq INTEGER PRIMARY KEY,
    time INTEGER NOT NULL,    -- UTC second of the query
    client TEXT NOT NULL,
    facts INTEGER NOT NULL,
    count INTEGER NOT NULL
) STRICT;

-- Which batches of which boot of a worker are in the ledger: what is committed is never taken twice.
CREATE TABLE marks (
    boot TEXT PRIMARY KEY,
    node TEXT NOT NULL,
    worker INTEGER NOT NULL,
    batch INTEGER NOT NULL,    -- last batch committed
    made INTEGER NOT NULL,    -- the worker's own count of hits at that batch
    counted INTEGER NOT NULL,    -- hits of this boot committed so far
    final INTEGER,    -- hits the boot had made when it died; NULL while it lives
    dropped INTEGER NOT NULL DEFAULT 0,    -- of these, dropped by the worker itself and counted as such
    updated INTEGER NOT NULL    -- UTC second
) STRICT, WITHOUT ROWID;

-- First and last time among the hits, and where in the file each UTC hour lies.
CREATE TABLE hours (
    hour INTEGER PRIMARY KEY,    -- UTC second / 3600
    first_seq INTEGER NOT NULL,
    last_seq INTEGER NOT NULL,
    first INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT;
CREATE VIEW span AS SELECT min(first) AS first, max(last) AS last FROM hours;
