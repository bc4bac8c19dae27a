-- Who asked for what, when: rolled up from the ledger, which stays the truth. Times are UTC seconds, hours are UTC hours.
CREATE TABLE indicators (
    id INTEGER PRIMARY KEY,
    name TEXT NOT NULL,
    list TEXT NOT NULL,
    campaign TEXT NOT NULL,
    kind TEXT NOT NULL,
    family TEXT NOT NULL,
    letter TEXT NOT NULL,
    source TEXT NOT NULL,
    UNIQUE (name, list, campaign, kind, family, letter, source)
) STRICT;

-- A machine as an address within the unit that had the address at the time of the hit.
CREATE TABLE hosts (
    id INTEGER PRIMARY KEY,
    address TEXT NOT NULL,
    packed BLOB NOT NULL,    -- 4 or 16 octets: the order of addresses
    unit TEXT NOT NULL,    -- code in casework.db, '' = no unit has this network
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    hits INTEGER NOT NULL,
    UNIQUE (address, unit)
) STRICT;
CREATE INDEX hosts_unit ON hosts (unit);

CREATE TABLE host_indicators (
    host INTEGER NOT NULL REFERENCES hosts (id),
    indicator INTEGER NOT NULL REFERENCES indicators (id),
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    hits INTEGER NOT NULL,
    action INTEGER NOT NULL,    -- the strongest answer given: 1 passthru, 2 monitor, 3 nodata, 4 sinkhole
    PRIMARY KEY (host, indicator)
) STRICT, WITHOUT ROWID;
CREATE INDEX host_indicators_indicator ON host_indicators (indicator);

CREATE TABLE sightings (
    host INTEGER NOT NULL,
    indicator INTEGER NOT NULL,
    hour INTEGER NOT NULL,    -- UTC second / 3600
    hits INTEGER NOT NULL,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    PRIMARY KEY (host, indicator, hour)
) STRICT, WITHOUT ROWID;

-- How far each ledger file is rolled up, and which times it holds, so that readers open only the files they need.
CREATE TABLE ledgers (
    file TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,    -- every row up to here is in the tables above
    first INTEGER NOT NULL,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
