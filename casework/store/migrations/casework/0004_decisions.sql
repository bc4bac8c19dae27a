-- What people decided on top of all lists, for a time: the bypass, and names that are allowed.
CREATE TABLE decisions (
    id INTEGER PRIMARY KEY,
    what TEXT NOT NULL CHECK (what IN ('bypass', 'allow')),
    name TEXT NOT NULL DEFAULT '',    -- of what is allowed, lower case, no final dot
    reason TEXT NOT NULL,
    actor TEXT NOT NULL,
    since INTEGER NOT NULL,    -- UTC seconds
    until INTEGER NOT NULL,
    ended INTEGER,    -- before its time, by a person; NULL = it ran or runs its time
    ended_by TEXT
) STRICT;
CREATE INDEX decisions_until ON decisions (until);
