-- Agencies, their networks, and the campaigns their cases belong to. Dates are days in the configured time zone.
CREATE TABLE units (
    id INTEGER PRIMARY KEY,
    code TEXT NOT NULL,
    name TEXT NOT NULL,
    parent TEXT NOT NULL DEFAULT '',    -- code of the unit above
    valid_from TEXT NOT NULL DEFAULT '',    -- first day, '' = always
    valid_to TEXT    -- last day, NULL = still
) STRICT;
CREATE UNIQUE INDEX units_living ON units (code) WHERE valid_to IS NULL;
CREATE INDEX units_code ON units (code);

CREATE TABLE unit_networks (
    id INTEGER PRIMARY KEY,
    unit INTEGER NOT NULL REFERENCES units (id) ON DELETE CASCADE,
    network TEXT NOT NULL,    -- CIDR, as people write it
    first BLOB NOT NULL,    -- lowest and highest address, packed: 4 or 16 octets
    last BLOB NOT NULL,
    UNIQUE (unit, network)
) STRICT;
CREATE INDEX unit_networks_first ON unit_networks (first);

CREATE TABLE campaigns (
    id TEXT PRIMARY KEY,
    title TEXT NOT NULL,
    letter TEXT NOT NULL DEFAULT '',
    issuer TEXT NOT NULL DEFAULT '',
    "start" TEXT,    -- first and last day, NULL = open
    "end" TEXT
) STRICT;

-- What happened once in the life of this database, the seeding from config.yaml for one.
CREATE TABLE milestones (
    name TEXT PRIMARY KEY,
    reached INTEGER NOT NULL    -- UTC second
) STRICT;
