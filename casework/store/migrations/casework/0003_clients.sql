-- How networks stand, and which forwarders and proxies are believed: published to the workers (casework/client_table.py).
CREATE TABLE standings (
    id INTEGER PRIMARY KEY,
    network TEXT NOT NULL UNIQUE,    -- CIDR
    standing TEXT NOT NULL,    -- monitor, exempt; normal = inside a wider network that is not
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    since INTEGER NOT NULL,    -- UTC second
    until INTEGER NOT NULL    -- UTC second, 0 = for ever
) STRICT;

CREATE TABLE forwarders (
    id INTEGER PRIMARY KEY,
    network TEXT NOT NULL UNIQUE,    -- CIDR
    unit TEXT NOT NULL,    -- code, '' = that of its network
    trusts TEXT NOT NULL,    -- words, with commas between: ecs, mac, cpe-id, proxy
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    since INTEGER NOT NULL
) STRICT;

-- The last table that was published.
CREATE TABLE client_table (
    only INTEGER PRIMARY KEY CHECK (only = 1),
    serial INTEGER NOT NULL
) STRICT;
INSERT INTO client_table (only, serial) VALUES (1, 0);
