-- What led to the match (name, alias, answer or client), and whether the client has shown that it reads what is sent to it.
ALTER TABLE facts ADD COLUMN step TEXT NOT NULL DEFAULT 'name';
ALTER TABLE facts ADD COLUMN verified INTEGER NOT NULL DEFAULT 0;

-- Who the client is, in the words of a proxy or forwarder. Equal claims are stored once, and rows without any, which most
-- are, take no room for it.
CREATE TABLE claims (
    id INTEGER PRIMARY KEY,
    via TEXT NOT NULL,    -- address of who says so
    how TEXT NOT NULL,    -- how it named the client: proxy, ecs; '' = not at all, the client is who says so
    mac TEXT NOT NULL,
    cpe_id TEXT NOT NULL,
    UNIQUE (via, how, mac, cpe_id)
) STRICT;
CREATE TABLE hit_claims (
    seq INTEGER PRIMARY KEY,    -- of the row in hits
    claim INTEGER NOT NULL REFERENCES claims (id)
) STRICT;
